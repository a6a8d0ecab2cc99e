"""The uncertainty of a number: resampling of subjects, and comparison of two systems."""
