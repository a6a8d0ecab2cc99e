"""A multi-modal network on a target that lacks modalities: which variants there are, scoring them, reading them."""
