"""What can be wrong with a machine and its installation, and what to do about it."""
