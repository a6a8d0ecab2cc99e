"""State-dict keys of the published network and of ours."""

from __future__ import annotations

# Published: the trunk twice (`layer_blocks.0` … `3` share the memory of `model.layer1` … `4`), its ImageNet classifier,
# which never learns, and the head. A copy for several devices has `module.` before every key.
TRUNK, HEAD, IDLE, TWICE = "model.", "fc.", "model.fc.", "layer_blocks."


def to_reference(key: str) -> str:
    """Return the published name of one of our network's keys.

    Raises:
        KeyError: our network has no such part.
    """
    part, _, rest = key.partition(".")
    if part not in ("trunk", "head"):
        raise KeyError(key)
    return (TRUNK if part == "trunk" else HEAD) + rest


def from_reference(key: str) -> str | None:
    """Return our name of a key of the published network; None for what we have no use for.

    That is the idle classifier and the second naming of the trunk's layers (see `repeated`).

    Raises:
        KeyError: the published network has no such part.
    """
    key = key.removeprefix("module.")
    if key.startswith((IDLE, TWICE)):
        return None
    if key.startswith(TRUNK):
        return "trunk." + key.removeprefix(TRUNK)
    if key.startswith(HEAD):
        return "head." + key.removeprefix(HEAD)
    raise KeyError(key)


def repeated(key: str) -> str | None:
    """Return the published key whose tensor stands under this key a second time; None where it stands once.

    Raises:
        KeyError: the published network has no such part.
    """
    key = key.removeprefix("module.")
    if not key.startswith(TWICE):
        return None
    number, _, rest = key.removeprefix(TWICE).partition(".")
    if number not in ("0", "1", "2", "3"):
        raise KeyError(key)
    return f"{TRUNK}layer{int(number) + 1}.{rest}"
