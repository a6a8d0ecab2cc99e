"""Views made ahead: the images of a manifest under one view, ready to be read."""
