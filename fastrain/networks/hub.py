"""Find pretrained weights: a given file, the hub's cache, or the hub; importable without torch."""

from __future__ import annotations

import errno
import threading
import urllib.error
import urllib.request
from pathlib import Path

from fasdata.errors import UserError
from fasdata.foreign.hub_names import CLIP_FILES, CLIP_REPOSITORIES, TRUNK_FILES, cached_at, trunk_repository

PATIENCE = 2.0  # seconds; the hub client by itself would retry for most of a minute


def find_weights(trunk: str, pretrained: bool | str) -> Path | None:
    """Return the weight file of the timm model `trunk`, or None when it starts from scratch.

    Args:
        trunk: timm name, best with its tag (`resnet50.tv_in1k`).
        pretrained: True = the hub's cache, then the hub; False = none; else the path of a file.

    Raises:
        UserError: the file is missing, or the hub cannot be reached; without a network within two seconds.
    """
    if not isinstance(pretrained, str) and pretrained:
        return find_file(f"trunk {trunk!r}", *hub_source(trunk), True)
    return find_file(f"trunk {trunk!r}", "", None, (), pretrained)


def find_file(
    what: str, repo: str, revision: str | None, names: tuple[str, ...], pretrained: bool | str
) -> Path | None:
    """Return the weight file of `what`: one of `names` in `repo` on the hub, or the file that `pretrained` names.

    Raises:
        UserError: as `find_weights`.
    """
    if pretrained is False:
        return None
    if isinstance(pretrained, str):
        path = Path(pretrained).expanduser()
        if not path.is_file():
            raise UserError(f"no weight file at {path}", expected=f"a safetensors or torch file of {what}")
        return path
    cached = _cached(repo, revision, names)
    if cached is not None:
        return cached
    if not hub_reachable():
        raise _absent(what, repo, names[0], "the hub cannot be reached")
    return _download(what, repo, revision, names)


def hub_source(trunk: str) -> tuple[str, str | None, tuple[str, ...]]:
    """Return repository, revision and possible file names of a trunk's weights on the hub.

    A name with its tag tells the repository, which saves importing timm (seconds).

    Raises:
        UserError: timm knows no such model, or no weights for it.
    """
    if repository := trunk_repository(trunk):
        return repository, None, TRUNK_FILES
    import timm

    from fastrain.networks.trunk import check_name

    check_name(trunk)
    card = timm.get_pretrained_cfg(trunk)
    if card is None or not card.hf_hub_id:
        raise UserError(
            f"timm has no pretrained weights for {trunk!r}", do="--set pretrained=false starts from scratch"
        )
    repo, _, revision = card.hf_hub_id.partition("@")
    return repo, revision or None, (card.hf_hub_filename,) if card.hf_hub_filename else TRUNK_FILES


def hub_reachable(patience: float = PATIENCE) -> bool:
    """Tell whether the hub answers within `patience` seconds; never when `HF_HUB_OFFLINE` is set.

    A thread of its own asks, because the look-up of a host name has no time limit.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=patience).close()
        except urllib.error.HTTPError:
            pass  # an answer too
        except (OSError, ValueError):
            return
        answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    return answered.is_set()


def _cached(repo: str, revision: str | None, names: tuple[str, ...]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        cached = try_to_load_from_cache(repo, name, revision=revision)
        if isinstance(cached, str):  # neither unknown nor cached as absent
            return Path(cached)
    return None


def _download(what: str, repo: str, revision: str | None, names: tuple[str, ...]) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    for name in names:
        try:
            return Path(hf_hub_download(repo, name, revision=revision, etag_timeout=PATIENCE))
        except EntryNotFoundError:
            continue
        except Exception as error:  # the client's errors and its transport's have no common base
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise _absent(what, repo, name, f"the hub answered with {type(error).__name__}") from error
    raise _absent(what, repo, names[0], "the repository holds no such file")


def _absent(what: str, repo: str, name: str, reason: str) -> UserError:
    from huggingface_hub import constants

    folder = cached_at(Path(constants.HF_HUB_CACHE), repo)
    return UserError(
        f"no pretrained weights for {what}: {reason}",
        expected=f"{name} of {repo} under {folder}",
        do=f"with a network, `hf download {repo} {name}` puts it there; or take --set pretrained=/path/{name}"
        " for a copy of that file, or --set pretrained=false to start from scratch",
    )


# -- CLIP -------------------------------------------------------------------------------------------------------------


def find_clip_weights(name: str, pretrained: bool | str) -> Path | None:
    """Return the file of OpenAI's weights for the open_clip model `name`, or None when it starts from scratch.

    Args:
        name: open_clip's name, with or without `-quickgelu`.
        pretrained: True = the hub's cache, then the hub; False = none; else the path of a file.

    Raises:
        UserError: no such weights are published, the file is missing, or the hub cannot be reached.
    """
    plain = name.removesuffix("-quickgelu")
    if pretrained is True and plain not in CLIP_REPOSITORIES:
        raise UserError(
            f"no weights are known for CLIP model {name!r}",
            expected="one of " + ", ".join(f"{known}-quickgelu" for known in CLIP_REPOSITORIES),
            do="--set pretrained=/path/to/its/weights, or --set pretrained=false to start from scratch",
        )
    return find_file(f"CLIP model {name!r}", CLIP_REPOSITORIES.get(plain, ""), None, CLIP_FILES, pretrained)
