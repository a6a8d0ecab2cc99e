"""Convert checkpoints of the published SSDG code, and translate state-dict keys."""

from __future__ import annotations

import re
from typing import Any

from fastrain.config import TARGET_ORACLE
from fastrain.methods.ssdg.settings import MADDG
from fastrain.networks.foreign import Published, json_values, renamed

# Published: `backbone` (stages one to three of a residual network, or ten plain convolutions), `embedder` (the fourth
# stage, or three more convolutions; the bottleneck), `classifier`. A copy for several devices has `module.` before
# every key. Bottleneck and the three convolutions have a second name each, which shares their memory.
STAGES, FOURTH = "backbone.", "embedder."
BOTTLENECK, CLASSIFIER = "embedder.bottleneck_layer_fc.", "classifier.classifier_layer."
_SECOND = re.compile(r"^embedder\.(bottleneck_layer\.0|bottleneck_layer_1\.[048])\.(weight|bias)$")
_PLAIN_TEN = re.compile(r"^backbone\.(conv|bn)1_(\d+)\.(.+)$")
_PLAIN_THREE = re.compile(r"^embedder\.conv3_([123])\.(.+)$")
_PLAIN_NORM = re.compile(r"^embedder\.bottleneck_layer_1\.([159])\.(.+)$")


def to_reference(key: str) -> str:
    """Return the published name of one of our network's keys.

    Raises:
        KeyError: our network has no such part.
    """
    part, _, rest = key.partition(".")
    if part == "bottleneck":
        return BOTTLENECK + rest
    if part == "classifier":
        return CLASSIFIER + rest
    if part != "trunk":
        raise KeyError(key)
    kind, _, below = rest.partition(".")
    if kind not in ("convolutions", "norms"):
        return (FOURTH if rest.startswith("layer4.") else STAGES) + rest
    number, _, leaf = below.partition(".")
    place = int(number)
    if place < 10:
        return f"{STAGES}{'conv' if kind == 'convolutions' else 'bn'}1_{place + 1}.{leaf}"
    if kind == "convolutions":
        return f"{FOURTH}conv3_{place - 9}.{leaf}"
    return f"{FOURTH}bottleneck_layer_1.{4 * (place - 10) + 1}.{leaf}"


def from_reference(key: str) -> str | None:
    """Return our name of a key of the published network; None for the second name of a tensor (see `repeated`).

    Raises:
        KeyError: the published network has no such part.
    """
    key = key.removeprefix("module.")
    if _SECOND.match(key):
        return None
    if plain := _PLAIN_TEN.match(key):
        kind = "convolutions" if plain[1] == "conv" else "norms"
        return f"trunk.{kind}.{int(plain[2]) - 1}.{plain[3]}"
    if plain := _PLAIN_THREE.match(key):
        return f"trunk.convolutions.{int(plain[1]) + 9}.{plain[2]}"
    if plain := _PLAIN_NORM.match(key):
        return f"trunk.norms.{10 + int(plain[1]) // 4}.{plain[2]}"
    for theirs, ours in ((BOTTLENECK, "bottleneck."), (CLASSIFIER, "classifier."), (STAGES, "trunk.")):
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    if key.startswith(f"{FOURTH}layer4."):
        return "trunk." + key.removeprefix(FOURTH)
    raise KeyError(key)


def repeated(key: str) -> str | None:
    """Return the published key that names the same tensor as this second one; None for a key that is no second one."""
    second = _SECOND.match(key.removeprefix("module."))
    if second is None:
        return None
    place, leaf = second[1], second[2]
    if place == "bottleneck_layer.0":
        return BOTTLENECK + leaf
    return f"{FOURTH}conv3_{int(place[-1]) // 4 + 1}.{leaf}"


# -- Checkpoints ------------------------------------------------------------------------------------------------------

RECORDS = ()


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names.

    Second names are left out after a check that their numbers are the same. The discriminator is not in such a file.
    It was kept for the lowest HTER, at the threshold of equal errors, on the target's own test data.

    Raises:
        UserError: it has another form, or holds two versions of a layer.
    """
    state, choice = renamed(content, "ssdg", "classifier_layer.weight", from_reference, repeated)
    model: dict[str, Any] = {"pretrained": False}
    if "network.trunk.convolutions.0.weight" in state:
        model["trunk"] = MADDG
    about = {**choice, **{name: json_values(content.get(name)) for name in ("epoch", "threshold", "best_model_EER")}}
    return Published(
        state, model, f"{TARGET_ORACLE}(hter at the threshold of equal errors, clip)", about, ("discriminator.",)
    )
