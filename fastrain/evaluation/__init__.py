"""From scores to numbers: score tables, metrics, thresholds, results."""
