"""Saving training and continuing it exactly."""
