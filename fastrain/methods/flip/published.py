"""Convert checkpoints of the published FLIP code, and translate state-dict keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fastrain.config import TARGET_ORACLE
from fastrain.methods.flip.settings import Text
from fastrain.networks.foreign import Published, json_values, network_state, tensors

if TYPE_CHECKING:
    from torch import Tensor

# Prefixes of published names and ours, by variant.
_HEAD = {"layer1": "0", "bn1": "1", "layer2": "3", "bn2": "4", "layer3": "6"}
_SENTENCES = (
    ("model.", "network.clip."),
    *((f"image_mlp.{theirs}.", f"head.{ours}.") for theirs, ours in _HEAD.items()),
)
_CLASSIFIED = (
    ("backbone.vit.", "network.visual."),
    ("embedder.bottleneck_layer_fc.", "network.embedder.fc."),
    ("classifier.classifier_layer.", "network.classifier."),
)
_PAIRS = (*_SENTENCES, *_CLASSIFIED)
UNREAD = "backbone.vit.proj"  # variant v has it and reads it nowhere
TWICE = "embedder.bottleneck_layer.0."  # the same tensors as bottleneck_layer_fc
NUMBERS = ("model.input_resolution", "model.context_length", "model.vocab_size")  # of OpenAI's file
VOCABULARY, WORDS = "network.clip.token_embedding.weight", "network.words"


def to_reference(key: str) -> str | None:
    """Return the published name of one of our entries; None for what the published network does not have.

    Raises:
        KeyError: our network has no such part.
    """
    if key == WORDS:
        return None
    for theirs, ours in _PAIRS:
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    raise KeyError(key)


def from_reference(key: str) -> str | None:
    """Return our name of an entry of the published network; None for what ours does not need.

    Raises:
        KeyError: the published network has no such part.
    """
    if key in (UNREAD, *NUMBERS) or key.startswith(TWICE):
        return None
    for theirs, ours in _PAIRS:
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    raise KeyError(key)


# -- Checkpoints ------------------------------------------------------------------------------------------------------

RECORDS = ()
FACTS = ("epoch", "best_model_EER", "best_model_ACER", "best_model_ACC", "threshold")


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names; the variant follows from the names in it.

    A bare state dictionary is read too, and CLIP's own file as variant it before any training. Of the vocabulary the
    rows of the published sentences are kept.

    Raises:
        UserError: it has another form, two values of one tensor, or a vocabulary without these rows.
    """
    state, choice = network_state(content)
    if not isinstance(state, Mapping) or not any("ln_pre.weight" in str(key) for key in state):
        content_keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(
            "not a checkpoint of flip", expected="the state dictionary of its network", found=content_keys[:120]
        )
    theirs = tensors(state, "network state")
    if "text_projection" in theirs:  # variant it: every name began with `model.`, or it is CLIP's own file
        theirs = {f"model.{key}": value for key, value in theirs.items()}
    _require_once(theirs)
    ours: dict[str, Tensor] = {}
    for key, value in theirs.items():
        try:
            name = from_reference(key)
        except KeyError:
            raise UserError("the network state holds an entry that flip does not have", found=key) from None
        if name:
            ours[name] = value.float() if value.is_floating_point() else value
    about = {**choice, **{name: json_values(content[name]) for name in FACTS if name in content}}
    return Published(ours, _settings(ours), f"{TARGET_ORACLE}(hter at target eer, clip)", about)


def _require_once(theirs: Mapping[str, Tensor]) -> None:
    """Check that the two names of the embedder's tensors mean the same numbers."""
    for key, value in theirs.items():
        other = key.replace(TWICE, "embedder.bottleneck_layer_fc.")
        if other != key and other in theirs and not theirs[other].equal(value):
            raise UserError(f"the state holds {key} and {other}, which are one tensor", found="different ones")


def _settings(ours: dict[str, Tensor]) -> dict[str, Any]:
    """Return the settings that a state needs; its vocabulary is cut down to the words of the sentences in place."""
    model: dict[str, Any] = {"variant": "it", "pretrained": False}
    fc = ours.get("network.embedder.fc.weight")
    if fc is not None:
        return {**model, "variant": "v", **({"head": {"width": fc.shape[0]}} if fc.ndim == 2 and len(fc) else {})}
    _keep_words(ours)
    layers = [ours.get(f"head.{number}.weight") for number in (0, 6)]
    sizes = [layer.shape[0] for layer in layers if layer is not None and layer.ndim == 2]
    if len(sizes) == len(layers):
        model |= {"variant": "mcl", "projection_width": sizes[0], "projection_out": sizes[1]}
    return model


def _keep_words(ours: dict[str, Tensor]) -> None:
    from fastrain.methods.flip.network import words_of

    table = ours.get(VOCABULARY)
    words = words_of(Text.model_validate({}))
    if table is None or table.ndim != 2 or table.shape[0] <= int(words.max()):
        raise UserError(
            "the network state lacks the vocabulary of the sentences",
            expected="token_embedding.weight of 49408 rows",
            found="none" if table is None else " x ".join(map(str, table.shape)),
        )
    ours[VOCABULARY], ours[WORDS] = table[words].clone(), words
