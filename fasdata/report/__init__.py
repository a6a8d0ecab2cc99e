"""The HTML kit: a self-contained page and its parts. No script, no network, readable in print and on a phone."""
