"""Packs: the images of a manifest rendered ahead under one view, ready to be read."""
