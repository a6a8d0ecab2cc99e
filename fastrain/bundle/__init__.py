"""Bundles and predictions: what was evaluated, put into one file that answers, and the same answers of a run."""
