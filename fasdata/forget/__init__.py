"""Taking one person's recordings out of a library, so that no byte of them is left."""
