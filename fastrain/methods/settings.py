"""The base of every method's settings; importable without torch, so that bad settings fail at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fasdata.records import MODALITIES


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"expected each modality once; found {', '.join(names)}")
    return tuple(name for name in MODALITIES if name in names)


Modalities = Annotated[tuple[Literal["rgb", "depth", "ir"], ...], Field(min_length=1), AfterValidator(_each_once)]
"""Any of rgb, depth, ir, each once; held in that order."""


class Section(BaseModel):
    """A group of settings. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MethodSettings(Section):
    """A method's own settings: its network and its optimisers."""

    def preflight(self) -> None:
        """Check, before torch, data and network are loaded, that the files these settings name exist.

        Raises:
            UserError: one cannot be had.
        """


class TrunkSettings(MethodSettings):
    """Settings of a method whose network stands on one timm trunk."""

    trunk: str = "resnet50.tv_in1k"
    """Name of a timm model, with its tag: bare names resolve to other weights."""
    trunk_kwargs: dict[str, Any] = {}
    """Extra arguments of that model, such as `channels` for a narrow residual network."""
    pretrained: bool | str = True
    """True: ImageNet weights from the hub or its cache; false: from scratch; or the path of a weight file."""

    def preflight(self) -> None:
        """Find (or fetch) the pretrained weights.

        Raises:
            UserError: they cannot be had; within two seconds when there is no network.
        """
        from fastrain.networks.hub import find_weights

        find_weights(self.trunk, self.pretrained)
