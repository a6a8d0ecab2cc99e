"""Kinds of inputs that hold recordings, and faces that were found in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_archives import hdf5_member, npz_member, onnx_graph
from fuzz_bytes import BINARY, TEXT, Mutator
from fuzz_pictures import avi_chunk, jpeg_segment, mp4_box, png_chunk
from fuzz_trees import json_line

from fasdata.extract.jobs import Job, Worker
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import DetectorRequest
from fasdata.faces.given import GivenDetector
from fasdata.faces.json_faces import make as json_detector
from fasdata.faces.retinaface import make as retinaface_detector
from fasdata.media.readers import MediaForm
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, Face
from tests.fabricate import noise, wmca_pair, write_padisi, write_still, write_threedmad
from tests.videos import add_rotation_tag, flat_frames, write_video


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    `prepare` writes whole, small files below a folder and returns those of them that are changed, one an input; `read`
    gives a changed file to what the commands call, and returns False where the product takes it for unusable in its
    own way (a clip on record as failed), the text that a command would print, or anything else. `knows` are mutators
    that know the format, `plain` those that do not. `writes` tells that `read` may change other files too.
    """

    name: str
    prepare: Callable[[Path], Sequence[Path]]
    read: Callable[[Path, Path], object]
    knows: tuple[Mutator, ...] = ()
    plain: tuple[Mutator, ...] = BINARY
    writes: bool = False


def extracted(root: Path, clip: Clip, reader: str, **more: Any) -> bool:
    """Extract a clip as `fasdata extract` does in a worker; tell whether it is usable."""
    record, _ = _worker(root, reader).run(Job(clip))
    if not record.reason.isprintable():
        raise AssertionError(f"a reason that breaks a line: {record.reason!r}")
    return record.status != "failed"


@cache
def _worker(root: Path, reader: str) -> Worker:
    rules = tuple(parse_rules("first(2)@decoded + linspace(2)@decoded"))
    return Worker(ExtractSettings(rules, detector="none", form=MediaForm(reader, precropped=True)), root)


# -- Videos and pictures ----------------------------------------------------------------------------------------------


def _videos(folder: Path) -> list[Path]:
    frames = flat_frames(4)
    paths = [write_video(folder / "a.avi", frames), write_video(folder / "b.mp4", frames, codec="mpeg4")]
    paths += [write_video(folder / f"{name}", frames, codec="h264") for name in ("c.mp4", "d.mkv")]
    add_rotation_tag(paths[2], 90)
    return paths


def _read_video(root: Path, path: Path) -> object:
    return extracted(root, Clip("folder", "c", {"rgb": path.name}), "video")


def _pictures(folder: Path) -> list[Path]:
    colour, deep = noise(1, 20, 24, 3), noise(2, 20, 24, kind=np.uint16)
    paths = [write_still(folder / f"{name}", colour) for name in ("a.png", "b.jpg", "c.webp", "d.bmp", "e.tif")]
    return [*paths, write_still(folder / "f.png", deep), write_still(folder / "g.tif", deep)]


def _read_picture(root: Path, path: Path) -> object:
    modality = {"rgb": path.name, "depth": path.name} if path.name > "f" else {"rgb": path.name}
    return extracted(root, Clip("folder", "c", modality), "image")


# -- HDF5 and npz -----------------------------------------------------------------------------------------------------


def _hdf5(folder: Path) -> list[Path]:
    pair = wmca_pair(folder / "wmca", "a.hdf5", (0, 2), side=16)
    return [pair["rgb"], pair["depth"], write_threedmad(folder / "01_01_01.hdf5", n=2, height=16, width=16)]


def _read_hdf5(root: Path, path: Path) -> object:
    if path.parent == root:
        return extracted(root, Clip("3dmad", "c", dict.fromkeys(("rgb", "depth"), path.name)), "3dmad-hdf5")
    names = {
        "rgb": "wmca/WMCA_preprocessed_RGB/a.hdf5",
        **dict.fromkeys(("depth", "ir"), "wmca/WMCA_preprocessed_CDIT/a.hdf5"),
    }
    return extracted(root, Clip("wmca", "c", names), "wmca-hdf5")


