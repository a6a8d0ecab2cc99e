"""The Python API of `fastrain` that no other room holds: its data set for torch."""
