"""Presentations: a person before a camera, or an attack on that person, as clips and multi-modal captures."""
