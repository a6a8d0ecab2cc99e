"""SIGKILL at random moments loses nothing and changes nothing."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fasdata.store import tables
from fasdata.store.check import check_store
from fasdata.store.info import FILE, StoreInfo
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from fasdata.store.writer_lock import LOCK
from fasdata.synth.world import write_world
from tests.fastrain.world import write_library
from tests.faults.victims import Victims, victims
from tests.faults.world import FEW, MORE, extract, sound_hash, store_of, write_raw

SEED = 20


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kills") / "raw"
    write_raw(root)
    return root


@pytest.fixture(scope="module")
def calm(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Libraries of runs that nobody disturbed, by their rules."""
    made = {}
    for rules in (FEW, f"{FEW} + {MORE}"):
        made[rules] = tmp_path_factory.mktemp("calm")
        extract(raw, made[rules], rules)
    return made


@pytest.fixture(scope="module")
def forked() -> Iterator[Victims]:
    with victims() as made:
        yield made


def clips_of(out: Path, dataset: str = "folder") -> int:
    """Look into the store a kill has left: what is there must be whole. Return the number of finished clips."""
    folder = store_of(out, dataset)
    if not (folder / FILE).is_file():
        return 0
    report = check_store(folder)
    unfinished = {"the last run that wrote to the store did not finish", "a clip lacks frames of a rule of the store"}
    assert report.problems.keys() <= unfinished, report.problems
    assert (folder / tables.CLIPS).exists() <= report.intact
    return report.clips


KILLS = 8  # of an extraction from nothing; hundreds, of every verb: benchmarks/kills.py


def spread(kills: int, seed: int) -> Iterator[float]:
    """Moments from 0 to 1: one at random in each of `kills` equal parts, again and again."""
    chance = random.Random(seed)
    while True:
        for part in chance.sample(range(kills), kills):
            yield (part + chance.random()) / kills


def test_an_extraction_killed_anywhere_is_continued_to_the_same_content(raw, calm, forked, tmp_path):
    expected = sound_hash(calm[FEW])
    course = forked.run("extract", raw, tmp_path / "timed", FEW)
    assert course.steps == 21  # the description, 18 clips, how they were read, the tables
    left: list[int] = []
    moments = spread(KILLS, SEED)
    for attempt in range(3 * KILLS):
        out = tmp_path / str(attempt)
        if not forked.kill("extract", raw, out, FEW, moment=next(moments), course=course):
            continue
        left.append(clips_of(out))
        report = extract(raw, out)
        assert report.already == left[-1] and sound_hash(out) == expected
        if len(left) == KILLS:
            break
    assert len(left) == KILLS
    assert len({clips for clips in left if 0 < clips < report.clips}) >= 2  # some hit the middle


def test_clips_that_are_committed_together_are_all_there_or_made_anew(raw, calm, forked, tmp_path):
    course = forked.run("extract_in_groups", raw, tmp_path / "timed", FEW)
    groups = course.steps - 3
    assert 3 <= groups <= 9, groups  # of 18 clips
    left = []
    moments = spread(3, SEED + 3)
    for attempt in range(9):
        out = tmp_path / str(attempt)
        if forked.kill("extract_in_groups", raw, out, FEW, moment=next(moments), course=course):
            left.append(clips_of(out))
            assert extract(raw, out).already == left[-1] and sound_hash(out) == sound_hash(calm[FEW])
        if len(left) == 3:
            break
    assert len(left) == 3 and any(0 < clips < 18 for clips in left)


def test_a_widening_killed_anywhere_is_continued_to_the_content_of_the_union(raw, calm, forked, tmp_path):
    union = f"{FEW} + {MORE}"
    expected = sound_hash(calm[union])

    def narrow(name: str) -> Path:
        return Path(shutil.copytree(calm[FEW], tmp_path / name))

    course = forked.run("extract", raw, narrow("timed"), MORE)
    kills = 0
    moments = spread(3, SEED + 1)
    for attempt in range(20):
        out = narrow(str(attempt))
        if not forked.kill("extract", raw, out, MORE, moment=next(moments), course=course):
            continue
        assert clips_of(out) == 18
        extract(raw, out, FEW if StoreInfo.read(store_of(out)).rules != tuple(sorted(FEW.split(" + "))) else MORE)
        assert sound_hash(out) == expected
        kills += 1
        if kills == 3:
            break
    assert kills == 3


