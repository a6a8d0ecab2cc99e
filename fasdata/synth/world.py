"""Write raw datasets of synthetic people, each in the layout of a real one, in parallel over people."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fasdata.errors import UserError
from fasdata.foreign import read_json_object
from fasdata.progress import progress
from fasdata.store.atomic import is_temporary, write_text
from fasdata.synth.files import TEMPORARY, write_images, write_padisi, write_video, write_wmca
from fasdata.synth.layouts.dataset_plan import DatasetPlan, PlannedClip
from fasdata.synth.layouts.presets import plan_world
from fasdata.synth.presentation.clip import Shot, render_clip

# -- The clips of one person, in one process --------------------------------------------------------------------------

# The writers of clips that are no videos.
_RECORDINGS = {"images": write_images, "wmca-hdf5": write_wmca, "padisi-npz": write_padisi}


def write_clips(clips: Sequence[tuple[Path, PlannedClip]], seed: int) -> int:
    """Render and write clips (dataset folder, plan), sidecars before videos, and return how many."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the processes share the cores already
    try:
        for folder, clip in clips:
            _write_clip(folder, clip, seed)
    finally:
        cv2.setNumThreads(threads)
    return len(clips)


def _write_clip(folder: Path, clip: PlannedClip, seed: int) -> None:
    if clip.codec in _RECORDINGS:
        _RECORDINGS[clip.codec](folder, clip, seed)
        return
    shots = list(render_clip(clip.spec, seed))
    if clip.upside_down:
        shots = [_turned(shot) for shot in shots]
    if clip.sidecar is not None:
        path, text_of = clip.sidecar
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text_of(shots))
    write_video(folder / clip.path, (shot.picture for shot in shots), clip.codec)


def _turned(shot: Shot) -> Shot:
    """Return a shot rotated by 180 degrees; the image-left eye becomes the other one."""
    height, width = shot.picture.shape[:2]
    x0, y0, x1, y1 = shot.box
    eyes = np.array([width - 1, height - 1]) - shot.eyes[::-1]
    return Shot(shot.picture[::-1, ::-1], eyes, (width - x1, height - y1, width - x0, height - y0))


# -- The world: raw datasets as after an official download ------------------------------------------------------------

Counts = dict[str, Any]
VERSION = 1  # of the world: raised whenever the same seed would give other frames
MARKER = "synth.json"


@dataclass(frozen=True)
class _Marker:
    """The content of `synth.json` in a dataset's folder."""

    preset: str
    seed: int
    version: int = VERSION


def write_world(out: Path, *, preset: str, datasets: Sequence[str], seed: int, workers: int) -> dict[str, Counts]:
    """Write the datasets (slugs; an empty list means all videos) to `<out>/<Card name>/` and return their counts.

    The counts are {slug: {"folder", "clips", "frames", "written"}}; `written` is the number of clips that were missing.
    A frame depends on the seed and the name of its clip alone, not on the number of workers or the choice of datasets.
    Finished clips of an interrupted run are kept.

    Raises:
        UserError: unknown preset or dataset, or a folder that holds anything but the same preset, seed and version.
    """
    plans = plan_world(preset, datasets)
    made = _Marker(preset, seed)
    for plan in plans:
        _check_folder(out / plan.folder, made)
    counts: dict[str, Counts] = {}
    missing: list[tuple[Path, PlannedClip]] = []
    for plan in plans:
        folder = out / plan.folder
        _prepare(folder, plan, made)
        todo = [(folder, clip) for clip in plan.clips if not (folder / clip.path).is_file()]
        missing += todo
        counts[plan.slug] = {
            "folder": str(folder), "clips": len(plan.clips), "frames": plan.frames, "written": len(todo)
        }  # fmt: skip
    _write_all(missing, seed, workers)
    return counts


def _check_folder(folder: Path, made: _Marker) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is not a folder", do="choose another place to write to")
    if not folder.is_dir() or all(is_temporary(path) for path in folder.iterdir()):
        return
    marker = folder / MARKER
    if not marker.is_file():
        raise UserError(f"{folder} holds files that 'fasdata synth' did not write", do="choose another place")
    wanted = asdict(made)
    try:
        content = read_json_object(marker)
        present = {name: content[name] for name in wanted}
    except (UserError, KeyError):
        raise UserError(f"{marker} cannot be read", do="remove the folder or choose another place") from None
    if present != wanted:
        raise UserError(
            f"{folder} holds another synthetic world", expected=_spell(wanted), found=_spell(present),
            do="remove it or choose another place",
        )  # fmt: skip


def _spell(made: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in made.items())


def _prepare(folder: Path, plan: DatasetPlan, made: _Marker) -> None:
    """Write the marker first, so that the folder is recognised from its first file on; then the lists."""
    folder.mkdir(parents=True, exist_ok=True)
    note = "Procedurally generated; shows no real person. Not the dataset whose layout it follows."
    write_text(folder / MARKER, json.dumps({"synthetic": True, **asdict(made), "note": note}, indent=1) + "\n")
    for unfinished in folder.rglob(f"*{TEMPORARY}"):
        unfinished.unlink()
    for path, text in plan.lists.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def _units(missing: list[tuple[Path, PlannedClip]]) -> Iterator[list[tuple[Path, PlannedClip]]]:
    """Yield the clips of one person at a time: a process builds that person's maps once."""
    for _, unit in groupby(missing, key=lambda item: (item[0], item[1].spec.subject)):
        yield list(unit)


def _write_all(missing: list[tuple[Path, PlannedClip]], seed: int, workers: int) -> None:
    units = list(_units(missing))
    with progress("synth", len(missing), "clips") as bar:
        if workers <= 1 or len(units) <= 1:
            for unit in units:
                bar.advance(write_clips(unit, seed))
            return
        # Spawned rather than forked: a fork would copy the state of libraries' threads.
        spawn = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(min(workers, len(units)), mp_context=spawn)
        try:
            for done in as_completed([pool.submit(write_clips, unit, seed) for unit in units]):
                bar.advance(done.result())
        except BrokenProcessPool:
            do = "run it again with fewer workers: what was finished is kept"
            raise UserError("a worker process was killed, perhaps for want of memory", do=do) from None
        finally:
            pool.shutdown(cancel_futures=True)
