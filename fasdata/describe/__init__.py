"""Describe a dataset or a manifest for others: as Croissant for programs, as a card for people."""
