"""A run of a sweep in a process of its own, forked from one that has the libraries loaded; it may end as it likes."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Literal, cast

from fasdata.errors import EXIT_USER_ERROR, UserError
from fasdata.stopping import SIGNALS, StoppedExit, spelt_exit
from fastrain.run.request import RunRequest
from fastrain.rundir.sweep_dir import SweepDir

# What every run imports: the server of the processes does so once, before it has any thread or state.
PRELOADED = ["cv2", "torch", "torchvision", "fastrain.sweep.preloaded"]
_PR_SET_PDEATHSIG = 1  # of Linux: the signal that a process gets when the one that started it ends
PATIENCE = 120.0  # seconds in which a process of an earlier, broken-off sweep may save its run and end


@dataclass(frozen=True)
class Task:
    """A run to be carried out: the sweep's folder, the run's name, its request, and the user's code that it names."""

    sweep: Path
    name: str
    request: RunRequest
    methods: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """Return the command that carries out the same run by itself."""
        request, wanted = self.request, ["fastrain", "run", *(self.methods or (str(self.request.method),))]
        options = {
            "protocol": request.protocol, "recipe": request.recipe, "preset": request.preset, "frames": request.frames,
            "test-frames": request.test_frames, "val": request.val, "data": request.data, "devices": request.devices,
            "precision": request.precision, "accelerator": request.accelerator, "threads": request.threads,
            "track": request.track, "out": request.out,
        }  # fmt: skip
        wanted += [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
        wanted += [word for setting in request.overrides for word in ("--set", setting)]
        wanted += ["--faces"] * request.faces + ["--no-report"] * (not request.report)
        wanted += ["--allow-changed-data"] * request.allow_changed_data
        return wanted


@dataclass(frozen=True)
class Outcome:
    """How a run of a sweep ended, and the reason where it did not finish."""

    name: str
    state: Literal["finished", "stopped", "failed"]
    reason: str = ""


class RunProcess:
    """The process of a run, from its start on; `environment` is laid over that of this process."""

    def __init__(self, task: Task, environment: Mapping[str, str] | None = None) -> None:
        self.task = task
        log = SweepDir(task.sweep).log(task.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        resource_tracker.ensure_running()  # whose start would unblock the signals
        self._pipe, there = context.Pipe(duplex=False)
        arguments = (there, task, log, dict(environment or {}))
        self._process = context.Process(target=_carry_out, args=arguments, daemon=True)
        # A terminal's signals, and those of a batch system to a whole job, are for this process alone.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (*SIGNALS, signal.SIGUSR1, signal.SIGUSR2))
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            there.close()

    @property
    def sentinel(self) -> int:
        """A handle that is ready once the process has ended (`multiprocessing.connection.wait`)."""
        return self._process.sentinel

    def stop(self) -> None:
        """Ask the run to save its progress and end."""
        self._process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def wait(self) -> None:
        """Wait for the end."""
        wait([self.sentinel])

    def outcome(self) -> Outcome:
        """Wait for the end; return what became of the run, and write down why it failed if it did."""
        self.wait()
        self._process.join()
        outcome: Outcome | None = None
        with suppress(EOFError, OSError):
            if self._pipe.poll():
                outcome = cast(Outcome, self._pipe.recv())
        self._pipe.close()
        code = self._process.exitcode
        if outcome is None and code in (-signal.SIGTERM, -signal.SIGINT):
            outcome = Outcome(self.task.name, "stopped", f"before it began ({spelt_exit(code)})")
        outcome = outcome or self._by_exit(code)
        noted(self.task, outcome)
        return outcome

    def _by_exit(self, code: int | None) -> Outcome:
        """Return what the exit code says: of a run that took several devices, and so was a command, or of a death."""
        if code == 0:
            return Outcome(self.task.name, "finished")
        if code is not None and code - 128 in SIGNALS:
            return Outcome(self.task.name, "stopped", spelt_exit(128 - code))
        lines = SweepDir(self.task.sweep).log(self.task.name).read_text(errors="replace").splitlines()
        refusal = lines[-1].removeprefix("error: ") if code == EXIT_USER_ERROR and lines else ""
        return Outcome(self.task.name, "failed", refusal or f"the process of the run ended: {spelt_exit(code)}")


def noted(task: Task, outcome: Outcome) -> None:
    """Keep in the sweep's folder that a run failed, or that it failed no more."""
    sweep = SweepDir(task.sweep)
    if outcome.state == "failed":
        sweep.note_failure(task.name, outcome.reason, time.strftime("%F %T"))
    elif outcome.state == "finished":
        sweep.clear_failure(task.name)


# -- In the process of the run -----------------------------------------------------------------------------------------


def _carry_out(pipe: Connection, task: Task, log: Path, environment: Mapping[str, str]) -> None:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.environ.update(environment)
    _print_to(log)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print(f"\n{time.strftime('%F %T')} {' '.join(task.command())}", flush=True)
    if task.request.devices not in (None, "1"):  # the processes of further devices are started by the command's name
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        os.execv(sys.executable, [sys.executable, "-m", *task.command()])
    outcome = in_this_process(task)
    sys.stdout.flush()
    with suppress(OSError):
        pipe.send(outcome)


def in_this_process(task: Task) -> Outcome:
    """Carry out a run here; whatever becomes of it is an outcome, and nothing is raised."""
    from fasdata.protocols.own_rules import name_rule
    from fastrain.methods.registry import name_method
    from fastrain.run.run import run
    from fastrain.rundir import RunDir

    try:
        folder, until = RunDir(Path(str(task.request.out))), time.monotonic() + PATIENCE
        while folder.holder() and time.monotonic() < until:
            time.sleep(0.2)
        for text in task.methods:
            name_method(text)
        for text in task.rules:
            name_rule(text)
        run(task.request)
    except StoppedExit as stopped:
        return Outcome(task.name, "stopped", spelt_exit(128 - int(str(stopped.code))))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return Outcome(task.name, "failed", str(error))
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return Outcome(task.name, "failed", f"{type(error).__name__}: {' '.join(str(error).split())[:400]}")
    return Outcome(task.name, "finished")


def _print_to(log: Path) -> None:
    """Let all that this process prints, libraries in C included, go to the end of a file."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        stream.flush()
        os.dup2(handle, descriptor)
    os.close(handle)


def _end_with_parent() -> None:
    """Ask the run to save and end when the process that started it is gone: nobody would know of it any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
