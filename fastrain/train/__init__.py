"""Training: the engine, its devices, checkpoints, and the choice among them."""
