"""Audits: find what makes results on a manifest unreliable, such as leakage or contradictory labels."""
