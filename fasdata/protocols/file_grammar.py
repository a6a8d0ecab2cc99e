"""Read a protocol from a file, and find the datasets that it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fasdata.errors import UserError, naming
from fasdata.foreign import read_yaml, validated
from fasdata.protocols.dataset_names import FILE, Member, Names
from fasdata.protocols.protocol_file import Entry, Parts, ProtocolFile
from fasdata.protocols.protocol_name import ProtocolName


def read_protocol_file(path: Path, names: Names) -> ProtocolName:
    """Read a protocol from a YAML file; its canonical name holds a hash of the content.

    Raises:
        UserError: the file is malformed, or names an unknown dataset.
    """
    parts = validated(Parts, read_yaml(path), str(path))
    return name_of_parts(parts, names, str(path))


def name_of_parts(parts: Parts, names: Names, alias: str) -> ProtocolName:
    """Return the name of a protocol with this content.

    Raises:
        UserError: it names an unknown dataset, one twice, or validates on what is no source.
    """
    with naming(alias):
        sources, validation, targets = (
            _members(role, getattr(parts, role), names) for role in ("sources", "validation", "targets")
        )
        strange = [member.name for member in validation if member not in sources]
        if strange:
            raise UserError(f"validation names {strange[0]}", expected="datasets of the sources")
    by_slug = {
        role: {member.dataset: entry for member, entry in members.items()}
        for role, members in (("sources", sources), ("validation", validation), ("targets", targets))
    }
    file = ProtocolFile.model_validate({"parts": parts, **by_slug})
    return ProtocolName(
        f"{FILE}:{parts.name}@{file.digest}",
        alias,
        pool=FILE,
        source_sets=tuple(sources),
        target_sets=tuple(targets),
        file=file,
    )


def named_by_canonical(alias: str, rest: str) -> ProtocolName:
    """Return the name of a protocol from a file by its canonical name: enough to find its manifest, not to build it."""
    name, at, digest = rest.partition("@")
    if not (at and len(digest) == 8 and name):
        raise UserError(
            f"the protocol name {alias!r} cannot be read",
            expected=f"the protocol's file, or its canonical name {FILE}:name@1a2b3c4d",
        )
    return ProtocolName(f"{FILE}:{rest}", alias, pool=FILE)


def _members(role: str, entries: Sequence[Entry], names: Names) -> dict[Member, Entry]:
    members: dict[Member, Entry] = {}
    for entry in entries:
        member = names.find(entry.dataset)
        if member is None:
            raise names.unknown(entry.dataset)
        if member in members:
            raise UserError(
                f"{role}: {member.name} stands there twice", do="give it once, with all its splits and filters"
            )
        members[member] = entry
    return members
