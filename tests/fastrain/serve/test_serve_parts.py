"""Depth and infrared come as parts of their names, and are judged as `predict` judges the columns of a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fastrain.bundle.finding import recordings_in
from fastrain.bundle.loading import load
from fastrain.bundle.scenes import with_modalities
from tests.fastrain.bundle.small import SHARES, face, small_bundle
from tests.fastrain.serve.served import BOUNDARY, FORM, Served, png, served, video


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("three") / "pad.fasb", threshold=0.4, three=True)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def server(three: Path, kept: Path) -> Iterator[Served]:
    with served(three, "--max-mib", 2, "--keep", kept) as running:
        yield running


def triplet(brightness: float = 1.0) -> dict[str, bytes]:
    """Return the files of a face in colour, depth (16 bits) and infrared."""
    images = with_modalities(face(brightness), ("rgb", "depth", "ir"))
    grey = {"depth": images["depth"].astype(np.uint16) * 16, "ir": images["ir"]}
    return {"rgb": png(images["rgb"]), **{name: cv2.imencode(".png", grey[name])[1].tobytes() for name in grey}}


def send(server: Served, *parts: tuple[str, bytes]) -> tuple[int, Any]:
    head = '--{}\r\nContent-Disposition: form-data; name="{}"; filename="{}.png"\r\n\r\n'
    body = b"".join(head.format(BOUNDARY, name, name).encode() + data + b"\r\n" for name, data in parts)
    return server.ask("POST", "/v1/predict", body + f"--{BOUNDARY}--\r\n".encode(), FORM)


def test_three_parts_get_the_answer_of_predict_by_table(server, three, kept, tmp_path):
    files = triplet()
    for name, data in files.items():
        (tmp_path / f"{name}.png").write_bytes(data)
    (tmp_path / "t.csv").write_text("rgb,depth,ir\nrgb.png,depth.png,ir.png\nrgb.png,,\n")
    whole, colour = (judged.answer for judged in load(three).judge(recordings_in(tmp_path / "t.csv")))
    status, answer = send(server, *files.items())
    assert status == 200 and answer["score"] == pytest.approx(whole.score, abs=1e-6)  # type: ignore[union-attr]
    assert answer["modalities"] == ["rgb", "depth", "ir"] and answer["decision"] == whole.word == "bonafide"
    status, answer = send(server, ("rgb", files["rgb"]))
    assert status == 200 and answer["score"] == pytest.approx(colour.score, abs=1e-6)  # type: ignore[union-attr]
    assert answer["modalities"] == ["rgb"] and answer["decision"] == "attack"
    assert colour.score < whole.score - 0.1 and SHARES["rgb"] == 0.5  # type: ignore[union-attr]
    assert {"depth", "ir"} <= {path.stem.partition("-")[2] for path in kept.glob("*.png")}


def test_the_bundle_says_which_parts_it_wants(server, pad):
    parts = server.get("/v1/model")[1]["parts"]
    assert [(part["name"], part["required"]) for part in parts] == [("rgb", True), ("depth", False), ("ir", False)]
    assert "8 or 16 bits" in parts[1]["is"] and "pixel on pixel" in parts[1]["is"]
    assert any("without them is judged by what there is" in words for words in server.get("/v1/model")[1]["trust"])


def test_parts_that_cannot_be_used_end_in_one_line(server, tmp_path):
    files = triplet()
    smaller = cv2.imencode(".png", np.zeros((60, 80), np.uint8))[1].tobytes()
    for parts, status, words in (
        ([("rgb", files["rgb"]), ("depth", smaller)], 422, "80x60 against colour of 320x240"),
        ([("rgb", files["rgb"]), ("depth", files["depth"]), ("depth", files["depth"])], 400, "'depth' twice"),
        ([("rgb", files["rgb"]), ("thermal", files["ir"])], 400, "the fields rgb, depth, ir; found 'thermal'"),
        ([("depth", files["depth"]), ("ir", files["ir"])], 400, "faces are found in colour"),
        ([("rgb", files["rgb"]), ("ir", b"words")], 415, "ir.png is neither"),
        ([("rgb", files["rgb"]), ("ir", b"P5 9999 9999 255\n" + bytes(99))], 413, "9,999 x 9,999 pixels"),
        ([("rgb", video(tmp_path / "a.mp4", 4)), ("ir", files["ir"])], 415, "rgb is a video"),
        ([(name, files["rgb"]) for name in ("rgb", "depth", "ir", "file")], 400, "found 4 fields"),
    ):
        code, reply = send(server, *parts)
        assert code == status and words in reply["error"]["message"], reply
    assert send(server, ("file", files["rgb"]), ("ir", b"P5 320 240 255\n" + bytes(76800)))[0] == 200


def test_a_network_of_colour_refuses_depth(pad):
    files = triplet()
    with served(pad) as colour:
        for parts in (list(files.items()), [("depth", files["depth"])]):
            status, reply = send(colour, *parts)
            assert status == 400 and "found 'depth' and this network sees rgb" in reply["error"]["message"]
