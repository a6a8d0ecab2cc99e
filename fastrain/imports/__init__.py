"""Checkpoints of the published code become runs."""
