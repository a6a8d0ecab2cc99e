"""The local executor: the same results however the work is spread, bounded work, and errors told as what they are."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.extract import local
from fasdata.extract.jobs import Job, Worker
from fasdata.extract.local import IN_FLIGHT, bounded, extract_together
from fasdata.extract.settings import ExtractSettings
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip
from fasdata.synth.world import write_world
from tests.videos import flat_frames, write_video

SETTINGS = ExtractSettings(tuple(parse_rules("all")), detector="none")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for number in range(6):
        write_video(folder / f"{number}.avi", flat_frames(4 + number))
    (folder / "broken.avi").write_bytes(b"no video")
    return folder


def jobs(*names: object) -> list[Job]:
    return [Job(Clip("d", f"c{name}", {"rgb": f"{name}.avi"})) for name in names]


def test_processes_give_what_one_process_gives(root: Path) -> None:
    some = jobs(*range(6), "broken", "absent")
    alone = {record.clip.clip_id: (record, crops) for record, crops in local.extract_clips(some, root, SETTINGS, 1)}
    spread = {record.clip.clip_id: (record, crops) for record, crops in local.extract_clips(some, root, SETTINGS, 2)}
    assert alone == spread and len(alone) == 8
    statuses = {name: record.status for name, (record, _) in alone.items()}
    assert {name for name, status in statuses.items() if status == "failed"} == {"cbroken", "cabsent"}
    assert len(alone["c5"][1]) == 9


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_worker_lacks_is_told_as_what_it_is(root: Path, workers: int) -> None:
    settings = replace(SETTINGS, detector="json", detector_model=str(root / "absent.jsonl"))
    with pytest.raises(UserError, match=r"absent\.jsonl"):
        list(local.extract_clips(jobs(0, 1), root, settings, workers))


def test_clips_that_share_one_detector_give_what_processes_give(tmp_path: Path) -> None:
    """The road of a GPU, taken on the CPU."""
    settings = ExtractSettings(tuple(parse_rules("first(3)")), detector="mtcnn", min_face=20)
    write_world(tmp_path, preset="mini", datasets=["casia-fasd"], seed=5, workers=1)
    root = tmp_path / "CASIA-FASD"
    paths = sorted(root.rglob("*.avi"))[:5]
    some = [Job(Clip("d", f"c{i}", {"rgb": str(path.relative_to(root))})) for i, path in enumerate(paths)]
    alone = {record.clip.clip_id: (record, crops) for record, crops in local.extract_clips(some, root, settings, 1)}
    assert {record.status for record, _ in alone.values()} == {"ok"} and len(alone) == 5
    for clips in (1, 3):
        together = extract_together(some, root, settings, clips)
        assert {record.clip.clip_id: (record, crops) for record, crops in together} == alone


class EndsItsProcess(Clip):
    """Reading it takes the worker down, as a bug in a decoder does; with a marker file, only the first time."""

    @property
    def relpaths(self) -> dict[str, str]:  # type: ignore[override]
        if multiprocessing.parent_process() is None:
            return {}
        marker = Path(self.attack_type)
        if self.attack_type and marker.exists():
            return {"rgb": "0.avi"}
        marker.touch() if self.attack_type else None
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError


def lethal(marker: str = "") -> Job:
    clip = object.__new__(EndsItsProcess)
    clip.__dict__.update({**vars(jobs(0)[0].clip), "clip_id": "lethal", "attack_type": marker})
    clip.__dict__.pop("relpaths")
    return Job(clip)


def test_a_clip_that_ends_its_process_fails_alone(root: Path) -> None:
    some = jobs(*range(6))
    results = {
        record.clip.clip_id: record
        for record, _ in local.extract_clips([*some[:3], lethal(), *some[3:]], root, SETTINGS, 2)
    }
    assert len(results) == 7
    assert {name for name, record in results.items() if record.status == "failed"} == {"lethal"}
    assert results["lethal"].reason == "the decoder ended its process, twice (signal 11, SIGSEGV)"


def test_a_process_that_is_ended_from_outside_costs_a_retry(root: Path, tmp_path: Path) -> None:
    some = [*jobs(0, 1), lethal(str(tmp_path / "died-once"))]
    records = [record for record, _ in local.extract_clips(some, root, SETTINGS, 2)]
    assert len(records) == 3 and all(record.status == "ok" for record in records)


def test_where_every_process_ends_no_clip_is_blamed(root: Path) -> None:
    with pytest.raises(UserError, match=r"every process that works on a clip is ended; found .*SIGSEGV"):
        list(local.extract_clips([lethal(), lethal(), lethal()], root, SETTINGS, 2))


def test_work_is_taken_only_a_little_ahead(root: Path) -> None:
    taken: list[int] = []

    def endless() -> Iterator[Job]:
        for number, job in enumerate(jobs(0, 1, 2, 3, 4, 5) * 10):
            taken.append(number)
            yield job

    with ThreadPoolExecutor(2) as pool:
        results = bounded(pool, Worker(SETTINGS, root).run, endless(), 2)  # type: ignore[arg-type]
        for done in range(1, 30):
            next(results)
            assert len(taken) <= done + 2 * IN_FLIGHT
        assert len(list(results)) == 60 - 29
