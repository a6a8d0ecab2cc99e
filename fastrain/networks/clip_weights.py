"""Where CLIP's pretrained weights come from; importable without torch."""

from __future__ import annotations

from pathlib import Path

from fasdata.errors import UserError
from fastrain.networks.hub import find_file

FILE_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
# The tag `openai` of open_clip: the weights of CLIP's authors.
REPOSITORIES = {
    "ViT-B-16": "timm/vit_base_patch16_clip_224.openai",
    "ViT-B-32": "timm/vit_base_patch32_clip_224.openai",
    "ViT-L-14": "timm/vit_large_patch14_clip_224.openai",
}


def find_clip_weights(name: str, pretrained: bool | str) -> Path | None:
    """Return the file of OpenAI's weights for the open_clip model `name`, or None when it starts from scratch.

    Args:
        name: open_clip's name, with or without `-quickgelu`.
        pretrained: True = the hub's cache, then the hub; False = none; else the path of a file.

    Raises:
        UserError: no such weights are published, the file is not there, or there is no way to the hub.
    """
    plain = name.removesuffix("-quickgelu")
    if pretrained is True and plain not in REPOSITORIES:
        raise UserError(
            f"no weights are known for CLIP model {name!r}",
            expected="one of " + ", ".join(f"{known}-quickgelu" for known in REPOSITORIES),
            do="--set pretrained=/path/to/its/weights, or --set pretrained=false to start from scratch",
        )
    return find_file(f"CLIP model {name!r}", REPOSITORIES.get(plain, ""), None, FILE_NAMES, pretrained)
