"""How sure a number is: resampling of people, comparison of two systems, repetition over seeds."""
