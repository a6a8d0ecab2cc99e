"""`fastrain run` on pre-cropped data of several modalities."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.run.run import run
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.sessions import request


@pytest.fixture(scope="module")
def multimodal(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_multimodal(tmp_path_factory.mktemp("multimodal"))


@pytest.mark.parametrize("modalities", ["rgb,depth,ir", "depth"])
def test_erm_trains_on_what_it_is_told_and_says_which_view(
    multimodal: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str], modalities: str
) -> None:
    import pandas as pd

    asked = request("erm", multimodal, tmp_path / "run", f"modalities=[{modalities}]", "max_iterations=4")
    folder = run(asked)
    assert folder is not None
    printed = capsys.readouterr().out
    assert "view box at 32 pixels" in printed
    assert "note: mxnet-256 needs landmarks: 80 of 80 faces without; so the view is box" in printed
    about = json.loads((folder / "run.json").read_text())
    assert (about["status"], about["view"]) == ("finished", "box")
    scores = pd.read_csv(folder / "scores.csv")
    assert np.isfinite(scores["score"]).all() and (scores["part"] == "test").any()
    if modalities == "depth":  # taken away in the target: every image is the same zero
        assert scores.loc[scores["part"] == "test", "score"].nunique() == 1
    assert run(asked) == folder  # and it knows itself again
    assert "finished already" in capsys.readouterr().out


def test_late_fusion_leaves_out_what_a_face_lacks(multimodal: Library, tmp_path: Path) -> None:
    import pandas as pd

    several = ("modalities=[rgb,depth,ir]", "model.fusion=late", "max_iterations=4")
    folder = run(request("erm", multimodal, tmp_path / "run", *several))
    assert folder is not None
    scores = pd.read_csv(folder / "scores.csv")
    target, held_out = (scores[scores["part"] == part] for part in ("test", "val"))
    assert target["score_depth"].nunique() == 1 < target["score_ir"].nunique()  # the protocol takes its depth away
    np.testing.assert_allclose(target["score"], target[["score_rgb", "score_ir"]].mean(axis=1), rtol=1e-5)
    whole = held_out[held_out["clip_id"] != "s2__attack"]  # which never had infrared
    every = ["score_rgb", "score_depth", "score_ir"]
    np.testing.assert_allclose(whole["score"], whole[every].mean(axis=1), rtol=1e-5)
    assert len(whole) and held_out["score"].notna().all()


def test_a_view_that_was_asked_for_is_never_exchanged(multimodal: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mxnet-256 needs landmarks.*80 of 80.*data.view=box"):
        run(request("erm", multimodal, tmp_path / "run", "view=mxnet-256"))
    assert not (tmp_path / "run").exists()


def test_methods_for_rgb_alone_run_as_they_are(multimodal: Library, tmp_path: Path) -> None:
    folder = run(request("hfn_mp", multimodal, tmp_path / "run", "max_iterations=3"))
    assert folder is not None and json.loads((folder / "run.json").read_text())["view"] == "box"


def test_a_modality_that_the_data_lack_is_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no train frame has ir.*modalities=\[rgb\]"):
        run(request("erm", library, tmp_path / "run", "modalities=[rgb,ir]"))
