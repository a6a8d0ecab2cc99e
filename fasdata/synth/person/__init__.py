"""Synthetic people: their identity, the shape and colours of their heads, their masks and glasses."""
