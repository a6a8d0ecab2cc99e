"""Faces that others found, on the whole road: extraction, protocol, training."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.store.reader import Store
from fastrain.data.images import Images
from fastrain.data.samples import Samples
from tests.commands import Called
from tests.fabricate import noise
from tests.videos import write_video

SHORT = ("--set", "train.max_iterations=2", "--set", "train.steps_per_epoch=1", "--threads", 1)
LENGTH = 12


def recording(path: Path) -> None:
    """Write a video like no other: equal ones in two parts would stop the protocol."""
    seed = zlib.crc32(path.name.encode())
    write_video(path, list(np.repeat(np.repeat(noise(seed, LENGTH, 15, 20, 3), 8, axis=1), 8, axis=2)))


def faces_of(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line.format(index) + "\n" for index in range(LENGTH)))


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Library:
    """Replay-Attack with rectangles and no point, OULU-NPU with two eyes and no box; nobody looked at a pixel."""
    raw, lib = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("library")
    for split, people in (("train", ("001", "002")), ("devel", ("003", "005")), ("test", ("009", "011"))):
        for person in people:
            stem = "session01_webcam_authenticate_adverse_1"
            print_ = f"attack/fixed/attack_print_client{person}_session01_highdef_photo_adverse"
            for place in (f"{split}/real/client{person}_{stem}", f"{split}/{print_}"):
                recording(raw / "Replay-Attack" / f"{place}.mov")
                faces_of(raw / "Replay-Attack" / "face-locations" / f"{place}.face", "{} 60 30 40 50")
    for split, session, user in (("Train", 1, "01"), ("Dev", 2, "21"), ("Test", 3, "36")):
        for kind in (1, 2):
            place = f"{split}_files/1_{session}_{user}_{kind}"
            recording(raw / "OULU-NPU" / f"{place}.avi")
            faces_of(raw / "OULU-NPU" / f"{place}.txt", "{},70,50,90,50")
    for name in ("Replay-Attack", "OULU-NPU"):
        command = ("extract", name, "--root", raw / name, "--out", lib, "--detector", "given", "-j", 1)
        done = Called("fasdata", *command, "--frames", "recipes")
        assert done.code == 0, done.out
    return Library(lib)


def test_every_frame_has_the_face_the_release_gives_it(library):
    for name, points in (("replay-attack", None), ("oulu-npu", ((70.0, 50.0), (90.0, 50.0)))):
        store = Store.open(library.store_dir(name))
        assert store.info.config["detector_settings"]["enlarged"] == 1.2
        for record in store.records():
            stored = [frame for frame in record.frames if frame.crop]
            assert stored and {(frame.status, frame.n_faces, frame.landmarks) for frame in stored} == {
                ("given", 1, points)
            }


def test_rectangles_alone_are_trained_on_with_the_box_view(library, tmp_path):
    built = Called("fasdata", "build-protocol", "replay:grandtest", "--data", library.root)
    assert built.code == 0, built.out or built.error
    manifest = Manifest.read(library.protocol_dir("replay:grandtest", "standard"))
    assert manifest.table["landmarks"].null_count == manifest.table.num_rows > 0
    command = ("run", "erm", "--protocol", "replay:grandtest", "--preset", "demo", "--data", library.root, *SHORT)
    assert (
        "needs landmarks" in Called("fastrain", *command, "--out", tmp_path / "no", "--set", "data.view=mxnet-256").line
    )
    done = Called("fastrain", *command, "--out", tmp_path / "run")
    assert done.code == 0, done.out
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["view"] == "box" and run["status"] == "finished"


@pytest.mark.parametrize("name", ["mxnet-256", "fas-256", "arcface-112", "box"])
def test_two_eyes_are_enough_for_every_view(library, name):
    built = Called("fasdata", "build-protocol", "oulu:P1", "--data", library.root)
    assert built.code == 0, built.out or built.error
    manifest = Manifest.read(library.protocol_dir("oulu:P1", "standard"))
    manifest.check()
    samples = Samples.of(manifest, "train")
    assert np.isnan(samples.landmarks[:, 2:]).all() and np.isfinite(samples.landmarks[:, :2]).all()
    stores = {"oulu-npu": Store.open(library.store_dir("oulu-npu"))}
    view = View.named(name)
    assert Images(samples, stores, view).load(0)["rgb"].shape == (view.size, view.size, 3)


@pytest.mark.parametrize("name", ["mxnet-256", "fas-256", "arcface-112"])
def test_two_eyes_place_a_view_by_their_distance_and_mid_point(name):
    from fasdata.faces.alignment import TEMPLATES, apply

    view, eyes = View.named(name), np.array([[70.0, 50.0], [90.0, 54.0]])
    target = TEMPLATES[name].points(view.size)
    known = {rows: np.vstack([eyes, np.full((rows - 2, 2), np.nan)]) for rows in (2, 5)}
    for points in known.values():
        placed = apply(view.matrix((0, 0, 160, 120), (50, 20, 110, 90), points), eyes)
        assert np.linalg.norm(placed[1] - placed[0]) == pytest.approx(np.linalg.norm(target[1] - target[0]))
        if TEMPLATES[name].eyes_at is None:
            assert np.allclose(placed, target[:2])
        else:
            assert np.allclose(placed.mean(axis=0), np.array(TEMPLATES[name].eyes_at) * view.size)
