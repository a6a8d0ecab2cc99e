"""Extraction: from a recording to its frames, faces and crops in a store."""
