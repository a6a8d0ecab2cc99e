"""What the settings of every method have in common; importable without torch, so that bad settings fail at once."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class MethodSettings(BaseModel):
    """A method's own settings: its network and its optimisers. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def preflight(self) -> None:
        """Fail now for what would fail once torch, the data and the network are loaded.

        Raises:
            UserError: something that these settings name cannot be had.
        """


class TrunkSettings(MethodSettings):
    """Settings of a method whose network stands on one timm trunk."""

    trunk: str = "resnet50.tv_in1k"
    """Name of a timm model; with the tag, because bare names resolve to other weights."""
    trunk_kwargs: dict[str, Any] = {}
    """Extra arguments of that model, such as `channels` for a narrow residual network."""
    pretrained: bool | str = True
    """True: ImageNet weights from the hub or its cache; false: from scratch; or the path of a weight file."""

    def preflight(self) -> None:
        """Find (or fetch) the pretrained weights.

        Raises:
            UserError: they are neither here nor to be had; within two seconds when there is no network.
        """
        from fastrain.networks.hub import find_weights

        find_weights(self.trunk, self.pretrained)
