"""Check the records, crops, tables and hashes of a store; `repair.py` repairs what needs no recording."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import lmdb

from fasdata.datasets.tree import CLIP_ID
from fasdata.errors import UserError
from fasdata.progress import Bar, progress
from fasdata.records import ClipRecord
from fasdata.store import keys, shards, tables, writer_lock
from fasdata.store.hashes import digest, sealed, store_hash
from fasdata.store.info import StoreInfo
from fasdata.store.picture_bytes import claimed, is_raw
from fasdata.store.record_bytes import from_bytes
from fasdata.store.salvage import Salvage, salvage
from fasdata.store.table_check import TableCheck

AGAIN = "run the same 'fasdata extract' again: it continues"
REPAIR = "run 'fasdata store check --repair', then extract again: only those clips are made anew"


@dataclass
class Problem:
    """One kind of damage: how often, the first place, and what to do."""

    what: str
    do: str
    times: int = 0
    first: str = ""


@dataclass
class StoreReport:
    """The result of a check: `hashes` are the content hashes of the sound clips.

    `drop` are the keys by shard that `--repair` would delete, `damaged` what can be kept of shards whose pages are
    damaged, `lost` the clips that are not whole and would have to be made anew.
    """

    folder: Path
    info: StoreInfo
    rehashed: bool
    hashes: dict[str, str] = field(default_factory=dict)
    crops: int = 0
    size: int = 0
    content_hash: str = ""
    problems: dict[str, Problem] = field(default_factory=dict)
    drop: dict[int, list[bytes]] = field(default_factory=dict)
    damaged: list[Salvage] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)  # clips with entries among those to delete
    lost: set[str] = field(default_factory=set)

    def note(self, what: str, first: str, do: str, times: int = 1) -> None:
        """Add a problem to its kind."""
        problem = self.problems.setdefault(what, Problem(what, do, first=first))
        problem.times += times

    @property
    def clips(self) -> int:
        """How many clips are sound."""
        return len(self.hashes)

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_store(folder: Path, *, rehash: bool = False) -> StoreReport:
    """Check a store without changing it; with `rehash` the hash of every crop and record is computed again.

    Raises:
        UserError: there is no store, or `store.json` is damaged.
    """
    report = StoreReport(folder, StoreInfo.read(folder), rehash)
    if writer_lock.interrupted(folder) is not None or not tables.present(folder):
        missing = writer_lock.lost_clips(folder)
        report.note("the last run that wrote to the store did not finish", some(missing) or folder.name, AGAIN)
    derived, unreadable = TableCheck(folder), dict[Path, str]()
    paths = shards.shard_paths(folder)
    with progress(f"check {report.info.dataset}", sum(path.stat().st_size for path in paths) >> 20, "MiB") as bar:
        for path in paths:
            try:
                _check_shard(path, report, derived, bar)
            except shards.DamagedShard as error:
                unreadable[path] = error.reason
    _find_lost(report, unreadable)
    if not unreadable:
        for what in derived.differences():
            report.note(what, folder.name, "run 'fasdata store check --repair': it is rebuilt from the shards")
    report.content_hash = store_hash(report.info.fingerprint, report.hashes)
    return report


def _check_shard(path: Path, report: StoreReport, derived: TableCheck, bar: Bar) -> None:
    shard, size, advanced, read = int(path.stem), path.stat().st_size >> 20, 0, 0
    shards.require_sound(path)
    hashes, held = dict[str, str](), set[bytes]()  # damaged keys need not be text
    with shards.reading(path) as transaction:
        for key, value in shards.entries(transaction, keys.CLIP):
            name = key[len(keys.CLIP) :]
            clip_id = name.decode(errors="replace")
            held.add(name)
            stored = dict(shards.entries(transaction, keys.CROP + name + b"/"))
            crops = {crop.decode(errors="replace"): data for crop, data in stored.items()}
            read += sum(map(len, crops.values()))
            record = _check_clip(clip_id, value, crops, shard, report)
            if record is None:
                _drop(report, shard, clip_id, [key, *stored])
                continue
            if clip_id in report.hashes:
                report.note("a clip is in two shards", clip_id, REPAIR)
                _drop(report, shard, clip_id, [key, *stored])
                continue
            hashes[clip_id] = record.content_hash
            derived.compare(shard, record)
            report.crops += len(crops)
            report.size += sum(map(len, crops.values()))
            bar.advance((read >> 20) - advanced, clips=len(hashes), problems=len(report.problems))
            advanced = read >> 20
        _check_keys(transaction, held, shard, report)
    report.hashes |= hashes
    bar.advance(max(0, size - advanced))


def _find_lost(report: StoreReport, unreadable: Mapping[Path, str]) -> None:
    """Find what damaged shards still hold, and which clips are neither there nor in a sound shard."""
    listed = tables.listed(report.folder)
    for path, reason in unreadable.items():
        of_shard = {clip: row.content_hash for clip, row in (listed or {}).items() if row.shard == int(path.stem)}
        held = salvage(path, None if listed is None else of_shard, report.hashes.keys())
        report.damaged.append(held)
        report.lost |= held.lost
        report.note("a shard is damaged or foreign", reason, "restore it from a copy, or " + REPAIR)
    kept = {*report.hashes, *(clip for held in report.damaged for clip in held.kept)}
    there = set(report.hashes.values())
    if listed is None:
        missing = (tables.indexed(report.folder) or set()) - kept
    else:
        missing = {clip for clip, row in listed.items() if clip not in kept and row.content_hash not in there}
    report.lost = (report.lost | missing) - kept
    gone = report.lost - report.dropped - {clip for held in report.damaged for clip in held.lost}
    if gone:
        report.note("a clip of the tables is in no shard", some(gone), REPAIR, times=len(gone))


def _check_clip(
    clip_id: str, value: bytes, crops: dict[str, bytes], shard: int, report: StoreReport
) -> ClipRecord | None:
    """Check one clip against its crops; return its record, None where something is wrong with either."""
    wrong: list[tuple[str, str]] = []
    record = None
    try:
        record = from_bytes(value, f"{clip_id} in shard {shard}", clip_id)
    except UserError as error:
        wrong.append(("a clip record is damaged or foreign", str(error)))
    if record is not None:
        wrong += _contradictions(record, report.info.dataset)
        expected = set(keys.crop_keys(record))
        wrong += [("a crop of a record is missing", key) for key in sorted(expected - crops.keys())[:1]]
        wrong += [("a crop belongs to no record", key) for key in sorted(crops.keys() - expected)[:1]]
        wrong += [("a crop is no image", key) for key in sorted(crops) if not _is_image(crops[key])][:1]
        if report.rehashed and not wrong:
            again = sealed(record, {key: digest(data) for key, data in crops.items()})
            if again.pixel_hash != record.pixel_hash:
                wrong.append(("the pixels of a clip are not those that were written", clip_id))
            elif again.content_hash != record.content_hash:
                wrong.append(("the record of a clip is not the one that was written", clip_id))
        lacking = sorted(set(report.info.rules) - record.selections.keys()) if record.status != "failed" else []
        if lacking:
            report.note("a clip lacks frames of a rule of the store", f"{clip_id}: {lacking[0]}", AGAIN)
    for what, where in wrong:
        report.note(what, where, REPAIR)
    return None if wrong else record


def _contradictions(record: ClipRecord, dataset: str) -> list[tuple[str, str]]:
    """Return what in a record contradicts the store or itself."""
    clip_id, wrong = record.clip.clip_id, []
    if record.clip.dataset != dataset:
        wrong.append(("a clip is of another dataset", f"{clip_id}: {record.clip.dataset}"))
    recorded = {frame.index for frame in record.frames}
    if any(not recorded.issuperset(selected) for selected in record.selections.values()):
        wrong.append(("a selected frame is not on record", clip_id))
    if (record.status == "ok") != any(frame.crop for frame in record.frames):
        wrong.append(("a clip's status does not agree with its crops", f"{clip_id}: {record.status}"))
    return wrong


def _is_image(data: bytes) -> bool:
    try:
        return is_raw(data) or min(claimed(data)) > 0
    except ValueError:
        return False


def _drop(report: StoreReport, shard: int, clip_id: str, entries: Iterable[bytes]) -> None:
    report.drop.setdefault(shard, []).extend(entries)
    report.dropped.add(clip_id)
    if CLIP_ID.fullmatch(clip_id):  # else a damaged key: the tables know which clip it was
        report.lost.add(clip_id)


def _check_keys(transaction: lmdb.Transaction, clips: set[bytes], shard: int, report: StoreReport) -> None:
    """Note the entries of a shard that belong to none of its clips."""
    with transaction.cursor() as cursor:
        for key in map(bytes, cursor.iternext(keys=True, values=False)):
            text = key.decode(errors="replace")
            ours = keys.CROP_KEY.fullmatch(text)
            if (ours and key.split(b"/")[1] in clips) or key.startswith(keys.CLIP):
                continue
            report.note("a crop belongs to no record" if ours else "an entry is not one of a store", text, REPAIR)
            report.drop.setdefault(shard, []).append(key)


# -- The words --------------------------------------------------------------------------------------------------------


def describe_check(report: StoreReport) -> str:
    """Return what was checked, what is wrong, and what to do."""
    rules = f"; rules {' + '.join(report.info.rules)}" if report.info.rules else ""
    size = f"{report.size / 1e9:.2f} GB" if report.size >= 1e9 else f"{report.size / 1e6:.1f} MB"
    lines = [
        f"{report.info.dataset}: {report.folder}",
        f"{report.clips} clips, {report.crops} crops, {size}{rules}",
        "every crop and record hashed again" if report.rehashed else "hashes as recorded (--rehash computes them)",
    ]
    if report.intact:
        return "\n".join([*lines, f"content: {report.content_hash}", "no problem found"])
    times = sum(problem.times for problem in report.problems.values())
    lines.append(f"{times} problem{'s' if times > 1 else ''}:")
    for problem in report.problems.values():
        lines += [f"  {problem.times} x {problem.what} (e.g. {problem.first})", f"      {problem.do}"]
    lines += [f"{len(held.kept)} clips of {held.path.name} can be kept" for held in report.damaged]
    if report.lost:
        lines.append(f"to be made anew ({len(report.lost)}): {some(report.lost)}")
    return "\n".join(lines)


def some(names: Collection[str], shown: int = 20) -> str:
    """Return names in order, the first ones of many."""
    more = [f"… and {len(names) - shown} more"] if len(names) > shown else []
    return ", ".join([*sorted(names)[:shown], *more])
