"""Hypothesis here: the same examples every run, and no deadline, which a busy machine would miss."""

from hypothesis import settings

settings.register_profile("evaluation", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("evaluation")
