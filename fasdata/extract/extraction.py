"""`fasdata extract`: put a raw dataset into a store, continuing where an earlier run stopped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata import __version__
from fasdata.datasets.kept_card import FILE as CARD
from fasdata.datasets.kept_card import KeptCard
from fasdata.datasets.tree import IMAGE, ending, natural_key
from fasdata.errors import UserError
from fasdata.extract.executor import LOCAL, Executor
from fasdata.extract.jobs import JobList, StoredClips
from fasdata.extract.known_clips import as_stored
from fasdata.extract.reasons import Reasons
from fasdata.extract.settings import ExtractSettings
from fasdata.extract.tally import Tally
from fasdata.library import Library
from fasdata.media.readers import MediaForm, require_reader
from fasdata.progress import progress
from fasdata.protocols.dataset_names import own_card
from fasdata.protocols.own_rules import how_to_name
from fasdata.protocols.sampling import FrameRule, parse_rules
from fasdata.records import Clip, ClipRecord
from fasdata.stopping import Stopped, stop_requested
from fasdata.store.atomic import require_writable, write_text
from fasdata.store.info import FILE, StoreInfo
from fasdata.store.writer import StoreWriter

if TYPE_CHECKING:
    from fasdata.datasets.card import Card, Claim


@dataclass
class ExtractReport:
    """What a store holds after a run, and what the run did."""

    dataset: str
    folder: Path
    clips: int = 0
    already: int = 0
    described_anew: int = 0  # of those: their label, split or description has changed
    widened: int = 0  # of those: frames of further rules were added
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (label, attack type, status)
    reasons: Reasons = field(default_factory=Reasons)  # by (label, status)
    frames: Counter[str] = field(default_factory=Counter)  # face status of the selected frames
    modalities: Counter[str] = field(default_factory=Counter)  # stored images of each modality
    dark: int = 0  # stored frames
    failed: list[str] = field(default_factory=list)  # relpath: reason
    not_widened: list[str] = field(default_factory=list)  # relpath: why no frames were added
    notes: Reasons = field(default_factory=Reasons)
    ways: Counter[str] = field(default_factory=Counter)  # in which videos were read
    content_hash: str = ""

    def count(self, record: ClipRecord) -> None:
        """Add one clip."""
        label, path = record.clip.label or "unknown", record.clip.relpaths.get("rgb", record.clip.clip_id)
        self.ways.update([record.way] if record.way else [])
        self.outcomes[label, record.clip.attack_type or "unknown", record.status] += 1
        if record.status != "ok":
            self.reasons.add(record.reason, path, label, record.status)
        if record.status == "failed":
            self.failed.append(f"{path}: {record.reason}")
        selected = {index for indices in record.selections.values() for index in indices}
        self.frames.update(frame.status for frame in record.frames if frame.index in selected)
        for frame in record.frames:
            self.modalities.update(frame.crop.modalities if frame.crop else ())
            self.dark += frame.dark
        for note in record.notes:
            self.notes.add(note, path)

    def counts(self, label: str, attack_type: str = "") -> tuple[int, int, int]:
        """Return how many clips of a label (and attack type) are usable, show no face, and could not be decoded."""
        of = {
            status: sum(
                number
                for (its_label, type_, its_status), number in self.outcomes.items()
                if its_label == label and attack_type in ("", type_) and its_status == status
            )
            for status in ("ok", "fta", "failed")
        }
        return of["ok"], of["fta"], of["failed"]


BYTES_A_CROP = 90_000  # a 200-pixel face region as png, for the estimate only


@dataclass(frozen=True)
class ExtractPlan:
    """What a run would do, for `--dry-run`."""

    dataset: str
    folder: Path
    layout: str
    clips: Sequence[Clip]
    stored: StoredClips
    settings: ExtractSettings
    unmatched: Sequence[str]
    notes: Sequence[str] = ()
    skipped: Sequence[str] = ()  # entries of the tree that cannot be looked at, and why
    second_files: Sequence[str] = ()  # files of which another one is the clip
    absent: Sequence[str] = ()  # files that a table names and that are not there
    about: KeptCard | None = None  # of data that no shipped card describes

    @property
    def has_more_to_see(self) -> bool:
        """Whether there is something that a user should look at, even if all goes well."""
        return bool(self.unmatched or self.skipped or self.second_files or self.absent)

    @property
    def new(self) -> int:
        """How many clips are not in the store."""
        return sum(clip.clip_id not in self.stored.status for clip in self.clips)

    @property
    def wider(self) -> int:
        """How many stored clips lack frames of some rule."""
        rules = {str(rule) for rule in self.settings.rules}
        return sum(self.stored.lacks(clip.clip_id, rules) for clip in self.clips)

    @property
    def failed(self) -> int:
        """How many clips are on record as not decodable."""
        return sum(self.stored.status.get(clip.clip_id) == "failed" for clip in self.clips)

    @property
    def frames(self) -> int:
        """How many frames there are to store, if a clip has 150 of them, or 1 where clips are single images."""
        pictures = all(ending(clip.relpaths.get("rgb", "")) in IMAGE for clip in self.clips[:100])
        length = 1 if self.settings.form.reader in ("image", "padisi-npz") or pictures else 150
        planned = _positions(self.settings.rules, length)
        already = _positions([FrameRule.parse(text) for text in self.stored.rules], length)
        return self.new * len(planned) + self.wider * len(planned - already)

    @property
    def gigabytes(self) -> float:
        """A rough size of the crops to write."""
        modalities = len({name for clip in self.clips[:100] for name in clip.relpaths}) or 1
        return self.frames * modalities * BYTES_A_CROP / 1e9


def plan_extract(
    card: Card, root: Path, library: Library, settings: ExtractSettings, lists: Path | None = None, layout: str = ""
) -> ExtractPlan:
    """Find the clips of a raw dataset and what is left to do; their layout says how to read them.

    Clips of a table whose files are not there are among them, to be recorded as failed. Clips of an earlier store keep
    the ids that they have there.

    The rules are those of `settings` and those of the store: what was extracted stays.

    Raises:
        UserError: wrong or empty root, no path of the expected form, a form that no reader here
            reads, a store that was made with another configuration, or a place that cannot be written.
    """
    from fasdata.datasets.layouts import earlier_ids
    from fasdata.datasets.scan import scan

    scanned = scan(card, root, lists=lists, layout=layout)
    form = MediaForm.of(scanned.layout_spec)
    require_reader(form)
    folder = library.store_dir(card.slug)
    there = StoreInfo.read(folder) if (folder / FILE).is_file() else None
    settings = settings.settled(form, there.config if there else None)
    library.require_settled(card.slug)
    require_writable(folder)
    stored = StoredClips()
    if there is not None:
        there.require_same(StoreInfo(card.slug, settings.recorded(), __version__), folder)
        stored = StoredClips.of(folder)
        settings = _with_rules(settings, stored.rules)
        how_to_name(rule.kind for rule in settings.rules)  # new clips get the frames of all rules
    clips = {clip.clip_id: clip for clip in (*scanned.clips, *scanned.promised)}
    ordered = sorted(clips.values(), key=lambda clip: natural_key(clip.clip_id))
    known, notes = as_stored(ordered, stored, earlier_ids(card, scanned.layout_spec, ordered) if stored.status else {})
    return ExtractPlan(
        card.slug, folder, scanned.layout, known, stored, settings, scanned.unmatched, (*scanned.notes, *notes),
        scanned.skipped, scanned.second_files, scanned.absent, own_card(library, card),
    )  # fmt: skip


def run_extract(
    plan: ExtractPlan, root: Path, *, executor: Executor = LOCAL, retry_failed: bool = False
) -> ExtractReport:
    """Extract what is missing; a clip that cannot be used is recorded with its reason and stops nothing.

    Stored clips get the frames of rules that they lack. With `retry_failed` recordings that could not be decoded are
    tried again.

    Raises:
        UserError: the detector cannot be built, the store is written by another process, or the disk is full.
        Stopped: a stop was requested; the clips until then are in the store, and the next run goes on with the others.
    """
    from fasdata.store.reader import Store

    executor.require(plan.settings)
    searches = plan.settings.looks_at_pixels and (plan.new or plan.wider or (retry_failed and plan.failed))
    devices = (plan.settings.device.partition(":")[0],) if searches else ()
    info = StoreInfo(plan.dataset, plan.settings.recorded(), __version__, devices=devices)
    report = ExtractReport(plan.dataset, plan.folder, clips=len(plan.clips))
    with Library(plan.folder.parent).in_use([plan.dataset]), StoreWriter(plan.folder, info) as writer:
        if plan.about:
            write_text(plan.folder / CARD, plan.about.text())
        # A list file given since, or a corrected card: the pixels are the same, the description is not.
        for clip in plan.clips:
            if clip.clip_id in writer.clips and writer.clips[clip.clip_id] != clip:
                writer.describe(clip)
                report.described_anew += 1
        jobs = JobList(plan.clips, writer, retry_failed=retry_failed, absent=plan.absent)
        report.already = len(plan.clips) - jobs.new
        settings = _with_rules(plan.settings, writer.info.rules)
        with (
            progress(f"extract {plan.dataset}", len(jobs), "clips") as bar,
            closing(executor.extract_clips(jobs, root, settings, (tally := Tally(bar)).decoded)) as results,
        ):
            done = 0
            for record, crops in results:
                if writer.done.get(record.clip.clip_id, "failed") == "failed":
                    writer.add(record, crops)
                elif record.status == "failed":  # it could be decoded once, and keeps those frames
                    report.not_widened.append(f"{record.clip.relpaths.get('rgb', '')}: {record.reason}")
                else:
                    writer.extend(record, crops)
                    report.widened += 1
                done += 1
                tally.clip(record)
        if done < len(jobs) and (by := stop_requested()):
            raise Stopped(by, done, "clips")
    store = Store.open(plan.folder)
    for record in store.records():
        report.count(record)
    report.content_hash = store.content_hash()
    return report


def settings_for(dataset: str, frames: str, claim: Claim | None = None, **options: object) -> ExtractSettings:
    """Return settings with the rules of `frames`, where `recipes` stands for all that shipped recipes need of it."""
    words = [word for word in re.split(r"[+\s;]+", frames) if word]
    if "recipes" in words:
        from fasdata.protocols.recipe import frame_rules_for

        needed = frame_rules_for(dataset, claim)
        if not needed:
            raise UserError(
                f"no recipe says which frames of {dataset} to keep", do="give --frames, e.g. --frames 'ssdg(2)@decoded'"
            )
        words = [rule for word in words for rule in (needed if word == "recipes" else [word])]
    rules = tuple(parse_rules(" ".join(words)))
    code = how_to_name(rule.kind for rule in rules)
    return ExtractSettings(rules=rules, rule_code=code, **options)  # type: ignore[arg-type]


def _with_rules(settings: ExtractSettings, rules: Sequence[str]) -> ExtractSettings:
    return replace(settings, rules=(*settings.rules, *(FrameRule.parse(text) for text in rules)))


def _positions(rules: Sequence[FrameRule], length: int) -> set[int]:
    return {index for rule in rules for index in rule.positions(length)}
