"""Convert checkpoints of the published CDCN code, and translate state-dict keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fasdata.errors import UserError
from fastrain.networks.foreign import Published, network_state, tensors

# The published three-modality network numbers its streams; the others have one, without a number.
STREAMS = {"": "rgb", "_M1": "rgb", "_M2": "ir", "_M3": "depth"}
_NUMBERS = {"rgb": "_M1", "ir": "_M2", "depth": "_M3"}
_PART = re.compile(r"(conv1|Block[123]|lastconv[123]|sa[123])(_M[123])?\.(.+)")


def to_reference(key: str, *, several: bool = False, plus_plus: bool = False) -> str:
    """Return the published name of one of our network's keys.

    Args:
        several: of the network of several modalities.
        plus_plus: of CDCN++, whose last layer belongs to `lastconv1`.

    Raises:
        KeyError: our network has no such part.
    """
    part, _, rest = key.partition(".")
    if part == "trunks":
        name, _, inner = rest.partition(".")
        number = _NUMBERS[name] if several else ""
        if inner.startswith("stem."):
            return f"conv1{number}.{_unit_to(inner.removeprefix('stem.'), 0)}"
        level, unit, inside = inner.removeprefix("levels.").split(".", 2)
        return f"Block{int(level) + 1}{number}.{_unit_to(inside, 3 * int(unit))}"
    if part == "attention":
        return f"sa{int(rest[0]) + 1}.conv1.weight"
    if part == "squeeze":
        name, _, inner = rest.partition(".")
        return f"lastconv1{_NUMBERS[name] if several else ''}.{_unit_to(inner, 0)}"
    if part == "read":
        if plus_plus:
            return "lastconv1.3.conv.weight"
        return f"lastconv2.{_unit_to(rest.removeprefix('0.'), 0)}" if rest[0] == "0" else "lastconv3.0.conv.weight"
    raise KeyError(key)


def from_reference(key: str) -> str:
    """Return our name of a key of a published network.

    Raises:
        KeyError: the published networks have no such part.
    """
    match = _PART.fullmatch(key)
    if not match:
        raise KeyError(key)
    part, stream, rest = match[1], STREAMS[match[2] or ""], match[3]
    if part == "conv1":
        return f"trunks.{stream}.stem.{_unit_from(rest)[1]}"
    if part.startswith("Block"):
        unit, inside = _unit_from(rest)
        return f"trunks.{stream}.levels.{int(part[-1]) - 1}.{unit}.{inside}"
    if part.startswith("sa"):
        return f"attention.{int(part[-1]) - 1}.conv.weight"
    if part == "lastconv1":
        unit, inside = _unit_from(rest)
        return f"squeeze.{stream}.{inside}" if unit == 0 else "read.0.weight"
    return f"read.0.{_unit_from(rest)[1]}" if part == "lastconv2" else "read.1.weight"


def _unit_to(inside: str, first: int) -> str:
    """Return the published place of a layer of a unit (convolution, batch norm), the unit's first being `first`."""
    layer, name = inside.split(".")
    return f"{first + int(layer)}.{'conv.' if layer == '0' else ''}{name}"


def _unit_from(rest: str) -> tuple[int, str]:
    """Return the number of the unit that a published place belongs to, and the layer's name within it."""
    place, _, name = rest.partition(".")
    if not place.isdigit():
        raise KeyError(rest)
    unit, layer = divmod(int(place), 3)
    return unit, f"{layer}.{name.removeprefix('conv.')}"


# -- Checkpoints ------------------------------------------------------------------------------------------------------

RECORDS = ()
BY_HAND = "chosen by hand among late epochs, by which data is not published"


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names: a bare state dictionary, or one inside a checkpoint.

    Network, width and modalities are told by its keys and shapes. Theta is not in it: `--set theta=0.9` and such where
    it is not 0.7. The three-modality network reads depth from the second level of rgb.

    Raises:
        UserError: it has another form.
    """
    network, choice = network_state(content)
    if not isinstance(network, Mapping) or not any("lastconv1" in str(key) for key in network):
        content_keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(
            "not a checkpoint of cdcn", expected="the state dictionary of its network", found=content_keys[:120]
        )
    theirs, state = tensors(network, "network state"), {}
    for key, value in theirs.items():
        try:
            state[f"network.{from_reference(key)}"] = value
        except (KeyError, ValueError):
            raise UserError("the network state holds an entry that cdcn does not have", found=key) from None
    several = any(key.startswith("conv1_M") for key in theirs)
    stem = theirs.get(f"conv1{'_M1' if several else ''}.0.conv.weight")
    model: dict[str, Any] = {"network": "cdcnpp" if any(key.startswith("sa1.") for key in theirs) else "cdcn"}
    if stem is not None:
        model["width"] = 2 * int(stem.shape[0])
    if several:
        model |= {"modalities": ["rgb", "depth", "ir"], "depth_level2": "rgb"}
    return Published(state, model, BY_HAND, choice)
