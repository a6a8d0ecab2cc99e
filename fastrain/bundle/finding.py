"""From a recording to faces, as an extraction finds them and a protocol takes them: for predictions of any kind."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from fasdata.datasets.tree import IMAGE, VIDEO, ending
from fasdata.errors import UserError
from fasdata.extract.child import USUAL
from fasdata.extract.jobs import Job
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.choice import STEADY
from fasdata.faces.detectors import make_detector
from fasdata.media.frame import Frame, FrameSource
from fasdata.media.readers import MediaForm
from fasdata.protocols.sampling import FrameRule
from fasdata.records import MODALITIES, Clip, ClipRecord

DATASET = "input"
FRAMES = "ssdg(2)@decoded"
ACCEPTED = ("interp", "hold", "given", "shift")
LEAST_FACE = 20  # pixels: below, nobody looks for a face that is too small


@dataclass(frozen=True)
class Recording:
    """A recording to be judged: its file, or folder of frames, by modality; `name` is what the user called it."""

    name: str
    files: Mapping[str, Path]

    def clip(self, number: int) -> Clip:
        """Return it as a clip below the root of the file system."""
        paths = {name: str(path.absolute().relative_to(path.absolute().anchor)) for name, path in self.files.items()}
        return Clip(DATASET, f"{number:08d}", paths)


@dataclass(frozen=True)
class Finding:
    """How faces are found: the configuration of a store, the frames of a clip, and what may stand in for a face.

    `files` are the detector's networks where they come in memory, `model` the file of one that does not.
    """

    store: Mapping[str, Any]
    frames: str = FRAMES
    accepted: tuple[str, ...] = ACCEPTED
    files: Mapping[str, bytes] = field(default_factory=dict)
    model: str = ""
    device: str = "cpu"

    def settings(self, reader: str = "video") -> ExtractSettings:
        """Return the settings of an extraction that finds what the store holds.

        Raises:
            UserError: the configuration is of no store that this version can make.
        """
        of = self.store
        try:
            form = MediaForm(
                reader, of.get("registered", "exact"), bool(of.get("precropped", False)), str(of.get("depth_unit", ""))
            )
            numbers = of.get("detector_settings") or {}
            extent = {"views": tuple(of["views"])} if "views" in of else {"context": float(of.get("context", 2.0))}
            settings = ExtractSettings(
                rules=(FrameRule.parse(self.frames),),
                detector=str(of.get("detector", "mtcnn")),
                detector_model=self.model,
                detector_files=self.files,
                min_face=int(numbers.get("min_face", 40)),
                min_score=float(of.get("min_score", 0.5)),
                tracking=str(of.get("tracking", "off")),
                detect_every=int(of.get("detect_every") or 15),
                max_side=int(of.get("max_side", 1024)),
                codec=str(of.get("codec", "png")),
                fallbacks=bool(of.get("fallbacks", True)),
                borders=str(of.get("borders", "keep")),
                face_rule=str(of.get("face_rule", STEADY)),
                on_damage=str(of.get("on_damage", "")),
                device=self.device,
                **extent,
            )
        except (TypeError, ValueError) as error:
            raise UserError(f"how faces are found is not understood: {error}") from None
        return settings.settled(form, dict(of))

    @property
    def smallest(self) -> int:
        """The side in pixels from which a face is looked for."""
        return self.settings().min_face

    def records(self, recordings: Sequence[Recording], workers: int) -> Generator[tuple[int, ClipRecord, dict]]:
        """Yield the place of each recording, its record and its encoded crops, as they are finished.

        Those of one reader go together. `workers` as for an extraction: child processes, which a recording may end.
        """
        from fasdata.extract.local import extract_clips

        by_reader: dict[str, list[int]] = {}
        for place, recording in enumerate(recordings):
            by_reader.setdefault(self._reader(recording), []).append(place)
        for reader, places in by_reader.items():
            jobs = [Job(recordings[place].clip(place)) for place in places]
            root = Path(Path.cwd().anchor)
            for record, crops in extract_clips(jobs, root, self.settings(reader), workers, USUAL):
                yield int(record.clip.clip_id), record, crops

    def finds_smaller(self, recording: Recording) -> float:
        """Return the longer side of a face in a recording that is too small to count, 0 where there is none."""
        if self.smallest <= LEAST_FACE:
            return 0.0
        numbers = {**(self.store.get("detector_settings") or {}), "min_face": LEAST_FACE}
        wider = replace(self, store={**self.store, "detector_settings": numbers, "fallbacks": False})
        for _, record, _ in wider.records([recording], 0):
            boxes = [frame.box for frame in record.frames if frame.box is not None and frame.face_observed]
            return max((max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes), default=0.0)
        return 0.0

    def _reader(self, recording: Recording) -> str:
        """Return what reads a recording: files of no picture or video are of the store's own form."""
        known = all(path.is_dir() or ending(path.name) in (*IMAGE, *VIDEO) for path in recording.files.values())
        return "video" if known else str(self.store.get("reader", "video"))


