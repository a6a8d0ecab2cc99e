"""Dataset cards and what their paths mean: raw trees to clips."""
