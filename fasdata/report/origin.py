"""What made a store: settings, detector and weights, and under which licences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasdata.doctor.licences import detector_licence
from fasdata.report.prose import Details, Facts
from fasdata.report.subsection import Subsection
from fasdata.report.survey import Survey
from fasdata.report.value import Absent, count, text
from fasdata.store.shards import shard_paths

# What is said in words of its own; every other setting of store.json is listed by its key.
_TOLD = {"frames", "detector", "detector_weights_sha256", "detector_settings"}


def origin(survey: Survey, anchor: str) -> Subsection:
    """Return what made the store, and the licences of the dataset and of the detector's weights."""
    info, config, card = survey.store.info, survey.store.info.config, survey.card
    detector = str(config.get("detector", ""))
    no_card = "no card of this dataset comes with fasdata"
    facts = [
        ("Licence of the dataset", text(card.licence) if card else Absent(no_card)),
        ("Owner", text(card.owner) if card else Absent(no_card)),
        ("Use", _use(card.research_only) if card else Absent(no_card)),
        ("Detector", text(detector)),
        ("Sha256 of its weights or faces", text(config.get("detector_weights_sha256"), "it has none")),
        ("Detector settings", text(spell(config.get("detector_settings")), "none")),
        ("Licence of the detector's weights", detector_licence(detector)),
        ("Frame rules", text(", ".join(survey.rules), "no clip was decoded")),
        ("Layout", text(", ".join(sorted({clip.layout for clip in survey.records if clip.layout})))),
        ("Made with fasdata", text(info.tool_version)),
        ("Size on disk", _size(survey)),
        ("Content hash", survey.store.content_hash()),
    ]
    settings = [(key.replace("_", " "), text(spell(value), "none")) for key, value in sorted(config.items())
                if key not in _TOLD]  # fmt: skip
    whole = Details("All settings of the extraction", [Facts([*settings, ("Fingerprint", info.fingerprint)])])
    return Subsection(anchor, "How it was made", [Facts(facts), whole])


def spell(value: Any) -> str:
    """Spell a setting: mappings as `key value`, lists with commas, truth as yes or no."""
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {spell(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(spell(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def size_on_disk(survey: Survey) -> int:
    """Return the bytes that the store's shards take on disk."""
    # A shard is a sparse file: its length is the size of its map.
    return sum(path.stat().st_blocks * 512 for path in shard_paths(survey.store.folder))


def _size(survey: Survey) -> str:
    shards = len(shard_paths(survey.store.folder))
    megabytes = size_on_disk(survey) / 1e6
    size = count(megabytes) if megabytes >= 10 else f"{megabytes:.1f}"
    return f"{size} MB in {shards} {'shard' if shards == 1 else 'shards'}"


def _use(research_only: bool) -> str:
    return "research only" if research_only else "not limited to research by its card"
