"""Write the layout of GAC-FAS and SA-FAS: a folder per video, the label in its name, a sidecar per picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import dumps  # to write; nothing is ever unpickled
from typing import Any

import numpy as np

from fasdata.datasets.rule import Form
from fasdata.errors import UserError, unknown_name
from fasdata.exchange.layout import Layout, Picture, Unit, put
from fasdata.exchange.names import NameRule, fill, read_names
from fasdata.exchange.pictures import Pictures
from fasdata.exchange.sample import ExportClip, ExportFrame

# -- The sidecar `infov1_<frame>.npy`: face box and five points -------------------------------------------------------

_RECORD = np.dtype([("box", "<i8", (4,)), ("detect_prob", "<f8"), ("points", "<i8", (5, 2)), ("frame_id", "<i8")])


@dataclass(frozen=True)
class Info:
    """The content of a sidecar: box x0, y0, x1, y1 and points (5, 2) in whole pixels of `org_`, none negative.

    Coordinates are cut towards zero. `number` is the one in the file's name. The embedding that SA-FAS stores too, and
    never reads, is left out.
    """

    box: np.ndarray
    score: float
    points: np.ndarray
    number: int

    @classmethod
    def of(cls, frame: ExportFrame, shape: Sequence[int], number: int) -> Info:
        """Return box, points and score of a frame in pixels of its stored region, whose `shape` is (height, width)."""
        x0, y0, x1, y1 = frame.place.region
        scale = np.array([shape[1] / (x1 - x0), shape[0] / (y1 - y0)])
        corners = np.array(frame.place.box, np.float64).reshape(2, 2)
        points = np.array(frame.place.landmarks, np.float64)
        box = np.maximum(((np.trunc(corners) - (x0, y0)) * scale).astype("<i8"), 0)
        inside = np.maximum(((np.trunc(points) - (x0, y0)) * scale).astype("<i8"), 0)
        return cls(box.reshape(4), float(frame.score or 0.0), inside, number)


def plain(info: Info) -> bytes:
    """Return an npy file of one record, read as `np.load(path)[()]["points"]` without unpickling."""
    record = np.zeros((), _RECORD)
    record["box"], record["points"] = info.box, info.points
    record["detect_prob"], record["frame_id"] = info.score, info.number
    file = io.BytesIO()
    np.lib.format.write_array(file, record, allow_pickle=False)
    return file.getvalue()


def pickled(info: Info) -> bytes:
    """Return the npy file that SA-FAS itself writes and opens, `np.load(path, allow_pickle=True).item()["points"]`.

    An npy file can hold a dictionary only as a pickle. Protocol 3 writes the name of a module as a line of its own;
    that of numpy 2, which the older numpy of SA-FAS lacks, is replaced by the one that both versions load.
    """
    record = {"box": info.box, "detect_prob": info.score, "points": info.points, "frame_id": info.number}
    data = dumps(np.array(record, dtype=object), protocol=3)
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + data.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


SIDECARS: dict[str, Callable[[Info], bytes]] = {"plain": plain, "safas": pickled}


# -- The layout -------------------------------------------------------------------------------------------------------

_LEAST = 3  # GAC-FAS stops at a clip with fewer pictures
_STEP = 5  # SA-FAS opens frame numbers that are multiples of five only
_WORDS = {True: ("live", "spoof"), False: ("spoof", "live")}  # the label's own word, and the one it must not meet


class Dataset(Form):
    """One dataset: its folder in GAC-FAS, its folder in SA-FAS (`pooled`), and the names of its videos in both."""

    folder: str
    pooled: str
    names: list[NameRule]


class Names(Form):
    """Datasets by slug."""

    datasets: dict[str, Dataset]


class SaFas(Layout):
    """`<dataset>/<train|test|val>/<live|spoof>/<video>/` with `crop_`, `org_` (jpg) and `infov1_` (npy) of each frame.

    SA-FAS finds the same folders as links below `<Dataset>/preposess/`. `org_` is the stored region around the face,
    not the whole scene; box and points of the sidecar are in its pixels.
    """

    name = "safas"
    reads = "GAC-FAS and SA-FAS"
    labels = "folder names: bona fide live (read as 1), attack spoof (read as 0)"
    codecs = ("jpeg:98",)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._names = read_names("safas", Names)
        self._sidecar = SIDECARS[self.context.options.get("sidecars", "plain")]

    @classmethod
    def default_view(cls, meta: Mapping[str, Any]) -> str:
        return "native"

    def units(self, clips: Sequence[ExportClip]) -> list[Unit]:
        short = sum(len(clip.frames) < _LEAST for clip in clips)
        if short:
            self.notes.append(
                f"{short} clips have fewer than {_LEAST} frames, at which GAC-FAS stops: each of their pictures is "
                "repeated equally often; the recipes gac_fas and sa_fas take more frames"
            )
        if not all(frame.has_landmarks for clip in clips for frame in clip.frames):
            self.notes.append("faces without landmarks have no sidecar, which SA-FAS needs")
        unnamed = sorted({clip.dataset for clip in clips} - self._names.datasets.keys())
        if unnamed:
            self.notes.append(f"their code has no place for {' and '.join(unnamed)}")
        if any(clip.part == "val" for clip in clips):
            self.notes.append("neither of them reads validation clips: these lie in folders named val")
        return super().units(clips)

    def _unit(self, clip: ExportClip) -> Unit:
        folder = self._folder(clip)
        pictures, files = [], []
        for number, frame in _numbered(clip.frames):
            pictures.append(Picture(frame, "rgb", f"{folder}/crop_{number:04d}.jpg"))
            files += [pictures[-1].path, f"{folder}/org_{number:04d}.jpg"]
            files += [f"{folder}/infov1_{number:04d}.npy"] if frame.has_landmarks else []
        return Unit(f"{clip.dataset}/{clip.clip_id}", (clip,), tuple(pictures), tuple(files))

    def write(self, unit: Unit, pictures: Pictures, stage: Path) -> None:
        """Write crop, surroundings and sidecar of every frame of a clip."""
        for picture in unit.pictures:
            frame = picture.frame
            folder, _, ending = picture.path.rpartition("crop_")
            number = ending.removesuffix(".jpg")
            stored = pictures.stored(frame.place)
            put(stage / picture.path, self.encoded(pictures.image(frame.place, "rgb"), picture))
            put(stage / f"{folder}org_{number}.jpg", self.encoded(stored, picture))
            if frame.has_landmarks:
                info = Info.of(frame, stored.shape[:2], int(number))
                put(stage / f"{folder}infov1_{number}.npy", self._sidecar(info))

    def lists(self, units: Sequence[Unit]) -> dict[str, bytes]:
        return {}

    def links(self, units: Sequence[Unit]) -> dict[str, str]:
        """Return the folders of SA-FAS, which have all source and target clips of a dataset side by side."""
        clips = [unit.clips[0] for unit in units]
        sources, targets = ({clip.dataset for clip in clips if clip.part == part} for part in ("train", "test"))
        made = {}
        for clip in clips:
            if clip.part != "val" and not {clip.dataset} <= sources & targets:
                folder = self._folder(clip)
                link = f"{self._dataset(clip.dataset).pooled}/preposess/{folder.rpartition('/')[2]}"
                made[link] = f"../../{folder}"
        if sources & targets:
            self.notes.append(
                "SA-FAS has one folder for the clips of a dataset: one with training and test clips gets none"
            )
        return made

    def _folder(self, clip: ExportClip) -> str:
        own, other = _WORDS[clip.is_bonafide]
        dataset = self._dataset(clip.dataset)
        values = {"split": clip.split_official or clip.part, "class": own}
        name = fill(dataset.names, clip.clip_id, values) or f"{clip.dataset}_{values['split']}_{own}_{clip.clip_id}"
        folder = f"{dataset.folder}/{clip.part}/{own}/{name}"
        if other in folder:
            raise UserError(
                f"{clip.dataset}/{clip.clip_id} cannot go into the layout safas",
                expected=f"no '{other}' in the name of a {clip.label} clip: its readers take it for the label",
                found=folder,
            )
        return folder

    def _dataset(self, slug: str) -> Dataset:
        return self._names.datasets.get(slug) or Dataset(folder=slug, pooled=slug.upper(), names=[])


def _numbered(frames: Sequence[ExportFrame]) -> list[tuple[int, ExportFrame]]:
    """Return the frames with their numbers in file names: their own if all are multiples of five, else 0, 5, 10 …

    Fewer than three frames are repeated, each equally often, so that each stays equally likely in a random draw.
    """
    if len(frames) >= _LEAST and all(frame.index % _STEP == 0 for frame in frames):
        return [(frame.index, frame) for frame in frames]
    repeated = list(frames) * -(-_LEAST // len(frames))
    return [(place * _STEP, frame) for place, frame in enumerate(repeated)]


def layout_options(layout: str, sidecars: str) -> dict[str, str]:
    """Return the options of a layout; `sidecars` is "" where the user gave none.

    Raises:
        UserError: the layout has no sidecars, or no such kind of them.
    """
    if layout != "safas":
        if sidecars:
            raise UserError("--sidecars", expected="only with --as safas", found=f"--as {layout}")
        return {}
    if sidecars and sidecars not in SIDECARS:
        raise unknown_name("kind of sidecar", sidecars, SIDECARS)
    return {"sidecars": sidecars or "plain"}
