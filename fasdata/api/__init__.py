"""The Python API of `fasdata`: what `import fasdata` offers by name, a thin face over the rooms that do the work."""
