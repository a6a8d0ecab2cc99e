"""Build timm trunks (three levels of a feature pyramid, or one pooled vector), and normalise their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from fasdata.errors import UserError, nearest
from fastrain.lean_imports import unseen

with unseen("wandb"):
    import timm

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet_normalized(image: Tensor) -> Tensor:
    """Return images in [0,1] normalised by ImageNet's channel means and deviations; shapes as `normalized`."""
    return normalized(image, IMAGENET_MEAN, IMAGENET_STD)


def normalized(image: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return (B,3,S,S) images in [0,1] less channel means, over deviations.

    Images of one channel (B,1,S,S) get the average of the three means and of the three deviations. The constants have
    the image's own precision, so that float64 gets them exactly.
    """
    means, deviations = image.new_tensor(mean).view(3, 1, 1), image.new_tensor(std).view(3, 1, 1)
    if image.shape[1] == 1:
        means, deviations = means.mean(), deviations.mean()
    return (image - means) / deviations


def statistics_of(trunk: str) -> tuple[Sequence[float], Sequence[float]]:
    """Return the channel means and deviations that the timm model `trunk` was trained with; ImageNet's if unknown."""
    card = timm.get_pretrained_cfg(trunk, allow_unregistered=True)
    return (IMAGENET_MEAN, IMAGENET_STD) if card is None else (tuple(card.mean), tuple(card.std))


# -- Trunks -----------------------------------------------------------------------------------------------------------


def feature_trunk(name: str, kwargs: dict[str, Any]) -> tuple[nn.Module, list[int]]:
    """Return a trunk that maps (B,3,S,S) to [c3, c4, c5] at strides 8, 16 and 32, and the widths of these levels.

    It has no pool and no classifier; its state-dict keys are those of the plain network.

    Raises:
        UserError: unknown name, arguments the model does not take, or a model without these three levels.
    """
    trunk = _create(name, {**kwargs, "features_only": True, "out_indices": (2, 3, 4)})
    strides = list(trunk.feature_info.reduction())
    if strides != [8, 16, 32]:
        raise UserError(f"trunk {name!r} is no pyramid", expected="levels of strides 8, 16, 32", found=str(strides))
    return trunk, list(trunk.feature_info.channels())


def pooled_trunk(name: str, kwargs: dict[str, Any], image_size: int | None = None) -> tuple[nn.Module, int]:
    """Return a trunk that maps (B,3,S,S) to pooled features (B,F), and F.

    A model that knows one image size alone, such as a vision transformer, is built for `image_size`, if that is given.

    Raises:
        UserError: unknown name, arguments the model does not take, or patches that do not fill the images.
    """
    check_name(name)
    card = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if image_size and "img_size" not in kwargs and card and card.fixed_input_size and card.input_size[1] != image_size:
        kwargs = {**kwargs, "img_size": image_size}
    trunk = _create(name, {**kwargs, "num_classes": 0})
    patch = getattr(getattr(trunk, "patch_embed", None), "patch_size", None)
    if image_size and patch and image_size % patch[0]:
        raise UserError(
            f"images of {image_size} pixels do not divide into the patches of {name}",
            expected=f"a multiple of {patch[0]}",
            do=f"--set data.image_size={max(1, round(image_size / patch[0])) * patch[0]}",
        )
    return trunk, int(trunk.num_features)


def framework_init(module: nn.Module) -> None:
    """Initialise every layer as torch does, in place of timm's way (kaiming, zero last batch norm)."""
    for layer in module.modules():
        reset = getattr(layer, "reset_parameters", None)
        if callable(reset):
            reset()


def check_name(name: str) -> None:
    """Check that timm has a model `name`.

    Raises:
        UserError: it has not; names the nearest.
    """
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        close = nearest(architecture, timm.list_models())
        do = f"did you mean {close!r}?" if close else ""
        raise UserError(f"unknown trunk {name!r}", expected="the name of a timm model", do=do)
    tags = timm.list_pretrained(architecture + ".*") if tag else []
    if tag and name not in tags:
        raise UserError(f"unknown weights {tag!r} of trunk {architecture!r}", expected="one of " + ", ".join(tags))


def _create(name: str, kwargs: dict[str, Any]) -> Any:
    check_name(name)
    try:
        return timm.create_model(name, pretrained=False, **kwargs)
    except (TypeError, ValueError, IndexError, AttributeError, RuntimeError, AssertionError) as error:
        raise UserError(
            f"timm cannot build trunk {name!r} with {kwargs}: {error}", do="correct trunk or trunk_kwargs"
        ) from error
