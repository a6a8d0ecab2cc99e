"""Lists of other projects: read them, find the clips that they mean, write them."""
