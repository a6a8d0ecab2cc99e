"""A clip is a unit that may die: whatever it does to its process, it alone fails, and the run goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace

import pytest

from fasdata.datasets.registry import find_card
from fasdata.errors import UserError
from fasdata.extract import local, processes
from fasdata.extract.child import Limits, Lost, Work
from fasdata.extract.executor import Executor
from fasdata.extract.extraction import plan_extract, run_extract
from fasdata.extract.jobs import Job, Result
from fasdata.extract.processes import ClipProcess, persevere
from fasdata.extract.settings import ExtractSettings
from fasdata.library import Library
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, ClipRecord
from fasdata.stopping import SIGNALS, Stopped, request_stop, stoppable
from tests.fasdata.extract.troubles import trouble
from tests.videos import flat_frames, write_video

SETTINGS = ExtractSettings(tuple(parse_rules("all")), detector="none")
CRASHED = "the decoder ended its process, twice (signal 11, SIGSEGV)"
Road = Callable[[Sequence[Job], Path, Limits], Iterator[Result]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for number in range(4):
        write_video(folder / f"{number}.avi", flat_frames(3 + number))
    return folder


def sound(*names: object) -> list[Job]:
    return [Job(Clip("d", f"c{name}", {"rgb": f"{name}.avi"})) for name in names]


def by_workers(workers: int) -> Road:
    return lambda jobs, root, limits: local.extract_clips(jobs, root, SETTINGS, workers, limits)


def together(jobs: Sequence[Job], root: Path, limits: Limits) -> Iterator[Result]:
    """The road of a GPU, taken on the CPU: three clips in the hands of one process."""
    return local.extract_together(jobs, root, SETTINGS, 3, limits)


def in_turn(jobs: Sequence[Job], root: Path, limits: Limits) -> Iterator[Result]:
    """What a task of a Ray cluster does."""
    process = ClipProcess(Work(SETTINGS, root, limits))
    yield from (persevere(process, job) for job in jobs)
    process.close()


ROADS = pytest.mark.parametrize(
    "road", [by_workers(1), by_workers(2), together, in_turn], ids=["one", "two", "together", "ray"]
)


def records(road: Road, jobs: Sequence[Job], root: Path, limits: Limits) -> dict[str, ClipRecord]:
    given = [record for record, _ in road(jobs, root, limits)]
    assert len(given) == len(jobs)
    return {record.clip.clip_id: record for record in given}


@ROADS
def test_a_clip_fails_alone_whatever_it_does(root: Path, road: Road) -> None:
    """One that crashes, one that takes too much memory, and one that gives no frame, among sound ones."""
    calm = records(by_workers(0), sound(0, 1, 2, 3), root, Limits())
    jobs = [*sound(0, 1), trouble("crash", name="crash"), trouble("memory", name="memory"), *sound(2)]
    after = records(road, [*jobs, trouble("hang", name="hang"), *sound(3)], root, Limits(1.5, 2.5))
    failed = {name: after.pop(name).reason for name in ("crash", "memory", "hang")}
    assert failed == {"crash": CRASHED, "memory": "out of memory", "hang": "the decoder gave no frame for 1.5 s"}
    assert after == calm


@ROADS
@pytest.mark.parametrize("kind", ["crash", "killed", "memory"])
def test_what_happens_once_costs_a_retry(root: Path, tmp_path: Path, road: Road, kind: str) -> None:
    jobs = [*sound(0, 1), trouble(kind, tmp_path / "once"), *sound(2)]
    assert {record.status for record in records(road, jobs, root, Limits(0, 2.5)).values()} == {"ok"}
    assert (tmp_path / "once").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which signals a process blocks")
def test_signals_to_the_group_never_reach_the_server_of_processes(root: Path) -> None:
    process = ClipProcess(Work(SETTINGS, root))
    process.run(sound(0)[0])
    server = forkserver._forkserver._forkserver_pid
    process.close()
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{server}/status").read_text().splitlines())
    blocked = int(status["SigBlk"], 16)
    assert all(blocked & 1 << (number - 1) for number in SIGNALS)


@pytest.mark.parametrize("times", [1, 99])
def test_a_server_that_ends_while_it_starts_a_process_is_started_anew(root: Path, monkeypatch, times: int) -> None:
    attempts, start = [], ForkServerProcess.start

    def failing(process: ForkServerProcess) -> None:
        attempts.append(process)
        if len(attempts) <= times:
            raise EOFError
        start(process)

    monkeypatch.setattr(ForkServerProcess, "start", failing)
    if times > 1:
        with pytest.raises(UserError, match="no process can be started"):
            list(by_workers(1)(sound(0), root, Limits()))
        return
    assert {record.status for record in records(by_workers(1), sound(0), root, Limits()).values()} == {"ok"}


def test_a_process_that_is_killed_again_when_it_is_alone_is_no_reason_to_stop(root: Path) -> None:
    killed = records(by_workers(2), [trouble("killed"), *sound(0, 1)], root, Limits())["trouble"]
    assert killed.status == "failed"
    assert killed.reason.endswith("twice (signal 9, SIGKILL: ended from outside, for want of memory?)")


def test_a_slow_clip_has_its_time_and_a_hang_that_lets_no_thread_run_has_not(root: Path) -> None:
    jobs = [trouble("hang with the lock"), *sound(0)]
    begun = time.monotonic()
    hung = records(by_workers(1), jobs, root, Limits(clip_timeout=1))["trouble"]
    assert hung.reason == "the decoder gave no frame for 1 s" and time.monotonic() - begun < 30
    assert records(by_workers(1), [trouble("slow")], root, Limits(clip_timeout=3))["trouble"].status == "ok"


def test_where_nothing_but_trouble_comes_the_machine_is_to_blame(root: Path) -> None:
    """What was tried is on record, so that the next run goes on with other clips."""
    jobs = [trouble("crash", name=f"c{number}") for number in range(local.BRAKE + 4)]
    tried: list[ClipRecord] = []
    with pytest.raises(UserError, match=r"each of the first \d+ clips ended the process .*SIGSEGV.*doctor"):
        tried.extend(record for record, _ in local.extract_clips(jobs, root, SETTINGS, 2))
    assert local.BRAKE <= len(tried) < len(jobs) and {record.reason for record in tried} == {CRASHED}


def test_few_clips_of_which_none_survives_are_no_error(root: Path) -> None:
    """They may be all that is left of a dataset: it must not be blocked by them."""
    jobs = [trouble("crash", name=f"c{number}") for number in range(2)]
    assert {record.reason for record, _ in local.extract_clips(jobs, root, SETTINGS, 2)} == {CRASHED}


def test_too_little_memory_for_the_libraries_is_said_before_any_clip_is_blamed(root: Path) -> None:
    with pytest.raises(UserError, match="--worker-memory"):
        list(local.extract_clips(sound(0), root, SETTINGS, 1, Limits(worker_memory=0.01)))


def test_bad_starts_between_good_ones_are_no_reason_to_stop(root: Path, monkeypatch) -> None:
    """A process that is killed while it loads its libraries costs a start, however often a long run has one."""
    process, starts = ClipProcess(Work(SETTINGS, root)), iter(range(100))

    def run(life: object, job: Job, seen: object) -> str:
        if next(starts) % 2 == 0:
            raise processes._Stillborn("signal 9")
        return job.clip.clip_id

    monkeypatch.setattr(processes, "_Life", lambda work: SimpleNamespace(ended=True, run=partial(run, None)))
    assert [process.run(job) for job in sound(0, 1, 2)] == ["c0", "c1", "c2"]


# -- Stops ------------------------------------------------------------------------------------------------------------


def test_a_stop_finishes_the_clips_in_hand_and_the_store_goes_on(tmp_path: Path, monkeypatch) -> None:
    raw = tmp_path / "raw"
    for number in range(12):
        write_video(raw / "train" / "attack" / f"p{number}" / "a.avi", flat_frames(3))
    executors = {"here": Executor(), "one": Executor(workers=1), "two": Executor(workers=2)}
    hashes = set()
    for name, executor in executors.items():
        plan = plan_extract(find_card("folder"), raw, Library(tmp_path / name), SETTINGS)
        with stoppable(), pytest.raises(Stopped, match=r"stopped by SIGTERM after \d+ clips") as stopped:
            run_extract(plan, raw, executor=StopsAfter(3, executor))
        assert 3 <= stopped.value.done < 12 and stopped.value.exit_code == 143
        plan = plan_extract(find_card("folder"), raw, Library(tmp_path / name), SETTINGS)
        report = run_extract(plan, raw, executor=executor)
        assert report.already == stopped.value.done
        hashes.add(report.content_hash)
    assert len(hashes) == 1


class StopsAfter(Executor):
    """An executor during which a stop is requested after some clips."""

    def __init__(self, clips: int, executor: Executor) -> None:
        object.__setattr__(self, "clips", clips)
        super().__init__(executor.name, executor.workers)

    def extract_clips(self, jobs, root, settings, *seen):  # type: ignore[no-untyped-def]
        for number, result in enumerate(super().extract_clips(jobs, root, settings, *seen), start=1):
            if number == self.clips:  # type: ignore[attr-defined]
                request_stop()
            yield result


@pytest.mark.parametrize("after", [2, local.BRAKE])
def test_a_stop_while_lost_clips_wait_for_their_second_trial_is_a_stop(root: Path, monkeypatch, capsys, after) -> None:
    def losing(process: ClipProcess, job: Job) -> Result:
        if job.clip.clip_id == f"c{after - 1}":
            request_stop()
        raise Lost(CRASHED)

    monkeypatch.setattr(ClipProcess, "run", losing)
    with stoppable():
        assert list(by_workers(1)(sound(*range(after)), root, Limits())) == []
    assert capsys.readouterr().err.count("clips in hand") == 1


def test_a_clip_that_takes_longer_than_the_grace_is_left_for_the_next_run(root: Path, monkeypatch) -> None:
    monkeypatch.setattr(local, "GRACE", 1.0)
    begun = time.monotonic()
    with stoppable():
        results = local.extract_clips([*sound(0), trouble("hang"), *sound(1)], root, SETTINGS, 2)
        first = next(results)
        time.sleep(0.5)
        request_stop()
        rest = [record.clip.clip_id for record, _ in results]
    assert "trouble" not in {first[0].clip.clip_id, *rest} and time.monotonic() - begun < 20


@pytest.mark.parametrize("kind", ["hang", "hang with the lock"])
def test_a_child_never_outlives_its_parent(root: Path, tmp_path: Path, kind: str) -> None:
    code = (
        "from tests.fasdata.extract.test_extract_processes import *\n"
        f"jobs = [trouble({kind!r}, Path({str(tmp_path / 'pid')!r}))]\n"
        f"list(local.extract_clips(jobs, Path({str(root)!r}), SETTINGS, 1))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        pid = int(eventually(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text()))
    finally:
        parent.kill()
        parent.wait()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text(), 20)


def eventually(happens: Callable[[], object], seconds: float = 40) -> str:
    until = time.monotonic() + seconds
    while not (value := happens()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return str(value)
