"""The kit of a laboratory's evaluation: its plan, the log of its presentations, and the verdict against a level."""
