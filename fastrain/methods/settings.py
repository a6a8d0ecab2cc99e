"""The base of every method's settings; importable without torch, so that bad settings fail at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fasdata.records import MODALITIES


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"expected each modality once; found {', '.join(names)}")
    return tuple(name for name in MODALITIES if name in names)


Modalities = Annotated[tuple[Literal["rgb", "depth", "ir"], ...], Field(min_length=1), AfterValidator(_each_once)]
"""Any of rgb, depth, ir, each once; held in that order."""


# -- What `fastrain methods check` trains -----------------------------------------------------------------------------


@dataclass(frozen=True)
class FileOf:
    """Stands for a file that the check makes, where a setting names one.

    `what`: "trunk" or "clip", the weights of the timm trunk or CLIP model that the tiny settings name; "checkpoint", of
    a whole network of the method; or the weights of the part of it that is called so, such as "network.clip".
    """

    what: str
    seed: int = 77


@dataclass(frozen=True)
class Trial:
    """How small a method can be, and what else its settings can be, for `fastrain methods check`.

    With `tiny` it has to learn in 20 steps to tell smooth images of `size` pixels from striped ones. `other` has for
    a setting another value, and what else has to be set for it to matter; of those that are not there the check finds
    one by their type. `crop` names the setting that says the side of training images, where it is not `size`.
    Terms of the log that need not fall are named in `rising` by the last word of their names: `critic` is `critic` and
    `loss_critic`. `run` has what else a run on
    images of `size` pixels needs, as `key=value`. `exempt` has rules that the method does not keep, each with the
    reason, which the table of the check shows.
    """

    tiny: Mapping[str, Any] = field(default_factory=dict)
    other: Mapping[str, tuple[Any, Mapping[str, Any]]] = field(default_factory=dict)
    size: int = 32
    crop: str = ""
    rising: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)

    def with_more(self, tiny: Mapping[str, Any], other: Mapping[str, Any], **more: Any) -> Trial:
        """Return this trial with more values, and with other fields as given."""
        values = {
            "size": self.size,
            "crop": self.crop,
            "rising": self.rising,
            "run": self.run,
            "exempt": self.exempt,
            **more,
        }
        return Trial({**self.tiny, **tiny}, {**self.other, **other}, **values)


# -- Settings ----------------------------------------------------------------------------------------------------------


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

    @classmethod
    def trial(cls) -> Trial:
        """Return how small the method can be and what else its settings can be, where the defaults are not enough."""
        return Trial()


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

    @classmethod
    def trial(cls) -> Trial:
        """Return a trunk that computes in a blink, and another."""
        narrow = {"channels": [8, 16, 16, 24], "stem_width": 8}
        return Trial(
            tiny={"trunk": "resnet10t", "trunk_kwargs": narrow, "pretrained": False},
            other={
                "trunk": ("resnet18", {"trunk_kwargs": {"channels": [8, 8, 8, 8]}}),
                "trunk_kwargs": ({"channels": [8, 16, 16, 32], "stem_width": 8}, {}),
                "pretrained": (FileOf("trunk"), {}),
            },
        )


class CLIPSettings(MethodSettings):
    """Settings of a method whose network stands on CLIP's two towers."""

    clip: str = "ViT-B-16-quickgelu"
    """Name of an open_clip model of two plain transformers."""
    clip_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Changes to that model's open_clip configuration: `embed_dim`, `vision_cfg: {…}`, `text_cfg: {…}`."""
    pretrained: bool | str = True
    """True: OpenAI's weights from the hub or its cache; false: from scratch; or the path of a weight file."""

    def preflight(self) -> None:
        """Find (or fetch) the pretrained weights.

        Raises:
            UserError: they are neither here nor to be had; within two seconds when there is no network.
        """
        from fastrain.networks.hub import find_clip_weights

        find_clip_weights(self.clip, self.pretrained)

    @classmethod
    def trial(cls) -> Trial:
        """Return towers that compute in a blink, and others."""
        towers = {
            "embed_dim": 16,
            "vision_cfg": {"layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
            "text_cfg": {"layers": 2, "width": 16, "heads": 2},
        }
        return Trial(
            tiny={"clip_kwargs": towers, "pretrained": False},
            other={"clip": ("ViT-B-16", {}), "clip_kwargs": ({**towers, "embed_dim": 24}, {})},
        )
