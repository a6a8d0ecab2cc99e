"""Frame sources: recordings in, upright frames with time stamps out."""
