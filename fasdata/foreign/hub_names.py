"""What published weights are called on the model hub, and where its client keeps them; nothing is fetched here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TRUNK_FILES = ("model.safetensors", "pytorch_model.bin")
CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
# The tag `openai` of open_clip: the weights of CLIP's authors.
CLIP_REPOSITORIES = {
    "ViT-B-16": "timm/vit_base_patch16_clip_224.openai",
    "ViT-B-32": "timm/vit_base_patch32_clip_224.openai",
    "ViT-L-14": "timm/vit_large_patch14_clip_224.openai",
}


def hub_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder where the hub's client keeps what it fetched."""
    home = environment.get("HF_HOME") or str(Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(environment.get("HF_HUB_CACHE") or str(Path(home) / "hub")).expanduser()


def cached_at(folder: Path, repository: str) -> Path:
    """Return where a repository's files lie in the folder of the hub's client.

    >>> cached_at(Path("hub"), "timm/resnet18.tv_in1k").as_posix()
    'hub/models--timm--resnet18.tv_in1k'
    """
    return folder / ("models--" + repository.replace("/", "--"))
