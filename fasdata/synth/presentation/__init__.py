"""Presentations: a person before a camera, or an attack with that person's face, as clips and multi-modal captures."""
