"""The report of a run: its data, its error rates, and how certain they are."""
