"""Raw face anti-spoofing datasets to aligned, packed, described faces."""

__version__ = "0.1.0"
