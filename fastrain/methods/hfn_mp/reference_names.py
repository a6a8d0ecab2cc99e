"""State-dict keys of the published fusion network and of ours; those of the extractor are the same in both."""

from __future__ import annotations

_STREAMS = {"rgb": "fpn.fpn_rgb", "texture": "fpn.fpn_tex"}
_HEADS = {"map_head": "pred_head_0", "class_head": "cls_heads"}
# What a stream has beside its trunk; there, the trunk's layers stand among these.
_AROUND_TRUNK = {"conv6", "conv7", "latlayer1", "latlayer2", "latlayer3", "toplayer1", "toplayer2"}


def to_reference(key: str) -> str:
    """Return the published name of one of our fusion network's keys.

    Raises:
        KeyError: our network has no such part.
    """
    part, _, rest = key.partition(".")
    if part in _HEADS:
        return f"{_HEADS[part]}.{rest}"
    return f"{_STREAMS[part]}.{rest.removeprefix('trunk.')}"


def from_reference(key: str) -> str:
    """Return our name of a key of the published fusion network; the inverse of `to_reference`.

    Raises:
        KeyError: the published network has no such part.
    """
    for ours, theirs in _HEADS.items():
        if key.startswith(theirs + "."):
            return ours + key.removeprefix(theirs)
    for ours, theirs in _STREAMS.items():
        if key.startswith(theirs + "."):
            rest = key.removeprefix(theirs + ".")
            return f"{ours}.{rest}" if rest.split(".")[0] in _AROUND_TRUNK else f"{ours}.trunk.{rest}"
    raise KeyError(key)
