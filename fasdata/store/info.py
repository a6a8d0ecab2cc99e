"""`store.json`: the dataset and settings of a store, written first and compared before anything is added."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.foreign import read_json
from fasdata.store.atomic import write_text

FILE = "store.json"
FORMAT = 1
RULES = "frames"  # the key of the configuration that holds the frame rules so far


@dataclass(frozen=True)
class StoreInfo:
    """The dataset, and every setting that decides the pixels of the store.

    The frame rules are no part of the fingerprint, because frames can be added later. Nor are the `devices` that faces
    were searched on: two of them put a face at the same place but for rounding (`benchmarks/on_gpu.py` counts where).
    Stores of earlier versions name none.
    `videos_read` counts the ways in which videos were read (`ClipRecord.way`); it decides nothing, and makes no two of
    these differ.
    """

    dataset: str
    config: dict[str, Any]
    tool_version: str
    format: int = FORMAT
    devices: tuple[str, ...] = ()
    videos_read: Mapping[str, int] = field(default_factory=dict, compare=False)

    @property
    def fingerprint(self) -> str:
        """Return the sha256 of dataset and settings, without the frame rules."""
        deciding = {key: value for key, value in self.config.items() if key != RULES}
        return hashlib.sha256(canonical_json({"dataset": self.dataset, "config": deciding}).encode()).hexdigest()

    @property
    def rules(self) -> tuple[str, ...]:
        """Return the frame rules that were asked for, as text."""
        return tuple(map(str, self.config.get(RULES) or ()))

    def widened(self, other: StoreInfo) -> StoreInfo:
        """Return the same store with the frame rules and devices of another one too."""
        rules, devices = sorted({*self.rules, *other.rules}), tuple(sorted({*self.devices, *other.devices}))
        return replace(self, config={**self.config, RULES: rules} if rules else self.config, devices=devices)

    def write(self, folder: Path) -> None:
        """Write `store.json` atomically."""
        text: dict[str, Any] = {
            "format": self.format,
            "dataset": self.dataset,
            "tool_version": self.tool_version,
            "config": self.config,
            **({"devices": list(self.devices)} if self.devices else {}),
        }
        if self.videos_read:
            text["videos_read"] = dict(self.videos_read)
        write_text(folder / FILE, json.dumps(text, indent=2, sort_keys=True) + "\n")

    @classmethod
    def read(cls, folder: Path) -> StoreInfo:
        """Read and check `store.json`.

        Raises:
            UserError: missing, not JSON, of another form or of a newer format.
        """
        path = folder / FILE
        if not path.exists():
            raise UserError(f"no store at {folder}", expected=f"a file {FILE} there", do="extract the dataset first")
        data = read_json(path)
        if (
            not isinstance(data, dict)
            or not isinstance(data.get("dataset"), str)
            or not isinstance(data.get("config"), dict)
            or not _are_texts(data["config"].get(RULES, []))
            or not _are_texts(data.get("devices", []))
        ):
            raise UserError(f"{path} does not describe a store", expected="the keys format, dataset, config")
        if data.get("format") != FORMAT:
            raise UserError(
                f"{path} has another format",
                expected=str(FORMAT),
                found=str(data.get("format")),
                do="use the version of fasdata that made it",
            )
        devices = tuple(data.get("devices", ()))
        ways = data.get("videos_read")
        counts = {str(way): n for way, n in ways.items() if type(n) is int} if isinstance(ways, dict) else {}
        version = str(data.get("tool_version", ""))
        return cls(data["dataset"], data["config"], version, devices=devices, videos_read=counts)

    def require_same(self, wanted: StoreInfo, folder: Path) -> None:
        """Check that a run that adds to this store has the same settings.

        Raises:
            UserError: they differ; names each differing key with both values.
        """
        if self.fingerprint == wanted.fingerprint:
            return
        mine, other = (
            _flat({"dataset": info.dataset, **{key: value for key, value in info.config.items() if key != RULES}})
            for info in (self, wanted)
        )
        keys = [key for key in sorted(mine.keys() | other.keys()) if mine.get(key) != other.get(key)]
        raise UserError(
            f"the store {folder} was made with another configuration",
            expected=", ".join(f"{key}={_short(mine.get(key))}" for key in keys),
            found=", ".join(f"{key}={_short(other.get(key))}" for key in keys),
            do="repeat those options to continue it, or give another --out",
        )


def canonical_json(data: object) -> str:
    """Return the one spelling of JSON data that hashes are taken of."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the values of a tree by their paths, such as `reading.on_damage`."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        inside = _flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {}
        flat |= inside or {above + key: value}
    return flat


def _short(value: object) -> str:
    text = canonical_json(value)
    return text if len(text) <= 60 else text[:57] + "..."
