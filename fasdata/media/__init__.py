"""Frame sources: decode recordings into upright frames with time stamps."""
