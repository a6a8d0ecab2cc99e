"""The layout of GAC-FAS and SA-FAS: a folder for every video with its label in the name, and the pictures' sidecars."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fasdata.datasets.rule import Form
from fasdata.errors import UserError, unknown_name
from fasdata.exchange.layout import Layout, Picture, Unit, put
from fasdata.exchange.names import NameRule, fill, read_names
from fasdata.exchange.pictures import Pictures
from fasdata.exchange.sample import ExportClip, ExportFrame

# -- `infov1_<frame>.npy` of SA-FAS: the face box and five points beside a picture ------------------------------------


_RECORD = np.dtype([("box", "<i8", (4,)), ("detect_prob", "<f8"), ("points", "<i8", (5, 2)), ("frame_id", "<i8")])


@dataclass(frozen=True)
class Info:
    """Box x0, y0, x1, y1 and points (5, 2) in whole pixels of the picture `org_`, towards zero and none negative.

    `number` is the one in the file's name. The embedding that SA-FAS computes beside, and never reads, is left out.
    """

    box: np.ndarray
    score: float
    points: np.ndarray
    number: int

    @classmethod
    def of(cls, frame: ExportFrame, shape: Sequence[int], number: int) -> Info:
        """Return what is known of a frame whose stored region has this shape (height, width)."""
        x0, y0, x1, y1 = frame.place.region
        scale = np.array([shape[1] / (x1 - x0), shape[0] / (y1 - y0)])
        corners = np.array(frame.place.box, np.float64).reshape(2, 2)
        points = np.array(frame.place.landmarks, np.float64)
        box = np.maximum(((np.trunc(corners) - (x0, y0)) * scale).astype("<i8"), 0)
        inside = np.maximum(((np.trunc(points) - (x0, y0)) * scale).astype("<i8"), 0)
        return cls(box.reshape(4), float(frame.score or 0.0), inside, number)


def plain(info: Info) -> bytes:
    """Return an npy file of one record, `np.load(path)[()]["points"]`: numbers and nothing that is ever run."""
    record = np.zeros((), _RECORD)
    record["box"], record["points"] = info.box, info.points
    record["detect_prob"], record["frame_id"] = info.score, info.number
    file = io.BytesIO()
    np.lib.format.write_array(file, record, allow_pickle=False)
    return file.getvalue()


def as_written(info: Info) -> bytes:
    """Return the npy file that SA-FAS itself writes and opens, `np.load(path, allow_pickle=True).item()["points"]`.

    What is inside can only be opened by unpickling, so it is put together here by hand: arrays and numbers, made by
    numpy's own constructors and by nothing else, under the names that numpy 1 and 2 both know (numpy 2 would write
    names that the older one of SA-FAS does not have).
    """
    said = _dictionary(
        box=_array(info.box), detect_prob=b"G" + struct.pack(">d", info.score), points=_array(info.points),
        frame_id=_integer(info.number),
    )  # fmt: skip
    kind = _made(_OBJECT, _tuple(_integer(3), _text("|"), b"N", b"N", b"N", _integer(-1), _integer(-1), _integer(63)))
    whole = _made(_EMPTY, _tuple(_integer(1), _tuple(), kind, _FALSE, b"](" + said + b"e"))
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + b"\x80\x03" + whole + b"."


SIDECARS: dict[str, Callable[[Info], bytes]] = {"plain": plain, "safas": as_written}


def _tuple(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def _integer(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode("ascii")


def _binary(data: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(data)) + data


def _dictionary(**items: bytes) -> bytes:
    return b"}(" + b"".join(_text(key) + value for key, value in items.items()) + b"u"


def _called(module: str, name: str, *arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + _tuple(*arguments) + b"R"


def _made(start: bytes, state: bytes) -> bytes:
    return start + state + b"b"


_FALSE, _TRUE = b"\x89", b"\x88"
_EMPTY = _called("numpy.core.multiarray", "_reconstruct", b"cnumpy\nndarray\n", _tuple(_integer(0)), _binary(b"b"))
_OBJECT = _called("numpy", "dtype", _text("O8"), _FALSE, _TRUE)
_LONG = _made(
    _called("numpy", "dtype", _text("i8"), _FALSE, _TRUE),
    _tuple(_integer(3), _text("<"), b"N", b"N", b"N", _integer(-1), _integer(-1), _integer(0)),
)


def _array(values: np.ndarray) -> bytes:
    shape = _tuple(*map(_integer, values.shape))
    return _made(_EMPTY, _tuple(_integer(1), shape, _LONG, _FALSE, _binary(values.astype("<i8").tobytes())))


# -- The layout of GAC-FAS and SA-FAS: a folder for every video, with the label in its name ---------------------------


_LEAST = 3  # pictures without which GAC-FAS stops at a clip
_STEP = 5  # SA-FAS looks at multiples of five only
_WORDS = {True: ("live", "spoof"), False: ("spoof", "live")}  # the label's own word, and the one it must not meet


class Dataset(Form):
    """One dataset: its folder in GAC-FAS, in SA-FAS (`pooled`), and the names of its videos, alike in both."""

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
                f"{short} clips have fewer than {_LEAST} frames, at which GAC-FAS stops: their pictures are repeated, "
                "each as often; recipes gac_fas and sa_fas have more frames"
            )
        if not all(frame.has_landmarks for clip in clips for frame in clip.frames):
            self.notes.append("faces without landmarks have no sidecar, which SA-FAS needs")
        strange = sorted({clip.dataset for clip in clips} - self._names.datasets.keys())
        if strange:
            self.notes.append(f"their code knows no {' and no '.join(strange)}")
        if any(clip.part == "val" for clip in clips):
            self.notes.append("neither reads validation clips: they lie in folders named val")
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
        for one in unit.pictures:
            folder, _, ending = one.path.rpartition("crop_")
            number = ending.removesuffix(".jpg")
            stored = pictures.stored(one.frame.place)
            put(stage / one.path, self.encoded(pictures.image(one.frame.place, "rgb"), one))
            put(stage / f"{folder}org_{number}.jpg", self.encoded(stored, one))
            if one.frame.has_landmarks:
                info = Info.of(one.frame, stored.shape[:2], int(number))
                put(stage / f"{folder}infov1_{number}.npy", self._sidecar(info))

    def lists(self, units: Sequence[Unit]) -> dict[str, bytes]:
        return {}

    def links(self, units: Sequence[Unit]) -> dict[str, str]:
        """Return SA-FAS's folders: all source and target clips of a dataset side by side."""
        clips = [unit.clips[0] for unit in units]
        sources, targets = ({clip.dataset for clip in clips if clip.part == part} for part in ("train", "test"))
        made = {}
        for clip in clips:
            if clip.part != "val" and not {clip.dataset} <= sources & targets:
                folder = self._folder(clip)
                link = f"{self._dataset(clip.dataset).pooled}/preposess/{folder.rpartition('/')[2]}"
                made[link] = f"../../{folder}"
        if sources & targets:
            self.notes.append("SA-FAS keeps training and test of one dataset in one folder: here it gets none")
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
    """Return the frames under the numbers they get: their own where those are multiples of five, else 0, 5, 10 …

    Fewer than three frames are repeated, each equally often: a random draw among them stays the same draw.
    """
    if len(frames) >= _LEAST and all(frame.index % _STEP == 0 for frame in frames):
        return [(frame.index, frame) for frame in frames]
    repeated = list(frames) * -(-_LEAST // len(frames))
    return [(place * _STEP, frame) for place, frame in enumerate(repeated)]


def layout_options(layout: str, sidecars: str) -> dict[str, str]:
    """Return the options that belong to a layout; `sidecars` is "" where none were asked for.

    Raises:
        UserError: the layout has no sidecars, or not of that kind.
    """
    if layout != "safas":
        if sidecars:
            raise UserError("--sidecars", expected="only with --as safas", found=f"--as {layout}")
        return {}
    if sidecars and sidecars not in SIDECARS:
        raise unknown_name("kind of sidecar", sidecars, SIDECARS)
    return {"sidecars": sidecars or "plain"}
