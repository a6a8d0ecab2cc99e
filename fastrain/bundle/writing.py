"""Write what makes up a bundle into its archive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from fasdata.store.atomic import replacing
from fastrain.bundle.archive import packed
from fastrain.bundle.form import NAME, BundleFacts, FileFacts
from fastrain.bundle.model_card import CARD, model_card
from fastrain.bundle.opened import Bundle
from fastrain.bundle.signature import signer


def write_bundle(facts: BundleFacts, members: Mapping[str, bytes], out: Path, key: Path | None = None) -> None:
    """Write a bundle with its model card, whole or not at all; signed, where there is a `key`.

    Raises:
        UserError: the file holds no key to sign with.
    """
    facts, files = with_files(facts, {**members, CARD: model_card(facts).encode()})
    _write({NAME: _text(facts), **files}, out, key)


def write_signed(bundle: Bundle, out: Path, key: Path) -> None:
    """Write a bundle that was read once more, as it is, with a signature.

    Raises:
        UserError: the file holds no key to sign with.
    """
    _write(bundle.members, out, key)


def _write(members: Mapping[str, bytes], out: Path, key: Path | None) -> None:
    data = packed(members, signer(key) if key else None)
    with replacing(out) as temporary:
        temporary.write_bytes(data)


def in_memory(facts: BundleFacts, members: Mapping[str, bytes], out: Path) -> Bundle:
    """Return the bundle as it would be read from `out`."""
    facts, files = with_files(facts, members)
    return Bundle.of({NAME: _text(facts), **files}, str(out))


def with_files(facts: BundleFacts, members: Mapping[str, bytes]) -> tuple[BundleFacts, dict[str, bytes]]:
    """Return the facts with the hashes of the members."""
    files = {name: FileFacts(sha256=hashlib.sha256(data).hexdigest(), size=len(data)) for name, data in members.items()}
    return facts.model_copy(update={"files": files}), dict(members)


def _text(facts: BundleFacts) -> bytes:
    return (json.dumps(facts.model_dump(mode="json"), indent=1, allow_nan=False) + "\n").encode()
