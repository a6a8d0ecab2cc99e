"""A procedural world that writes raw face anti-spoofing datasets in the layouts of real ones; nobody real is in it."""
