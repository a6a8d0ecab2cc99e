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
# Parts of the names of timm's models whose weights are in repositories of others.
_OTHER_OWNERS = ("cspnext_", ".msft_florence2", "fastvit_mci", "rdnet_", "vit_base_mci_", "vitamin_", ".robbyant")


def trunk_repository(trunk: str) -> str | None:
    """Return the repository of a timm model's weights; None where timm alone knows: without a tag, or not its own.

    CLIP towers with the quick GELU share the weights of those without.

    >>> trunk_repository("vit_base_patch16_clip_quickgelu_224.openai")
    'timm/vit_base_patch16_clip_224.openai'
    """
    if "." not in trunk or any(part in trunk for part in _OTHER_OWNERS):
        return None
    return f"timm/{trunk.replace('_clip_quickgelu_', '_clip_')}"


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
