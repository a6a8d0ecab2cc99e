"""What `fastrain predict` says: lines, JSON, CSV, drawings, reasons; from files, folders, tables and a camera."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest

import fastrain
from fasdata.errors import UserError
from fastrain.bundle.finding import Recording
from fastrain.bundle.scenes import pictures
from fastrain.bundle.text import COLUMNS, SCHEMA
from tests.commands import Called
from tests.fastrain.bundle.planting import planted
from tests.fastrain.bundle.seen import files_of, trained
from tests.fastrain.world import TARGET


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, clip_with_a_face: Path) -> Path:
    """A face, two faces, a small face, nobody, a video and what is no picture."""
    out = tmp_path_factory.mktemp("inputs")
    first, _, second = pictures(3)
    cv2.imwrite(str(out / "face.png"), first[..., ::-1])
    cv2.imwrite(str(out / "two.png"), np.concatenate([first, second], axis=1)[..., ::-1])
    small = np.full((240, 320, 3), 120, np.uint8)
    small[40:73, 40:84] = cv2.resize(first, (44, 33), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(out / "small.png"), small[..., ::-1])
    cv2.imwrite(str(out / "nobody.png"), np.full((120, 160, 3), 90, np.uint8))
    (out / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture at all")
    (out / "clip.mp4").write_bytes(clip_with_a_face.read_bytes())
    return out


def rows_of(model, *arguments) -> list[dict]:
    done = Called("fastrain", "predict", model, *arguments, "--json")
    assert done.code in (0, 3), done.out
    return json.loads(done.out[done.out.index("[\n") if "[\n" in done.out else done.out.index("[]") :])


def test_one_line_a_file_and_no_silent_decision(erm_bundle, folder):
    done = Called("fastrain", "predict", erm_bundle, folder / "face.png", folder / "clip.mp4")
    assert done.code == 0, done.out
    lines = done.out.splitlines()
    assert len(lines) == 2 and all("score" in line and "by source_eer" in line and " ms" in line for line in lines)
    assert "1 frame " in lines[0] and "2 frames" in lines[1]
    for name, words in (
        ("two.png", "several faces: 2 faces in frame 0"), ("nobody.png", "no face: no face of 40 pixels"),
        ("broken.jpg", "unreadable: "), ("small.png", "too small: a face of "),
    ):  # fmt: skip
        done = Called("fastrain", "predict", erm_bundle, folder / name)
        assert done.code == 3 and "no answer" in done.out and words in done.out, done.out
    assert Called("fastrain", "predict", erm_bundle, folder / "two.png", "--several", "choose").code == 0


def test_a_folder_in_one_go_gives_what_its_files_give_one_by_one(erm_bundle, folder):
    every = rows_of(erm_bundle, folder, "-j", 0)
    assert [Path(row["input"]).name for row in every] == [
        "broken.jpg", "clip.mp4", "face.png", "nobody.png", "small.png", "two.png",
    ]  # fmt: skip
    alone = [rows_of(erm_bundle, folder / Path(row["input"]).name)[0] for row in every]
    for together, single in zip(every, alone, strict=True):
        assert {**together, "ms": 0} == {**single, "ms": 0}


def test_the_forms_for_programs_are_the_schema(erm_bundle, folder):
    row = rows_of(erm_bundle, folder / "clip.mp4", "--frames")[0]
    assert set(row) - {"unlike"} <= {line.split()[0] for line in SCHEMA.splitlines() if line[:1].islower()}
    assert row["score"] == pytest.approx(np.mean([frame["score"] for frame in row["frames"]]))
    assert [frame["frame"] for frame in row["frames"]] == [0, 11] and row["frames_used"] == 2
    table = Called("fastrain", "predict", erm_bundle, folder / "clip.mp4", folder / "nobody.png", "--csv", "--frames")
    rows = list(csv.DictReader(io.StringIO(table.out)))
    assert table.code == 3 and len(rows) == 3 and rows[2]["decision"] == "no answer" and rows[2]["score"] == ""
    assert float(rows[0]["score"]) == pytest.approx(row["score"]) and rows[1]["frame"] == "11"
    assert Called("fastrain", "predict", "--schema").out.strip() == SCHEMA.strip()


def test_a_run_and_its_bundle_say_the_same(erm, erm_bundle, folder):
    run, bundle = (rows_of(model, folder / "clip.mp4", folder / "face.png") for model in (erm, erm_bundle))
    for first, second in zip(run, bundle, strict=True):
        assert first["decision"] == second["decision"] and first["box"] == pytest.approx(second["box"], abs=0.01)
        assert first["score"] == pytest.approx(second["score"], abs=1e-4)
        assert first["threshold"] == second["threshold"]


def test_answers_are_drawn_on_pictures_and_videos(erm_bundle, folder, tmp_path):
    Called("fastrain", "predict", erm_bundle, folder / "face.png", folder / "clip.mp4", folder / "nobody.png",
           folder / "broken.jpg", "--annotate", tmp_path / "drawn")  # fmt: skip
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert names == ["0001-face.png", "0002-clip.mp4", "0003-nobody.png"]
    plain, drawn = cv2.imread(str(folder / "face.png")), cv2.imread(str(tmp_path / "drawn" / "0001-face.png"))
    assert plain.shape == drawn.shape and 0.001 < (plain != drawn).any(axis=2).mean() < 0.3
    with av.open(str(tmp_path / "drawn" / "0002-clip.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 12


def test_a_table_names_several_modalities(erm_bundle, seen, tmp_path):
    clips = files_of(seen)
    lines = [f"{of['rgb']},{of['depth']},{name}" for name, of in list(clips.items())[:2]]
    (tmp_path / "t.csv").write_text("rgb,depth,name\n" + "\n".join(lines) + "\n")
    rows = rows_of(erm_bundle, "--table", tmp_path / "t.csv", "--several", "choose")
    assert [row["input"] for row in rows] == list(clips)[:2] and all(row["score"] is not None for row in rows)
    (tmp_path / "bad.csv").write_text("colour\nx.png\n")
    assert "column" in Called("fastrain", "predict", erm_bundle, "--table", tmp_path / "bad.csv").line


class Camera:
    """Stands for a camera that shows three frames and ends."""

    def __init__(self, number: int) -> None:
        self.frames = [picture[..., ::-1] for picture in pictures(2)] + [np.zeros((120, 160, 3), np.uint8)]
        self.number = number

    def isOpened(self) -> bool:  # as OpenCV spells it
        return self.number == 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        return (True, self.frames.pop(0)) if self.frames else (False, None)

    def release(self) -> None:
        pass


def test_a_camera_is_judged_frame_by_frame(erm_bundle, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    done = Called("fastrain", "predict", erm_bundle, "camera:0", "--count", 3)
    lines = [line for line in done.out.splitlines() if line.startswith("camera:0 frame")]
    assert len(lines) == 3 and "score" in lines[0] and "no face" in lines[2]
    assert "no picture any more" in Called("fastrain", "predict", erm_bundle, "camera:0").line
    assert "there is no camera:7" in Called("fastrain", "predict", erm_bundle, "camera:7").line


def test_in_python(erm_bundle, folder):
    model = fastrain.load(erm_bundle)
    decision, none = model.predict(folder / "face.png", folder / "nobody.png")
    assert isinstance(decision, fastrain.Decision) and decision.bonafide == (decision.score >= decision.threshold.value)
    assert isinstance(none, fastrain.NoAnswer) and none.kind == "no face"
    assert model.predict(folder / "face.png", threshold=2.0)[0].word == "attack"
    with pytest.raises(AttributeError, match="nothing"):
        _ = fastrain.nothing


def test_scores_are_a_frame(erm, erm_bundle, folder):
    run, bundle = fastrain.load(erm), fastrain.load(erm_bundle)
    table = bundle.scores(folder / "clip.mp4", folder / "nobody.png")
    assert tuple(table.columns) == COLUMNS and table["decision"].tolist()[1] == "no answer"
    assert np.isnan(table["score"][1]) and table["kind"].isna()[0] and table["kind"][1] == "no face"
    by_frame = bundle.scores(folder / "clip.mp4", frames=True)
    assert by_frame["frame"].tolist() == [0, 11] and by_frame["frame_score"].mean() == pytest.approx(table["score"][0])
    assert run.scores(folder / "clip.mp4")["score"][0] == pytest.approx(table["score"][0], abs=1e-4)
    pd.testing.assert_frame_equal(run.scores(), fastrain.read_scores(erm).frame)
    assert set(run.scores()["part"]) == {"val", "test"}
    with pytest.raises(UserError, match="holds no scores; name pictures or videos"):
        bundle.scores()


def test_without_a_threshold_there_is_no_decision(erm_bundle, folder, tmp_path):
    def without(facts):
        facts["threshold"] = None
        for expected in facts["self_test"]:
            expected.update(threshold=None, bonafide=None)

    path = planted(erm_bundle, tmp_path / "x.fasb", without)
    assert "--threshold" in Called("fastrain", "predict", path, folder / "face.png").line
    assert Called("fastrain", "predict", path, folder / "face.png", "--threshold", 0.5).code == 0
    with pytest.raises(UserError, match="no number"):
        fastrain.load(path).predict(folder / "face.png", threshold=float("nan"))


def test_what_cannot_be_judged_is_told(erm_bundle, tmp_path):
    for arguments, words in (
        ([], "nothing to judge"), ([tmp_path / "none.jpg"], "there is no"), ([tmp_path], "nothing to judge in"),
        ([tmp_path, "--json", "--csv"], "two forms"), ([tmp_path, "--several", "maybe"], "choose"),
    ):  # fmt: skip
        assert words in Called("fastrain", "predict", erm_bundle, *arguments).line


def test_recordings_like_those_of_a_dataset_are_shown_as_evaluation_shows_them(seen, tmp_path):
    """A network for which the target is shown in grey: its clips score as in scores.csv if that is said, not else."""
    run = trained(seen, "erm", tmp_path / "run", f"data.grey=[{TARGET}]")
    out = tmp_path / "x.fasb"
    done = Called("fastrain", "export", run, "--out", out, "--threshold", 0.5)
    assert done.code == 0 and f"shown otherwise: {TARGET}" in done.out, done.out
    table = pd.read_csv(run / "scores.csv")
    expected = table[table["part"] == "test"].groupby("clip_id")["score"].mean().to_dict()
    clips = [Recording(name, of) for name, of in files_of(seen).items()]
    for model, within in ((run, 1e-6), (out, 1e-4)):
        predictor = fastrain.load(model).with_threshold(0.5).choosing()
        plain, like = (list(each.judge(clips)) for each in (predictor, predictor.like(TARGET)))
        assert max(abs(judged.answer.score - expected[judged.answer.name]) for judged in like) <= within
        assert max(abs(judged.answer.score - expected[judged.answer.name]) for judged in plain) > 10 * within
    picture = files_of(seen)["s0__bonafide"]["rgb"]
    row = rows_of(out, picture, "--like", TARGET, "--several", "choose")[0]
    assert row["score"] == pytest.approx(expected["s0__bonafide"], abs=1e-4)
    assert f"expected {TARGET}" in Called("fastrain", "predict", out, picture, "--like", "wmca").line

    def coloured(facts):
        facts["networks"][0]["by_dataset"]["grey"] = []

    with pytest.raises(UserError, match="another view"):
        fastrain.load(planted(out, tmp_path / "y.fasb", coloured))
