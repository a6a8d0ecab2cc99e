"""From a manifest and a store to batches."""
