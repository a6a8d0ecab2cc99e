"""State-dict keys of the published network and of ours."""

from __future__ import annotations

# Published name beginnings and ours, the longest first.
_PAIRS = (
    ("clipModel.image_projections_prompt.", "network.fusions."),
    ("clipModel.text_projection_image", "network.text_projection_image"),
    ("clipModel.", "network.clip."),
    ("prompt_learner.", "network.prompts."),
    ("projection_head.mlp.", "head."),
)
TWICE, SCALE = "logit_scale", "clipModel.logit_scale"  # the same tensor; the second is kept
OURS = ("network.running_means", "network.batches_seen", "network.deep")


def to_reference(key: str) -> str | None:
    """Return the published name of one of our entries; None for what the published network does not have.

    Raises:
        KeyError: our network has no such part.
    """
    if key in OURS:
        return None
    for theirs, ours in _PAIRS:
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    raise KeyError(key)


def from_reference(key: str) -> str | None:
    """Return our name of an entry of the published network; None for the scale's second name.

    Raises:
        KeyError: the published network has no such part.
    """
    if key == TWICE:
        return None
    for theirs, ours in _PAIRS:
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    raise KeyError(key)
