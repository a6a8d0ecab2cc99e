"""Remove one person's recordings from a library, so that no byte of them is left."""
