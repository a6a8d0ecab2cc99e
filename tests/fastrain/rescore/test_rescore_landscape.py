"""`fastrain landscape` on tiny runs: what it writes, how it goes on, and what it refuses."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.stopping import request_stop
from fastrain.landscape.gauge import Gauge
from fastrain.landscape.surfaces import FILE, Landscape
from fastrain.rescore.finished_run import FinishedRun
from fastrain.rescore.landscape_images import domain_images
from fastrain.rescore.landscape_request import LandscapeRequest
from fastrain.rescore.landscape_run import landscape_of_run
from fastrain.run.run import run
from fastrain.rundir import RunDir
from tests.fastrain.sessions import request as run_request
from tests.fastrain.world import SOURCES, TARGET

WANTED = LandscapeRequest(Path(), steps=3, images=4, rho=(0.05, 0.1), device="cpu")


@pytest.fixture(scope="module")
def trained(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of erm; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "erm"
    run(run_request("erm", library, folder, "max_iterations=4"))
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "erm")


@pytest.fixture(autouse=True)
def pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the report out where it is not the point: drawing it takes most of the time."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr("fastrain.report.run_report.write_report", lambda runs, out, **_: out.write_text("page"))


@pytest.fixture
def drawn() -> None:
    """Ask for the report."""


def arrays(folder: Path) -> Landscape:
    return Landscape.read(folder / "landscape" / FILE)


@pytest.mark.usefixtures("drawn")
def test_every_domain_is_measured_and_every_file_is_there(folder: Path) -> None:
    text = landscape_of_run(replace(WANTED, folder=folder))
    landscape = arrays(folder)
    assert [domain.name for domain in landscape.domains] == [*SOURCES, TARGET]
    assert [domain.target for domain in landscape.domains] == [False, False, False, True]
    assert all((domain.bonafide, domain.attack) == (2, 2) for domain in landscape.domains)
    assert landscape.done.all() and np.isfinite(landscape.loss).all() and np.isfinite(landscape.sharpness).all()
    names = {path.name for path in (folder / "landscape").iterdir()}
    assert names == {FILE, f"target-{TARGET}.vts", *(f"{name}.vts" for name in SOURCES)}
    assert 'id="landscape"' in (folder / "report.html").read_text()
    for words in (f"{TARGET} (target)", "9 points in", "The target chooses nothing", "rise at 0.05", "report.html"):
        assert words in text
    assert f"{landscape.here(0)[0]:.4g}" in text


def test_the_middle_is_the_network_on_the_images_it_was_trained_and_tested_with(folder: Path) -> None:
    landscape_of_run(replace(WANTED, folder=folder))
    opened = FinishedRun.opened(folder, parts=("train", "test"), accelerator="cpu")
    for k, each in enumerate(domain_images(opened, 4, 0)):
        samples = each.images.samples.only(each.members)
        assert samples.part == ("test" if each.domain.target else "train")
        assert set(samples.domain.tolist()) == {-1 if each.domain.target else k}
        score = opened.scorer.scores(each.images.only(each.members))["score"]
        right = np.where(samples.label == 1, score, 1 - score)
        loss, accuracy = arrays(folder).here(k)
        assert loss == pytest.approx(-np.log(right).mean(), rel=1e-4)
        assert accuracy == np.mean((score > 0.5) == (samples.label == 1))


def test_stopped_it_goes_on_where_it_was_to_the_same_numbers(folder: Path, tmp_path: Path, monkeypatch) -> None:
    whole = shutil.copytree(folder, tmp_path / "whole")
    landscape_of_run(replace(WANTED, folder=whole))
    measured, calls = Gauge.measured, [0]

    def counting(self: Gauge, batches: Any) -> tuple[float, float]:
        calls[0] += 1
        if calls[0] == 24:  # 12 of the sharpness, then 4 a point: the third point is at work
            request_stop(signal.SIGTERM)
        return measured(self, batches)

    monkeypatch.setattr(Gauge, "measured", counting)
    with pytest.raises(SystemExit) as stopped:
        landscape_of_run(replace(WANTED, folder=folder))
    assert stopped.value.code == 143
    assert arrays(folder).done.sum() == 3 and not (folder / "landscape" / f"{TARGET}.vts").exists()
    calls[0] = 100
    assert "3 of them done" in landscape_of_run(replace(WANTED, folder=folder, dry_run=True))
    landscape_of_run(replace(WANTED, folder=folder))
    assert calls[0] == 100 + 6 * 4  # the six points left, and no sharpness again
    for name in ("loss", "accuracy", "sharpness", "gradient"):
        assert np.array_equal(getattr(arrays(folder), name), getattr(arrays(whole), name)), name


@pytest.mark.parametrize(("call", "kept"), [(1, None), (22, 2)])  # 12 are of the sharpness, then 4 a point
def test_a_point_that_dies_loses_nothing_made_before(folder: Path, monkeypatch, call: int, kept: int | None) -> None:
    measured, calls = Gauge.measured, [0]

    def dying(self: Gauge, batches: Any) -> tuple[float, float]:
        calls[0] += 1
        if calls[0] == call:
            raise RuntimeError("the machine is gone")
        return measured(self, batches)

    monkeypatch.setattr(Gauge, "measured", dying)
    with pytest.raises(RuntimeError, match="gone"):
        landscape_of_run(replace(WANTED, folder=folder))
    if kept is None:
        assert not (folder / "landscape").exists()  # nothing was made, so that nothing is there
    else:
        assert arrays(folder).done.sum() == kept


def test_a_changed_request_is_refused_by_name_or_made_anew_on_demand(folder: Path) -> None:
    landscape_of_run(replace(WANTED, folder=folder))
    before = (folder / "landscape" / FILE).read_bytes()
    changed = replace(WANTED, folder=folder, seed=1, reach=0.5, batchnorm="move")
    words = r"holds another landscape; found range: 1\.0 -> 0\.5; seed: 0 -> 1; batchnorm: ignore -> move; .*--again"
    for request in (changed, replace(changed, dry_run=True)):
        with pytest.raises(UserError, match=words):
            landscape_of_run(request)
    assert (folder / "landscape" / FILE).read_bytes() == before
    landscape_of_run(replace(changed, again=True))
    assert arrays(folder).request["seed"] == 1 and arrays(folder).axis.tolist() == [-0.5, 0, 0.5]


def test_stopped_while_it_replaces_another_the_same_command_goes_on(folder: Path, monkeypatch) -> None:
    landscape_of_run(replace(WANTED, folder=folder))
    asked = replace(WANTED, folder=folder, seed=1, again=True)
    put, measured = Landscape.put, []

    def stopping(self: Landscape, place: tuple[int, int], *rest: Any) -> None:
        put(self, place, *rest)
        measured.append(place)
        if len(measured) == 2:
            request_stop(signal.SIGTERM)

    monkeypatch.setattr(Landscape, "put", stopping)
    with pytest.raises(SystemExit):
        landscape_of_run(asked)
    assert arrays(folder).request["seed"] == 1 and arrays(folder).done.sum() == 2
    landscape_of_run(asked)
    assert len(measured) == len(set(measured)) == 9  # nothing is measured twice
    landscape_of_run(asked)
    assert len(measured) == 18  # a finished one is replaced


def test_a_damaged_landscape_is_replaced_on_demand(folder: Path) -> None:
    (folder / "landscape").mkdir()
    (folder / "landscape" / FILE).write_bytes(b"damaged")
    with pytest.raises(UserError, match="no readable landscape"):
        landscape_of_run(replace(WANTED, folder=folder))
    landscape_of_run(replace(WANTED, folder=folder, again=True))
    assert arrays(folder).done.all()


def test_a_run_on_older_pictures_is_told_so(folder: Path) -> None:
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "view_geometry": facts["view_geometry"] + 1}))
    words = f"note: the pictures of this run were cut by version {facts['view_geometry'] + 1} of the geometry"
    assert words in landscape_of_run(replace(WANTED, folder=folder, dry_run=True))
    assert words in landscape_of_run(replace(WANTED, folder=folder))
    assert arrays(folder).request["view_geometry"] == facts["view_geometry"]


def test_a_dry_run_refuses_what_the_command_refuses(folder: Path, monkeypatch) -> None:
    for dry in (True, False):
        with RunDir(folder).locked(), pytest.raises(UserError, match="another process"):
            landscape_of_run(replace(WANTED, folder=folder, dry_run=dry))
    monkeypatch.setattr("os.sysconf", lambda name: 1)
    for dry in (True, False):
        with pytest.raises(UserError, match="do not fit into the memory of cpu"):
            landscape_of_run(replace(WANTED, folder=folder, dry_run=dry))


def test_other_weights_make_another_landscape(folder: Path) -> None:
    landscape_of_run(replace(WANTED, folder=folder))
    checkpoint = next((folder / "checkpoints").glob("best.safetensors"))
    from fastrain.networks.checkpoint import Checkpoint

    kept = Checkpoint.read(checkpoint)
    tensors = {name: value + 0.01 if name.endswith("head.weight") else value for name, value in kept.tensors.items()}
    replace(kept, tensors=tensors).write(checkpoint)
    with pytest.raises(UserError, match="found weights: "):
        landscape_of_run(replace(WANTED, folder=folder))


def test_batch_norm_s_policies_give_other_losses_around_and_the_same_in_the_middle(folder: Path) -> None:
    outcomes = {}
    for policy in ("ignore", "move", "refit"):
        landscape_of_run(replace(WANTED, folder=folder, batchnorm=policy, again=True))
        outcomes[policy] = arrays(folder).loss
    middle, corner = (0, 1, 1), (0, 0, 0)
    assert outcomes["ignore"][middle] == outcomes["move"][middle] != outcomes["refit"][middle]
    assert len({float(loss[corner]) for loss in outcomes.values()}) == 3


def test_the_target_changes_nothing_of_the_sources(folder: Path, monkeypatch) -> None:
    """With black test images in the target's place, the sources' numbers stay to the last bit."""
    request = replace(WANTED, folder=folder, batchnorm="refit")
    landscape_of_run(request)
    before = arrays(folder)
    from fastrain.train.scoring import Scorer

    batches = Scorer.batches

    def darkened(self: Scorer, images: Any, *rest: Any) -> Any:
        for batch in batches(self, images, *rest):
            if batch["part"] == "test":
                batch["modalities"] = {name: torch.zeros_like(image) for name, image in batch["modalities"].items()}
            yield batch

    monkeypatch.setattr(Scorer, "batches", darkened)
    landscape_of_run(replace(request, again=True))
    after = arrays(folder)
    assert np.array_equal(before.loss[:3], after.loss[:3]) and np.array_equal(before.sharpness[:3], after.sharpness[:3])
    assert not np.array_equal(before.loss[3], after.loss[3])


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    text = landscape_of_run(replace(WANTED, folder=folder, dry_run=True))
    assert "9 points; 144 images to score on cpu" in text and "nothing was written" in text
    assert times == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 4}, "--steps 4; expected an odd number"),
        ({"steps": 1003}, "--steps 1003; expected an odd number from 3 to 1001"),
        ({"reach": 0.0}, "--range 0; expected a length above 0"),
        ({"reach": float("nan")}, "--range nan"),
        ({"images": 1}, "--images 1; expected 2 or more"),
        ({"rho": (0.1, 0.1)}, "--rho 0.1 --rho 0.1; expected lengths above 0, each once"),
        ({"batchnorm": "ignored"}, "did you mean 'ignore'"),
        ({"device": "gpu0"}, "unknown device 'gpu0'; expected one of auto, cpu, cuda, mps"),
        ({"batchnorm": "refit", "batch_size": 1}, "refit needs two images in every batch"),
    ],
)
def test_what_no_landscape_can_have_is_refused(trained: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        landscape_of_run(replace(WANTED, folder=trained, dry_run=True, **change))


def test_a_run_that_is_not_finished_is_refused(folder: Path) -> None:
    about = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**about, "status": "stopped"}))
    with pytest.raises(UserError, match="is not finished; found stopped"):
        landscape_of_run(replace(WANTED, folder=folder))


@pytest.mark.parametrize("method", ["gac_fas", "hfn_mp"])
def test_other_methods_have_landscapes_too(method: str, library: Library, tmp_path: Path) -> None:
    run(run_request(method, library, tmp_path / "run", "max_iterations=2", "select=last"))
    landscape_of_run(replace(WANTED, folder=tmp_path / "run", images=2, rho=(0.1,)))
    assert np.isfinite(arrays(tmp_path / "run").loss).all()
