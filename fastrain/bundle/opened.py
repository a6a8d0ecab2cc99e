"""A bundle that was opened: what it says of itself, checked, with its networks and its way to find faces."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from fasdata.errors import UserError, naming
from fasdata.foreign import json_of, validated
from fastrain.bundle.archive import read_archive, signature_of
from fastrain.bundle.finding import Finding
from fastrain.bundle.form import NAME, BundleFacts
from fastrain.bundle.graph import MethodGraph, loaded_scorer
from fastrain.bundle.signature import require_signed
from fastrain.outside.networks import OutsideScorer
from fastrain.outside.onnx_file import require_whole


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory; nothing in it has been run yet.

    `sha256` names it: the hash of the whole archive. `signed` says that there is a signature, not whose.
    """

    where: str
    facts: BundleFacts
    members: Mapping[str, bytes]
    sha256: str
    signed: bool = False

    @classmethod
    def read(cls, path: Path, verify_key: Path | None = None) -> Bundle:
        """Read a bundle, with `verify_key` only once its signature by that key was seen to hold.

        Raises:
            UserError: it is none, damaged, of another format, or a member is missing, too many, or another; it is not
                signed by the owner of the key.
        """
        signed = False

        def check(data: bytes) -> None:
            nonlocal signed
            if verify_key is not None:
                require_signed(data, str(path), verify_key)
            signed = signature_of(data) is not None

        members, digest = read_archive(path, check)
        return replace(cls.of(members, str(path), digest), signed=signed)

    @classmethod
    def of(cls, members: Mapping[str, bytes], where: str, digest: str = "") -> Bundle:
        """Check members that are in memory."""
        if NAME not in members:
            raise UserError(f"{where} is no bundle", expected=NAME, found=", ".join(sorted(members))[:160] or "nothing")
        tree = json_of(members[NAME], f"{where}:{NAME}", unique_keys=True)
        if isinstance(tree, dict) and isinstance(tree.get("format"), int) and tree["format"] > 1:
            raise UserError(f"{where} has a later format", expected="1", found=str(tree["format"]), do="update fasdata")
        facts = validated(BundleFacts, tree, f"{where}:{NAME}")
        _require_members(facts, members, where)
        return cls(where, facts, members, digest)

    @cached_property
    def finding(self) -> Finding:
        """How faces are found; a detector whose files are not in the bundle is that of the installed packages.

        Raises:
            UserError: the bundle names no detector of this version.
        """
        facts = self.facts.finding
        files = {name: self.members[name] for name in facts.files}
        for name, data in files.items():
            require_whole(data, f"{self.where}:{name}")
        finding = Finding(facts.store, facts.frames, tuple(facts.accepted), files)
        with naming(self.where):
            finding.settings()
        return finding

    def with_detector(self, model: str) -> Finding:
        """Return how faces are found with the detector's file, where the bundle does not hold it.

        Raises:
            UserError: it is not the file that the bundle was made with, or none is needed or given.
        """
        from fasdata.faces.detectors import DETECTORS
        from fasdata.faces.model_file import file_sha256

        facts = self.facts.finding
        row = DETECTORS.get(str(facts.store.get("detector")))
        if facts.files or row is None or not row.model:
            if model:
                raise UserError("--detector-model means nothing here", found=f"{self.where} finds faces with its own")
            return self.finding
        expected = str(facts.store.get("detector_weights_sha256", ""))
        if not model:
            raise UserError(
                f"{self.where} needs --detector-model, whose licence kept it out", expected=f"{row.model}, "
                f"sha256 {expected[:12]}",
            )  # fmt: skip
        if file_sha256(Path(model)) != expected:
            raise UserError(f"{model} is not the detector that {self.where} was made with", expected=expected[:12])
        return Finding(facts.store, facts.frames, tuple(facts.accepted), model=model)

    def scorer(self, accelerator: str = "auto") -> MethodGraph | OutsideScorer:
        """Load the networks.

        Raises:
            UserError: one cannot be loaded, or is not what the bundle says.
        """
        return loaded_scorer(self.facts.networks, self.members, self.where, accelerator)


def _require_members(facts: BundleFacts, members: Mapping[str, bytes], where: str) -> None:
    there = {name: data for name, data in members.items() if name != NAME}
    if there.keys() != facts.files.keys():
        odd = sorted(there.keys() ^ facts.files.keys())
        raise UserError(f"{where} does not hold what it lists", found=f"{odd[0]} is missing or too many")
    for name, data in there.items():
        if len(data) != facts.files[name].size or hashlib.sha256(data).hexdigest() != facts.files[name].sha256:
            raise UserError(f"{where}: {name} is not the file that {NAME} describes")
    needed = [*(network.file for network in facts.networks), *facts.finding.files]
    needed += [name for expected in facts.self_test for name in expected.pictures.values()]
    lacking = [name for name in needed if name not in there]
    if lacking:
        raise UserError(f"{where} lacks {lacking[0]}", do="export it again")