def _npz(folder: Path) -> list[Path]:
    data = np.random.default_rng(3).random((1, 22, 6, 5)).astype(np.float32)
    return [write_padisi(folder / "a.npz", data), write_padisi(folder / "b.npz", data[0].astype(np.float64))]


def _read_npz(root: Path, path: Path) -> object:
    return extracted(root, Clip("padisi-face", "c", dict.fromkeys(("rgb", "depth", "ir"), path.name)), "padisi-npz")


# -- Faces: what releases say of them, and the file of `fasdata faces` ------------------------------------------------

_BLANK = (np.zeros((9, 9, 3), np.uint8),) * 2
_BOXES = {
    "casia-fasd": ("r/1/1.avi", "face-locations/r/1/1.face", "0 100 80 50 60\n1 0 0 0 0\n2 102 81 50 60\n"),
    "msu-mfsd": ("s/a.mov", "s/a.face", "0, 100, 80, 150, 140, 135, 95, 115, 96\n1, 100, 80, 150, 140, 0, 0, 0, 0\n"),
    "siw": ("Train/a.mov", "Train/a.face", "0 0 0 0\n10 20 90 100\n11 21 91 101\n"),
    "oulu-npu": ("Train_files/a.avi", "Train_files/a.txt", "0,100,90,130,91\n1,101,90,131,91\n"),
    "celeba-spoof": ("Data/a.jpg", "Data/a_BB.txt", "10 20 100 120 0.99"),
}  # fmt: skip


def _boxes(folder: Path) -> list[Path]:
    for video, place, text in _BOXES.values():
        for path in (folder / video, folder / place):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_still(folder / "one.png", noise(1, 130, 140, 3)).rename(folder / video)
        (folder / place).write_text(text)
    return [folder / place for _, place, _ in _BOXES.values()]


def _read_boxes(root: Path, path: Path) -> object:
    relpath = path.relative_to(root).as_posix()
    dataset, video = next((slug, video) for slug, (video, place, _) in _BOXES.items() if place == relpath)
    clip = Clip(dataset, "c", {"rgb": video})
    detector = GivenDetector().for_clip(clip, root)
    return str(detector.detect(_BLANK, [0, 1]))


def _faces(folder: Path) -> list[Path]:
    face = {"frame": 0, "box": [1.0, 2.0, 30.0, 40.0], "landmarks": [[1.0, 2.0]] * 5, "score": 0.5}
    lines = [{"clip": f"c{number}", "faces": [face, {**face, "frame": 7, "landmarks": []}]} for number in range(3)]
    (folder / "faces.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return [folder / "faces.jsonl"]


def _read_faces(root: Path, path: Path) -> object:
    detector = json_detector(DetectorRequest(model=str(path)), path)
    return str(
        [detector.for_clip(Clip("folder", f"c{number}", {}), root).detect(_BLANK, [0, 7]) for number in range(3)]
    )


# -- The network of a detector ----------------------------------------------------------------------------------------


def _networks(folder: Path) -> list[Path]:
    from tests.fasdata.faces.onnx_faces import write_scrfd

    faces = {8: [Face((100.0, 100.0, 200.0, 210.0), ((120.0, 130.0),) * 5, 0.9)]}
    return [write_scrfd(folder / "det.onnx", faces)]


def _read_network(root: Path, path: Path) -> object:
    detector = retinaface_detector(DetectorRequest(model=str(path)), path)
    frame = np.zeros((90, 120, 3), np.uint8)
    frame[:20, :20] = (255, 0, 0)
    return str(detector.detect([frame, frame[:, :60]]))


KINDS = (
    Kind("video", _videos, _read_video, (avi_chunk, mp4_box)),
    Kind("picture", _pictures, _read_picture, (png_chunk, png_chunk, jpeg_segment)),
    Kind("hdf5", _hdf5, _read_hdf5, (hdf5_member,)),
    Kind("npz", _npz, _read_npz, (npz_member,)),
    Kind("boxes", _boxes, _read_boxes, (), TEXT),
    Kind("onnx", _networks, _read_network, (onnx_graph,)),
    Kind("faces", _faces, _read_faces, (json_line,), TEXT),
)