def test_a_removal_killed_anywhere_can_be_repeated_and_leaves_no_byte(raw, calm, forked, tmp_path):
    folder = store_of(calm[FEW])
    with StoreWriter(folder, StoreInfo.read(folder)) as writer:
        mine = [clip.clip_id for clip in writer.clips.values() if clip.subject == "anna"]
    assert len(mine) == 6
    secret = crop_bytes(folder, mine)
    assert secret and any(data in whole_bytes(folder) for data in secret)
    hashes = set()
    course = forked.run("remove", shutil.copytree(calm[FEW], tmp_path / "timed"), "anna")
    moments = spread(3, SEED + 2)
    kills = 0
    for attempt in range(12):
        out = Path(shutil.copytree(calm[FEW], tmp_path / str(attempt)))
        kills += forked.kill("remove", out, "anna", moment=next(moments), course=course)
        assert check_store(store_of(out)).problems.keys() <= {"the last run that wrote to the store did not finish"}
        forked.run("remove", out, "anna")
        hashes.add(sound_hash(out))
        assert not any(data in whole_bytes(store_of(out)) for data in secret)
        if kills == 2:
            break
    assert kills == 2 and len(hashes) == 1


def test_with_a_network_too(forked, tmp_path):
    world = tmp_path / "world"
    write_world(world, preset="mini", datasets=["casia-fasd"], seed=5, workers=1)
    raw = world / "CASIA-FASD"
    for path in sorted(raw.rglob("*.avi"))[::2]:
        path.unlink()
    kept, rules = len(list(raw.rglob("*.avi"))), "linspace(2)@with_face"
    course = forked.run("search", raw, tmp_path / "calm", rules)
    expected = sound_hash(tmp_path / "calm", "casia-fasd")
    out, kills, left = tmp_path / "shot", 0, [0]
    # One store, killed again and again; just after a step, since loading the network makes steps of unequal length.
    for moment in (0.1, 0.34, 0.12):
        kills += forked.kill("search", raw, out, rules, moment=moment, course=course)
        left.append(clips_of(out, "casia-fasd"))
        assert left[-2] <= left[-1]
    assert kills == 3 and 0 < left[-1] < kept
    forked.run("search", raw, out, rules)
    assert sound_hash(out, "casia-fasd") == expected
    records = list(Store.open(store_of(out, "casia-fasd")).records())
    assert len(records) == kept and all(record.status == "ok" for record in records)


@pytest.mark.parametrize("task", ["pack", "export"])
def test_what_is_made_of_a_store_is_continued_to_the_same_bytes(task, forked, tmp_path):
    library = tmp_path / "library"
    write_library(library)
    out = tmp_path / "out" if task == "export" else library / "packs"
    course = forked.run(task, library, out)
    assert course.steps >= 40
    calm = every_byte(out)
    for attempt, moment in zip(range(2), spread(2, SEED + 3), strict=False):
        shutil.rmtree(out)
        assert forked.kill(task, library, out, moment=moment * 0.9, course=course), attempt
        forked.run(task, library, out)
        assert every_byte(out) == calm


def every_byte(folder: Path) -> dict[str, bytes]:
    """What each file holds; a lock file says who held it, and nothing else."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != LOCK)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def crop_bytes(folder: Path, clip_ids: list[str]) -> list[bytes]:
    """A piece of each crop of some clips, as it lies in the file."""
    from fasdata.store import keys, shards

    values = []
    with shards.reading(shards.shard_paths(folder)[0]) as transaction, transaction.cursor() as cursor:
        for clip_id in clip_ids:
            if cursor.set_range(keys.crop_prefix(clip_id)) and cursor.key().startswith(keys.crop_prefix(clip_id)):
                values.append(bytes(cursor.value()[100:160]))
    shards.close_readers(folder)
    return values


def whole_bytes(folder: Path) -> bytes:
    """Everything that lies in the files of a store."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
