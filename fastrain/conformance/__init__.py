"""The conformance suite: what every method has to keep, checked for any method (`fastrain methods check`)."""
