"""Extraction on a Ray cluster of two nodes on this machine: the same store, also when a node is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fasdata.datasets.registry import find_card
from fasdata.errors import UserError
from fasdata.extract.child import Seen, Work, nobody
from fasdata.extract.executor import LOCAL, Executor
from fasdata.extract.extraction import plan_extract, run_extract
from fasdata.extract.jobs import Job, Result
from fasdata.extract.ray import Shared, require_ray, result_of, run_job
from fasdata.extract.settings import ExtractSettings
from fasdata.library import Library
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip
from tests.commands import Called
from tests.fasdata.extract.troubles import trouble
from tests.ray_nodes import ray_nodes
from tests.videos import flat_frames, write_video

SETTINGS = ExtractSettings(tuple(parse_rules("all")), detector="none")
CLIPS = 14


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings without a face, which is found in all of them: the detector takes the whole image."""
    root = tmp_path_factory.mktemp("raw")
    frames = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), dtype=np.uint8) for i in range(20)]
    for number in range(CLIPS - 1):
        label = ("bonafide", "attack")[number % 2]
        write_video(root / "train" / label / f"p{number}" / "clip é 1.avi", frames[number % 5 :])
    (root / "train" / "attack" / "p1" / "broken.avi").write_bytes(b"no video")
    return root


@pytest.fixture(scope="module")
def local(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The content hash of the store that the local executor makes."""
    return extract(raw, tmp_path_factory.mktemp("local"), LOCAL)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster whose head does no work, with one node of one core."""
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    made = ray_nodes(1)
    yield made
    made.shutdown()


def extract(raw: Path, out: Path, executor: Executor) -> str:
    plan = plan_extract(find_card("folder"), raw, Library(out), SETTINGS)
    return run_extract(plan, raw, executor=executor).content_hash


@dataclass(frozen=True)
class Unlucky(Executor):
    """Ray, on a cluster whose only working node is lost once two clips are done; another one joins."""

    cluster: Any = None

    def extract_clips(
        self, jobs: Sequence[Job], root: Path, settings: ExtractSettings, seen: Seen = nobody
    ) -> Iterator[Result]:
        for number, result in enumerate(super().extract_clips(jobs, root, settings, seen), start=1):
            if number == 2:
                self.cluster.remove_node(next(iter(self.cluster.worker_nodes)), allow_graceful=False)
                self.cluster.add_node(num_cpus=1)
            yield result


def test_the_loss_of_a_node_loses_nothing_and_changes_nothing(raw: Path, local: str, cluster, tmp_path: Path) -> None:
    """All clips in work or waiting on the node that went are done again on the other one."""
    executor = Unlucky("ray", 0, cluster.address, cluster=cluster)
    assert extract(raw, tmp_path / "lib", executor) == local


def test_two_nodes_at_the_command_line_give_the_same_store(raw: Path, local: str, cluster, tmp_path: Path) -> None:
    cluster.add_node(num_cpus=1)
    command = ("extract", "folder", "--root", raw, "--out", tmp_path / "lib", "--frames", "all", "--detector", "none")
    done = Called("fasdata", *command, "--executor", "ray", "--ray-address", cluster.address)
    assert done.code == 3 and "broken.avi" in done.out  # a recording that cannot be read stops nothing here either
    assert f"content: {local}" in done.out


def test_a_node_that_does_not_see_the_recordings_says_so(raw: Path, cluster) -> None:
    job = Job(Clip("d", "c", {"rgb": "elsewhere/c.avi"}))
    with pytest.raises(UserError, match=r"the node .* does not see .*elsewhere/c.avi; expected .*shared file system"):
        list(Executor("ray", 0, cluster.address).extract_clips([job], raw, SETTINGS))


def test_a_node_with_another_version_is_refused(raw: Path) -> None:
    with pytest.raises(UserError, match=r"another version of fasdata; expected 0\.0\.0-other"):
        run_job(Shared(Work(SETTINGS, raw), "", "0.0.0-other"), Job(Clip("d", "c", {})))


def test_a_node_with_another_detector_is_refused(raw: Path) -> None:
    with pytest.raises(UserError, match=r"other weights or faces of the detector none; expected abc"):
        run_job(Shared(Work(SETTINGS, raw), "abc"), Job(Clip("d", "c", {})))
    absent = replace(SETTINGS, detector="json", detector_model=str(raw / "absent.jsonl"))
    with pytest.raises(UserError, match=r"on the node .*absent.jsonl"):
        run_job(Shared(Work(absent, raw), ""), Job(Clip("d", "c", {})))


def test_a_job_whose_node_is_lost_again_and_again_fails_alone(raw: Path) -> None:
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")

    class Lost:
        exceptions = ray.exceptions

        @staticmethod
        def get(reference: object) -> None:
            raise ray.exceptions.WorkerCrashedError

    record, _ = result_of(Lost, object(), Job(Clip("d", "c", {})))
    assert (record.status, record.reason) == ("failed", "its node, or Ray's process there, was lost 9 times")


def test_a_clip_that_ends_its_process_fails_alone_and_the_others_are_done(tmp_path: Path, cluster) -> None:
    sound = [Job(Clip("d", f"c{number}", {"rgb": f"{number}.avi"})) for number in range(3)]
    for number in range(3):
        write_video(tmp_path / f"{number}.avi", flat_frames(3))
    jobs = [sound[0], trouble("crash"), *sound[1:]]
    results = Executor("ray", 0, cluster.address).extract_clips(jobs, tmp_path, SETTINGS)
    assert {record.clip.clip_id: record.reason for record, _ in results} == {
        **dict.fromkeys(("c0", "c1", "c2"), ""),
        "trouble": "the decoder ended its process, twice (signal 11, SIGSEGV)",
    }


@pytest.mark.parametrize(("address", "words"), [("127.0.0.1:1", "nothing answers at"), ("nonsense", "no Ray cluster")])
def test_a_head_that_is_not_there_is_told_soon(raw: Path, address: str, words: str) -> None:
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    with pytest.raises(UserError, match=words):
        list(Executor("ray", 0, address).extract_clips([], raw, SETTINGS))


def test_what_cannot_run_is_refused_before_anything_is_written(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("extract", "folder", "--root", raw, "--out", tmp_path / "lib", "--frames", "all", "--detector", "none")
    assert "'ray'" in Called("fasdata", *command, "--executor", "rai").line
    assert "expected --executor ray" in Called("fasdata", *command, "--ray-address", "head:6379").line
    with pytest.raises(UserError, match="Ray deals out the GPUs"):
        require_ray(replace(SETTINGS, detector="mtcnn", device="cuda:1"))
    monkeypatch.setattr("fasdata.ray_cluster.find_spec", lambda name: None)
    assert "pip install 'fasdata[ray]'" in Called("fasdata", *command, "--executor", "ray").line
    assert not (tmp_path / "lib").exists()
