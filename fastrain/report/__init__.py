"""The run report: what a run was, what it reached, and how far to trust it."""
