"""Face anti-spoofing methods, trained, evaluated and compared from a manifest and a store."""
