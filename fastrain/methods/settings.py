"""The base of every method's settings; importable without torch, so that bad settings fail at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, model_validator

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

    @classmethod
    def tiny_of(cls, model: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what makes the method small that a preset's settings `model` describe, without changing its kind."""
        return cls.trial().tiny


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


SMALL_VIT = {
    "trunk": "vit_base_patch16_224",
    # Where layer scale begins at DINOv2's 1e-5, an untrained trunk says next to nothing of its image.
    "trunk_kwargs": {
        **{"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "mlp_ratio": 2, "init_values": 1.0},
    },
}
"""A vision transformer that computes in a blink."""


def is_probe(model: Mapping[str, Any]) -> bool:
    """Tell whether nothing of a trunk learns with these settings."""
    return bool(model.get("freeze_trunk") and not model.get("last_blocks") and not model.get("lora_rank"))


class FineTunedSettings(TrunkSettings):
    """Settings of a method that may train a part of its trunk: what of it learns, and how fast."""

    freeze_trunk: bool = False
    """Keep the trunk as it is: a linear probe, unless `last_blocks` or `lora_rank` let a part of it learn."""
    last_blocks: NonNegativeInt = 0
    """How many of the last blocks of a frozen trunk learn all the same."""
    lora_rank: NonNegativeInt = 0
    """Rank of adapters (LoRA) beside the weights of a frozen trunk; 0 = none."""
    lora_alpha: PositiveFloat = 16.0
    """An adapter's part is this over its rank."""
    lora_layers: tuple[str, ...] = Field(("attn.qkv", "attn.proj"), min_length=1)
    """Which linear layers get an adapter: ends of their names. A vision transformer has `mlp.fc1` and `mlp.fc2` too."""
    drop_path: float = Field(0.0, ge=0, lt=1)
    """How often the last block of the trunk is left out of a training image's way; less often the earlier ones."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """Every block of the trunk has this times the learning rate of what follows it."""

    @model_validator(mode="after")
    def _something_to_tune(self) -> Self:
        if not self.freeze_trunk and (self.last_blocks or self.lora_rank):
            key = "last_blocks" if self.last_blocks else "lora_rank"
            raise ValueError(f"{key} is for a trunk that else stays as it is: set freeze_trunk=true, or {key}=0")
        if is_probe(dict(self)) and (self.drop_path or self.layer_decay < 1):
            key = "drop_path" if self.drop_path else "layer_decay"
            raise ValueError(f"nothing of the trunk learns, so {key} does nothing: set last_blocks or lora_rank too")
        return self

    def kwargs_of_trunk(self) -> dict[str, Any]:
        """Return the arguments that timm builds the trunk with."""
        return {**self.trunk_kwargs, **({"drop_path_rate": self.drop_path} if self.drop_path else {})}

    @classmethod
    def trial(cls) -> Trial:
        """Return other values; adapters need a trunk with linear layers."""
        adapted = {**SMALL_VIT, "freeze_trunk": True, "lora_rank": 2}
        return (
            super()
            .trial()
            .with_more(
                {},
                {
                    "freeze_trunk": (True, {}),
                    "last_blocks": (1, {"freeze_trunk": True}),
                    "lora_rank": (3, adapted),
                    "lora_alpha": (4.0, adapted),
                    "lora_layers": (("mlp.fc1",), adapted),
                    "drop_path": (0.5, {}),
                    "layer_decay": (0.5, {}),
                },
            )
        )

    @classmethod
    def tiny_of(cls, model: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a small trunk of the preset's own kind, if that is a vision transformer of which something learns.

        The class token of one that never learnt says nothing of its image, so that a linear probe would learn nothing.
        """
        trunk = str(model.get("trunk", ""))
        small = SMALL_VIT | {"trunk": trunk} if trunk.startswith("vit_") and not is_probe(model) else {}
        return {**cls.trial().tiny, **small}


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
