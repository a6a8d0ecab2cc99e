"""Parameters of a recipe: which frames it takes and what it validates on, where a user wants other than it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fasdata.errors import UserError, unknown_name
from fasdata.protocols.sampling import FrameRule

VALIDATION = ("auto", "none")


@dataclass(frozen=True)
class Parameters:
    """What deviates from a recipe: `frames` of training, `test_frames` of validation and test, `val`, `seed`.

    "" keeps the recipe's frames. `val` is `auto` or `none`; `seed` chooses people, for validation, splits and shots.

    >>> Parameters(frames=" linspace(4) @with_face", val="none").texts(), Parameters().texts()
    ({'frames': 'linspace(4)@with_face', 'val': 'none'}, {})
    """

    frames: str = ""
    test_frames: str = ""
    val: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("frames", "test_frames"):
            if rule := getattr(self, name):
                object.__setattr__(self, name, str(FrameRule.parse(rule)))
        if self.val not in VALIDATION:
            raise unknown_name("validation rule", str(self.val), VALIDATION)

    @classmethod
    def of_texts(cls, texts: Mapping[str, str]) -> Parameters:
        """Return the parameters that `texts` gave.

        Raises:
            UserError: a name or a value that is none.
        """
        known: dict[str, Any] = {name.replace("-", "_"): value for name, value in texts.items()}
        try:
            return cls(**{**known, "seed": int(known.get("seed", 0))})
        except (TypeError, ValueError):
            raise UserError(
                "parameters of a recipe", expected="frames, test-frames, val, seed", found=str(dict(texts))
            ) from None

    def texts(self) -> dict[str, str]:
        """Return the parameters that are not the recipe's own, by the name of their option."""
        all_texts = {
            "frames": self.frames, "test-frames": self.test_frames, "val": "" if self.val == "auto" else self.val,
            "seed": str(self.seed) if self.seed else "",
        }  # fmt: skip
        return {name: text for name, text in all_texts.items() if text}


UNCHANGED = Parameters()
