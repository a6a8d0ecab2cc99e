"""What an importer makes of a published checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Published:
    """A checkpoint in our names.

    `state` is the whole state of our method; `model` the settings under which it means what it did; `selection` how
    its authors chose it; `facts` what else the file says (epoch, metrics), as plain values.
    """

    state: Mapping[str, Tensor]
    model: Mapping[str, Any]
    selection: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def tensors(value: object, what: str) -> dict[str, Tensor]:
    """Return a state dictionary after checking that it is one, without the prefix of copies for several devices.

    Raises:
        UserError: it is something else; says what.
    """
    from torch import Tensor

    if not isinstance(value, Mapping) or not value:
        raise UserError(f"the checkpoint has no {what}", expected="a dictionary of tensors", found=type(value).__name__)
    odd = [name for name, one in value.items() if not (isinstance(name, str) and isinstance(one, Tensor))]
    if odd:
        raise UserError(f"the {what} of the checkpoint holds more than tensors", found=str(odd[0])[:80])
    named = {name.removeprefix("module."): one for name, one in value.items()}
    if len(named) < len(value):
        twice = next(name for name in value if f"module.{name}" in value)
        raise UserError(f"the {what} of the checkpoint holds {twice} twice", found=f"with and without {'module.'!r}")
    return named


def plain(value: object) -> Any:
    """Return numbers, text and containers of them as JSON takes them; everything else by the name of its type."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return f"({type(value).__name__})"
