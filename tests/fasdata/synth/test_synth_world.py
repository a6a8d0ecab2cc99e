"""Written worlds: the same frames whoever writes them, files beside them that agree, and work that can be taken up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.synth import world
from fasdata.synth.layouts.dataset_plan import DatasetPlan
from fasdata.synth.layouts.presets import plan_world
from fasdata.synth.world import write_world


def tiny(plan: DatasetPlan, people: int = 2, frames: int = 2) -> DatasetPlan:
    """Return a plan with a few short clips: the first of every presentation of the first people."""
    subjects = list(dict.fromkeys(clip.spec.subject for clip in plan.clips))[:people]
    chosen = {}
    for clip in plan.clips:
        if clip.spec.subject in subjects:
            chosen.setdefault((clip.spec.subject, clip.spec.presentation), clip)
    clips = tuple(replace(clip, spec=replace(clip.spec, frames=frames)) for clip in chosen.values())
    return replace(plan, clips=clips)


@pytest.fixture
def tiny_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan_tiny(preset: str, datasets: list[str]) -> list[DatasetPlan]:
        return [tiny(plan) for plan in plan_world(preset, datasets)]

    monkeypatch.setattr(world, "plan_world", plan_tiny)


def videos(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in (".avi", ".mov", ".mp4"))


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.usefixtures("tiny_plans")
def test_frames_depend_neither_on_workers_nor_on_the_datasets_asked_for(tmp_path: Path) -> None:
    write_world(tmp_path / "all", preset="mini", datasets=[], seed=5, workers=2)
    write_world(tmp_path / "one", preset="mini", datasets=["msu-mfsd"], seed=5, workers=1)
    write_world(tmp_path / "other", preset="mini", datasets=["msu-mfsd"], seed=6, workers=1)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["MSU-MFSD"]
    paths = [path.relative_to(tmp_path / "one") for path in videos(tmp_path / "one")]
    assert paths
    for path in paths:
        same = decoded(tmp_path / "one" / path)
        assert np.array_equal(decoded(tmp_path / "all" / path), same)
        assert not np.array_equal(decoded(tmp_path / "other" / path), same)


@pytest.mark.usefixtures("tiny_plans")
def test_an_interrupted_world_is_continued_to_the_same_end(tmp_path: Path) -> None:
    whole = write_world(tmp_path / "whole", preset="mini", datasets=["oulu-npu"], seed=1, workers=1)
    broken = tmp_path / "broken"
    write_world(broken, preset="mini", datasets=["oulu-npu"], seed=1, workers=1)
    kept, *lost = videos(broken)
    lost[0].rename(lost[0].with_name(lost[0].name + ".part"))  # killed while writing this one
    for path in lost[1:]:
        path.unlink()
    before = kept.stat().st_mtime_ns
    counts = write_world(broken, preset="mini", datasets=["oulu-npu"], seed=1, workers=1)["oulu-npu"]
    assert counts["written"] == len(lost) and counts["clips"] == whole["oulu-npu"]["clips"] == len(lost) + 1
    assert kept.stat().st_mtime_ns == before
    assert contents(broken) == contents(tmp_path / "whole")


@pytest.mark.usefixtures("tiny_plans")
def test_a_video_appears_only_when_it_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(spec, seed: int):
        yield from list(rendered(spec, seed))[:1]
        raise KeyboardInterrupt

    rendered = world.render_clip
    monkeypatch.setattr(world, "render_clip", dying)
    with pytest.raises(KeyboardInterrupt):
        write_world(tmp_path, preset="mini", datasets=["casia-fasd"], seed=0, workers=1)
    assert not list(videos(tmp_path))


def test_a_folder_of_another_seed_preset_or_owner_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        world, "plan_world", lambda preset, datasets: [replace(plan_world(preset, datasets)[0], clips=())]
    )
    write_world(tmp_path, preset="mini", datasets=["casia-fasd"], seed=0, workers=1)
    marker = json.loads((tmp_path / "CASIA-FASD" / "synth.json").read_text())
    assert marker["synthetic"] is True and (marker["preset"], marker["seed"]) == ("mini", 0)
    for preset, seed in (("mini", 1), ("demo", 0)):
        with pytest.raises(UserError, match=r"another synthetic world.*found preset=mini seed=0"):
            write_world(tmp_path, preset=preset, datasets=["casia-fasd"], seed=seed, workers=1)
    (tmp_path / "CASIA-FASD" / "synth.json").write_text("[]")
    with pytest.raises(UserError, match="cannot be read"):
        write_world(tmp_path, preset="mini", datasets=["casia-fasd"], seed=0, workers=1)
    (tmp_path / "CASIA-FASD" / "synth.json").unlink()
    (tmp_path / "CASIA-FASD" / "1.avi").write_bytes(b"real data")
    with pytest.raises(UserError, match="did not write"):
        write_world(tmp_path, preset="mini", datasets=["casia-fasd"], seed=0, workers=1)
    assert (tmp_path / "CASIA-FASD" / "1.avi").read_bytes() == b"real data"


@pytest.mark.usefixtures("tiny_plans")
def test_files_on_disk_are_the_planned_ones_and_sidecars_have_a_line_a_frame(tmp_path: Path) -> None:
    counts = write_world(tmp_path, preset="mini", datasets=["msu-mfsd", "oulu-npu", "replay-attack"], seed=2, workers=1)
    for plan in (tiny(plan) for plan in plan_world("mini", sorted(counts))):
        folder = tmp_path / plan.folder
        expected = {"synth.json", *plan.lists, *(clip.path for clip in plan.clips)}
        expected |= {clip.sidecar[0] for clip in plan.clips if clip.sidecar}
        assert set(contents(folder)) == expected
        for path, text in plan.lists.items():
            assert (folder / path).read_text() == text
        for clip in plan.clips:
            frames = decoded(folder / clip.path)
            assert len(frames) == clip.spec.frames
            assert frames.shape[1:] == ((270, 480, 3) if plan.slug == "oulu-npu" else (240, 320, 3))
            assert clip.sidecar is not None
            rows = (folder / clip.sidecar[0]).read_text().splitlines()
            numbers = [[int(n) for n in row.replace(",", " ").split()] for row in rows]
            assert [row[0] for row in numbers] == list(range(clip.spec.frames))
            assert {len(row) for row in numbers} == {{"msu-mfsd": 9, "oulu-npu": 5, "replay-attack": 5}[plan.slug]}
