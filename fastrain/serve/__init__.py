"""A bundle behind HTTP: one picture or short video at a time, one page, and every limit answered in one clear line."""
