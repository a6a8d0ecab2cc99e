"""MMDGFAS in the engine: a small library of three modalities, stopped and resumed, and data that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fastrain.data.samplers import SamplingPlan
from fastrain.run.conclude import score_table
from fastrain.run.request import RunRequest
from fastrain.run.run import run
from fastrain.run.settings import layered, resolve
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.sessions import Killed, assert_same_checkpoint, die_at, last, log, session
from tests.fastrain.world import CANONICAL, RECIPE, write_library

TINY = (
    "planes=16",
    "model.crop=24",
    "mix_crop_mask.crop=24",
    "image_size=32",
    "batch_items=6",
    "steps_per_epoch=3",
    "max_iterations=7",
    "workers=0",
    "lr=0.01",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Three pre-cropped sources; the target has no depth, and some attacks of the sources no infrared."""
    return write_multimodal(tmp_path_factory.mktemp("multimodal"))


def asked(library: Library, out: Path, *overrides: str) -> RunRequest:
    wanted: dict[str, Any] = {"protocol": "CIO-M", "data": str(library.root), "accelerator": "cpu", "out": str(out)}
    return RunRequest(method="mmdgfas", overrides=(*TINY, *overrides), **wanted)


@pytest.mark.parametrize(
    "overrides",
    [
        ("max_iterations=3",),
        ("loss=combined_all", "ce_weight=1", "fusion.decision=hybrid", "eval_views=full"),
        ("model.modalities=[rgb]", "eval_views=reference", "max_iterations=3"),
    ],
    ids=["published", "hybrid", "rgb"],
)
def test_a_run_from_start_to_report(library: Library, tmp_path: Path, overrides: tuple[str, ...]) -> None:
    folder = run(asked(library, tmp_path / "run", *overrides))
    assert folder is not None and (folder / "report.html").is_file()
    about = json.loads((folder / "run.json").read_text())
    assert (about["status"], about["view"], about["image_size"]) == ("finished", "box", 32)
    scores = pd.read_csv(folder / "scores.csv")
    assert np.isfinite(scores["score"]).all() and scores["score"].nunique() > 5
    tested = scores[scores["part"] == "test"]
    if "fusion.decision=hybrid" in overrides:  # the target's depth is taken away: its own score is of black images
        assert tested["score_depth"].nunique() == 1 < tested["score_ir"].nunique()
        mean = (tested["score_rgb"] + tested["score_ir"]) / 2
        np.testing.assert_allclose(tested["score"], (tested["score_fused"] + mean) / 2, rtol=1e-5)


# The 36 crops of scoring, which take most of a run's time, are in the run from start to report.
def test_killed_and_resumed_equals_never_stopped(library: Library, tmp_path: Path) -> None:
    """To the last bit of the weights, of what training goes on from, and of the scores as they are written."""
    overrides = ("workers=2", "loss=combined", "cache=memory", "eval_views=full")
    whole = session(asked(library, tmp_path / "whole", *overrides))
    whole.train()
    for death in (2, 5):
        broken = session(asked(library, tmp_path / "broken", *overrides))
        die_at(broken, death)
        with pytest.raises(Killed):
            broken.train()
    assert last(tmp_path / "broken").facts["iteration"] < last(tmp_path / "whole").facts["iteration"] == 7
    resumed = session(asked(library, tmp_path / "broken", *overrides))
    resumed.train()
    assert_same_checkpoint(last(tmp_path / "whole"), last(tmp_path / "broken"))
    assert_same_checkpoint(last(tmp_path / "whole", "best"), last(tmp_path / "broken", "best"))
    assert log(tmp_path / "whole") == log(tmp_path / "broken")
    manifest = Manifest.read(library.protocol_dir(CANONICAL, RECIPE))
    for run_session, name in ((whole, "whole"), (resumed, "broken")):
        score_table(manifest, run_session.score()).write_csv(tmp_path / name / "scores.csv")
    written = (tmp_path / "whole" / "scores.csv").read_bytes()
    assert written == (tmp_path / "broken" / "scores.csv").read_bytes() and len(written.splitlines()) > 20


def test_data_without_a_modality_are_refused(tmp_path: Path) -> None:
    plain = write_library(tmp_path / "plain")
    with pytest.raises(UserError, match=r"no train frame has depth or ir; found rgb; --set model\.modalities=\[rgb\]"):
        run(asked(plain, tmp_path / "run"))


def test_a_crop_larger_than_the_images_is_refused_before_anything_is_read(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mix_crop_mask\.crop 48 is larger than the image; expected at most 32"):
        run(asked(library, tmp_path / "run", "mix_crop_mask.crop=48"))
    assert not (tmp_path / "run").exists()


def meta(*letters: str, repeats: int = 1) -> dict[str, Any]:
    domains = [{"letter": letter, "name": f"set {letter}", "repeats": repeats} for letter in letters]
    return {"pool": "mm", "recipe": {"pools": {"mm": {"sources": {}}}}, "domains": domains}


def test_a_sources_weight_overrules_the_recipe() -> None:
    config = resolve(layered("mmdgfas", "SCP2W"))
    assert config.data.source_weights == {"P": 10}
    drawing = SamplingPlan.of(config, meta("S", "C", "P", repeats=3), apart=False)
    assert (drawing.sampler, drawing.clips, drawing.repeats) == ("sources", False, (3, 3, 10))
    with pytest.raises(UserError, match=r"data\.source_weights 'P'; expected one of C, S, W"):
        SamplingPlan.of(config, meta("C", "S", "W"), apart=False)


@pytest.mark.parametrize("preset", ["SCP2W", "SCW2P", "CWP2S", "SWP2C", "S2W", "CW2PS", "PS2CW"])
def test_the_presets_are_fifty_epochs_for_their_protocol(preset: str) -> None:
    config = resolve(layered("mmdgfas", preset))
    assert config.published_for == preset
    assert config.train.max_iterations == 50 * config.train.steps_per_epoch
    assert config.data.augment["mix_crop_mask"]["crop"] == config.model["crop"] == 48
