"""A procedural world that writes raw face anti-spoofing datasets in the layouts of real ones, without real people."""
