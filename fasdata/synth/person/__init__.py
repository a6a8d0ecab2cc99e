"""Synthetic people: who they are, the shape and colours of their heads, what they wear."""
