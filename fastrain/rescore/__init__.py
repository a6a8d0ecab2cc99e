"""Scoring again: a run's network on other data, on worse pictures, without modalities; scores without a network."""