def recordings_of(paths: Sequence[Path]) -> list[Recording]:
    """Return the recordings that these files and folders hold; a folder is looked through to its depth.

    Raises:
        UserError: there is no such file, or a folder holds no picture and no video.
    """
    recordings: list[Recording] = []
    for path in paths:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if ending(file.name) in (*IMAGE, *VIDEO) and file.is_file())
            if not files:
                raise UserError(f"there is nothing to judge in {path}", expected="pictures or videos", found="none")
            recordings += [Recording(str(file), {"rgb": file}) for file in files]
        elif path.exists():
            recordings.append(Recording(str(path), {"rgb": path}))
        else:
            raise UserError(f"there is no {path}", expected="a picture, a video, a folder of them, or camera:0")
    return recordings


def recordings_in(table: Path) -> list[Recording]:
    """Return the recordings of a CSV table with the columns rgb, depth and ir; its paths are seen from its folder.

    Raises:
        UserError: it has no column rgb, another column, or a row without a colour file.
    """
    from fasdata.foreign import read_csv_rows

    recordings = []
    for number, row in read_csv_rows(table):
        cells = {name: value.strip() for name, value in row.items() if name}
        odd = sorted(cells.keys() - {*MODALITIES, "name"})
        if odd or not cells.get("rgb"):
            raise UserError(
                f"{table}, line {number}", expected="columns rgb, depth, ir, name; a colour file in each row",
                found=f"a column {odd[0]}" if odd else "no colour file",
            )  # fmt: skip
        files = {name: table.parent / cells[name] for name in MODALITIES if cells.get(name)}
        recordings.append(Recording(cells.get("name") or cells["rgb"], files))
    return recordings


# -- Pictures that are in memory: of a self-test, or of a camera -------------------------------------------------------


class OnePicture:
    """A recording of one frame that is in memory."""

    frame_rate, rotation, n_hint, damage, notes = 0.0, 0, 1, "", ()

    def __init__(self, images: Mapping[str, np.ndarray]) -> None:
        self._frame = Frame(0, -1.0, images)
        self.n_decoded: int | None = 1

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield the frame."""
        if indices is None or 0 in indices:
            yield self._frame


class PictureFinder:
    """Finds faces in pictures that are in memory, one at a time, as an extraction does in files."""

    def __init__(self, finding: Finding) -> None:
        """Load the detector.

        Raises:
            UserError: it is not there.
        """
        from fasdata.extract.clip_extractor import ClipExtractor
        from fasdata.extract.jobs import limit_threads

        settings = finding.settings()
        limit_threads(settings)
        self._extractor = ClipExtractor(settings, make_detector(settings.detector, settings.detector_request))
        self._number = 0

    def record(self, images: Mapping[str, np.ndarray]) -> tuple[ClipRecord, dict[str, bytes]]:
        """Return the record and the crops of a picture: `rgb` uint8 (h,w,3), perhaps `depth` and `ir` (h,w)."""
        self._number += 1
        clip = Clip(DATASET, f"{self._number:08d}", dict.fromkeys(images, "memory"))
        return self._extractor.extract(clip, cast(FrameSource, OnePicture(images)))
