"""Check the records, crops, tables and hashes of a store, and repair what can be repaired without the recordings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import lmdb

from fasdata.errors import UserError
from fasdata.progress import Bar, progress
from fasdata.records import ClipRecord
from fasdata.store import keys, shards, tables, writer_lock
from fasdata.store.atomic import sweep
from fasdata.store.hashes import digest, sealed, store_hash
from fasdata.store.info import StoreInfo
from fasdata.store.picture_bytes import claimed, is_raw
from fasdata.store.record_bytes import from_bytes
from fasdata.store.shard_writer import ShardWriter
from fasdata.store.tables import TableCheck

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
    """The result of a check. `drop` are the keys by shard that `--repair` would delete, `damaged` unreadable shards."""

    folder: Path
    info: StoreInfo
    rehashed: bool
    clips: int = 0
    crops: int = 0
    size: int = 0
    content_hash: str = ""
    problems: dict[str, Problem] = field(default_factory=dict)
    drop: dict[int, list[bytes]] = field(default_factory=dict)
    damaged: list[Path] = field(default_factory=list)

    def note(self, what: str, first: str, do: str, times: int = 1) -> None:
        """Add a problem to its kind."""
        problem = self.problems.setdefault(what, Problem(what, do, first=first))
        problem.times += times

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
        report.note("the last run that wrote to the store did not finish", folder.name, AGAIN)
    derived = TableCheck(folder)
    hashes: dict[str, str] = {}
    paths = shards.shard_paths(folder)
    with progress(f"check {report.info.dataset}", sum(path.stat().st_size for path in paths) >> 20, "MiB") as bar:
        for path in paths:
            _check_shard(path, report, derived, hashes, bar)
    for what in derived.differences():
        report.note(what, folder.name, "run 'fasdata store check --repair': it is rebuilt from the shards")
    report.clips, report.content_hash = len(hashes), store_hash(report.info.fingerprint, hashes)
    return report


def _check_shard(path: Path, report: StoreReport, derived: TableCheck, hashes: dict[str, str], bar: Bar) -> None:
    shard, size, advanced = int(path.stem), path.stat().st_size >> 20, 0
    try:
        with shards.reading(path) as transaction:
            clip_ids: set[str] = set()
            read = 0
            for key, value in shards.entries(transaction, keys.CLIP):
                clip_id = key[len(keys.CLIP) :].decode(errors="replace")
                clip_ids.add(clip_id)
                stored = shards.entries(transaction, keys.crop_prefix(clip_id))
                crops = {name.decode(errors="replace"): data for name, data in stored}
                read += sum(map(len, crops.values()))
                record = _check_clip(clip_id, value, crops, shard, report)
                if record is None:
                    continue
                if clip_id in hashes:
                    report.note("a clip is in two shards", clip_id, REPAIR)
                    _drop(report, shard, clip_id, crops)
                    continue
                hashes[clip_id] = record.content_hash
                derived.compare(shard, record)
                report.crops += len(crops)
                report.size += sum(map(len, crops.values()))
                bar.advance((read >> 20) - advanced, clips=len(hashes), problems=len(report.problems))
                advanced = read >> 20
            if not _check_keys(transaction, clip_ids, shard, report):
                report.note("the entries of a shard are out of order", path.name, REPAIR)
                report.drop[shard] = []  # which entries belong together shows once they are in order
    except UserError as error:
        report.damaged.append(path)
        report.note("a shard is damaged or foreign", str(error), "restore it from a copy, or " + REPAIR)
    bar.advance(max(0, size - advanced))


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
    if wrong:
        _drop(report, shard, clip_id, crops)
        return None
    return record


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


def _drop(report: StoreReport, shard: int, clip_id: str, crops: dict[str, bytes]) -> None:
    report.drop.setdefault(shard, []).extend([keys.clip_key(clip_id), *(key.encode() for key in crops)])


def _check_keys(transaction: lmdb.Transaction, clip_ids: set[str], shard: int, report: StoreReport) -> bool:
    """Note the entries of a shard that belong to none of its clips; return False where the keys are not in order."""
    ordered, before = True, b""
    with transaction.cursor() as cursor:
        for key in map(bytes, cursor.iternext(keys=True, values=False)):
            ordered, before = ordered and before < key, key
            text = key.decode(errors="replace")
            ours = keys.CROP_KEY.fullmatch(text)
            if (ours and ours["clip_id"] in clip_ids) or key.startswith(keys.CLIP):
                continue
            report.note("a crop belongs to no record" if ours else "an entry is not one of a store", text, REPAIR)
            report.drop.setdefault(shard, []).append(key)
    return ordered


# -- The repair -------------------------------------------------------------------------------------------------------


_ROUNDS = 3  # what is removed may have hidden other damage


def repair(report: StoreReport) -> list[str]:
    """Repair a store as far as its check allows, and return what was done in words.

    Tables are rebuilt from the shards. Damaged clips are removed, with all entries that belong to no clip, and shards
    that cannot be read are set aside under another name: an extraction then makes those clips anew, and until it has,
    the store stays marked as unfinished.

    Raises:
        UserError: another process is writing to the store, or it cannot be written.
    """
    folder, done = report.folder, list[str]()
    with writer_lock.lock_writer(folder):
        complete = writer_lock.interrupted(folder) is None and not report.drop and not report.damaged
        writer_lock.mark_unfinished(folder)
        sweep(folder)
        for _ in range(_ROUNDS):
            if not report.drop and not report.damaged:
                break
            done += _remove_damage(report)
            report = check_store(folder, rehash=report.rehashed)
        shards.close_readers(folder)
        tables.rebuild(folder)
        done.append(f"rebuilt {', '.join(tables.DERIVED)}")
        if complete:
            writer_lock.clear_mark(folder)
    shards.close_readers(folder)
    return done


def _remove_damage(report: StoreReport) -> list[str]:
    shards.close_readers(report.folder)
    done = []
    for path in report.damaged:
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        done.append(f"set aside {path.name} as {aside.name}")
    writer = ShardWriter(report.folder)
    for shard, unwanted in report.drop.items():
        writer.compact(shard, without=unwanted)  # a look-up by key may miss an entry of a damaged tree
        done.append(f"took {len(unwanted)} entries out of shard {shard}" if unwanted else f"put shard {shard} in order")
    writer.close()
    return done


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
    return "\n".join(lines)
