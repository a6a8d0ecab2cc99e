"""A run: from a request to a plan, a training session and a folder with results."""
