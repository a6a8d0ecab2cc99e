"""The local executor: the same results however the work is spread, bounded work, and errors told as what they are."""

from __future__ import annotations

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
    alone, *spread = (
        {record.clip.clip_id: (record, crops) for record, crops in local.extract_clips(some, root, SETTINGS, workers)}
        for workers in (0, 1, 2)
    )
    assert spread == [alone, alone] and len(alone) == 8
    statuses = {name: record.status for name, (record, _) in alone.items()}
    assert {name for name, status in statuses.items() if status == "failed"} == {"cbroken", "cabsent"}
    assert len(alone["c5"][1]) == 9


@pytest.mark.parametrize("workers", [0, 1, 2])
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
    alone = {record.clip.clip_id: (record, crops) for record, crops in local.extract_clips(some, root, settings, 0)}
    assert {record.status for record, _ in alone.values()} == {"ok"} and len(alone) == 5
    for clips in (1, 3):
        together = extract_together(some, root, settings, clips)
        assert {record.clip.clip_id: (record, crops) for record, crops in together} == alone


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
