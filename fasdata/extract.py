"""`fasdata extract`: a raw dataset into a store, continued where an earlier run stopped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata import __version__
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.media.form import MediaForm
from fasdata.media.readers import require_reader
from fasdata.progress import progress
from fasdata.records import Clip, ClipRecord
from fasdata.settings import ExtractSettings, require_device
from fasdata.store.info import FILE, StoreInfo
from fasdata.store.writer import StoreWriter

if TYPE_CHECKING:
    from fasdata.datasets.card import Card

BYTES_A_CROP = 90_000  # a 200-pixel face region as png, for the estimate only


@dataclass
class ExtractReport:
    """What a run did: outcomes by label, reasons, and what it left alone."""

    dataset: str
    folder: Path
    found: int = 0
    already: int = 0
    described_anew: int = 0  # of those: label, split or another fact of the path or the lists has changed
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # (label, status)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (label, status, reason)
    frames: Counter[str] = field(default_factory=Counter)  # face status of the chosen frames
    modalities: Counter[str] = field(default_factory=Counter)  # stored images of each modality
    dark: int = 0  # stored frames on which there is nothing to see
    failed: list[str] = field(default_factory=list)  # relpath: reason
    notes: dict[str, list[str]] = field(default_factory=dict)  # note, its numbers as N -> relpaths
    content_hash: str = ""

    def count(self, record: ClipRecord) -> None:
        """Add one clip."""
        label, path = record.clip.label or "unknown", record.clip.relpaths.get("rgb", record.clip.clip_id)
        self.outcomes[label, record.status] += 1
        if record.status != "ok":
            self.reasons[label, record.status, _without_numbers(record.reason)] += 1
        if record.status == "failed":
            self.failed.append(f"{path}: {record.reason}")
        chosen = {index for indices in record.selections.values() for index in indices}
        self.frames.update(frame.status for frame in record.frames if frame.index in chosen)
        for frame in record.frames:
            self.modalities.update(frame.crop.modalities if frame.crop else ())
            self.dark += frame.dark
        for note in record.notes:
            self.notes.setdefault(_without_numbers(note), []).append(path)


@dataclass(frozen=True)
class ExtractPlan:
    """What a run would do, for `--dry-run`."""

    dataset: str
    folder: Path
    layout: str
    clips: Sequence[Clip]
    done: int
    settings: ExtractSettings
    unmatched: Sequence[str]
    notes: Sequence[str] = ()

    @property
    def frames_a_clip(self) -> int:
        """Chosen frames of a clip of 150 frames, or of one where clips are single images."""
        length = 1 if self.settings.form.reader in ("image", "padisi-npz") else 150
        return len({index for rule in self.settings.rules for index in rule.positions(length)})

    @property
    def gigabytes(self) -> float:
        """A rough size of what would be written."""
        modalities = len({name for clip in self.clips[:100] for name in clip.relpaths}) or 1
        return (len(self.clips) - self.done) * self.frames_a_clip * modalities * BYTES_A_CROP / 1e9


def plan_extract(
    card: Card, root: Path, library: Library, settings: ExtractSettings, lists: Path | None = None
) -> ExtractPlan:
    """Find the clips of a raw dataset and what is left to do; how to read them is the word of their layout.

    Raises:
        UserError: wrong or empty root, no path of the expected form, or a form that nothing here can read.
    """
    from fasdata.datasets.scan import scan
    from fasdata.store.reader import Store

    found = scan(card, root, lists=lists)
    form = MediaForm.of(found.layout_spec)
    require_reader(form)
    settings = settings.settled(form)
    folder = library.store_dir(card.slug)
    have = set(Store.open(folder).clip_ids()) if (folder / FILE).is_file() else set()
    done = sum(clip.clip_id in have for clip in found.clips)
    return ExtractPlan(card.slug, folder, found.layout, found.clips, done, settings, found.unmatched, found.notes)


def run_extract(plan: ExtractPlan, root: Path, *, workers: int = 1, retry_failed: bool = False) -> ExtractReport:
    """Extract what is missing; a clip that cannot be used is recorded with its reason and stops nothing.

    With `retry_failed` recordings that could not be decoded are tried again.
    """
    from fasdata.executors.local import extract_clips
    from fasdata.store.reader import Store

    if plan.settings.uses_torch:
        require_device(plan.settings.device)
    info = StoreInfo(plan.dataset, plan.settings.recorded(), __version__)
    report = ExtractReport(plan.dataset, plan.folder, found=len(plan.clips))
    again = ("failed",) if retry_failed else ()
    with StoreWriter(plan.folder, info) as writer:
        todo = [clip for clip in plan.clips if writer.done.get(clip.clip_id) in (None, *again)]
        report.already = len(plan.clips) - len(todo)
        # A list file given since, or a corrected card: the pixels are the same, what they mean is not.
        for clip in plan.clips:
            if clip.clip_id in writer.clips and writer.clips[clip.clip_id] != clip:
                writer.describe(clip)
                report.described_anew += 1
        with progress(f"extract {plan.dataset}", len(todo), "clips") as bar:
            faces = misses = failed = 0
            for record, crops in extract_clips(todo, root, plan.settings, workers):
                writer.add(record, crops)
                faces += sum(frame.face_observed for frame in record.frames)
                misses += sum(not frame.face_observed for frame in record.frames)
                failed += record.status == "failed"
                bar.advance(1, faces=faces, misses=misses, failed=failed)
    store = Store.open(plan.folder)
    for record in store.records():
        report.count(record)
    report.content_hash = store.content_hash()
    return report


def settings_for(dataset: str, frames: str, **options: object) -> ExtractSettings:
    """Return settings with the rules of `frames`, where `recipes` stands for all that shipped recipes need of it."""
    from fasdata.sampling import parse_rules

    words = [word for word in re.split(r"[+\s;]+", frames) if word]
    if "recipes" in words:
        from fasdata.protocols.recipe import frame_rules_for

        needed = frame_rules_for(dataset)
        if not needed:
            raise UserError(
                f"no recipe says which frames of {dataset} to keep", do="give --frames, e.g. --frames 'ssdg(2)@decoded'"
            )
        words = [rule for word in words for rule in (needed if word == "recipes" else [word])]
    return ExtractSettings(rules=tuple(parse_rules(" ".join(words))), **options)  # type: ignore[arg-type]


def _without_numbers(reason: str) -> str:
    """Return the text with its free-standing numbers as N, so that equal reasons count together."""
    return re.sub(r"(?<![\w(])\d+(?![\w)])", "N", reason)
