"""Dataset cards: turn the paths of raw datasets into clips."""
