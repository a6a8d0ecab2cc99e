"""Exports: the pixels of a manifest in the layouts that other projects' own code reads."""
