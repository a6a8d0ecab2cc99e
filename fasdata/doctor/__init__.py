"""Check an installation, its machine and its library, and say what to do about problems."""
