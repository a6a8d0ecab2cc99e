"""The detector `json`: faces that were detected before, by whatever means, read from a file.

The file holds JSON lines, one object a clip, in UTF-8:

    {"clip": "train_release__1__1", "faces": [
        {"frame": 0, "box": [x0, y0, x1, y1], "landmarks": [[x, y], [x, y], [x, y], [x, y], [x, y]], "score": 0.99}]}

(each on one line). `clip` is the clip's id: its path below the dataset's folder without extension, `/` as `__` (a
store's `clips.parquet` lists them). `frame` is the 0-based index of a decoded frame. Coordinates are pixels of the
upright frame, pixel centres at integers. `landmarks` are left eye, right eye, nose, left and right mouth corner as seen
in the image; only the two eyes, or none, may be given. `score` is 1 if left out. A frame with several faces has several
entries, a frame without faces has none; a clip that nobody searched has no line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fasdata.errors import UserError
from fasdata.faces.detector import Detector, DetectorRequest, KnownFaces
from fasdata.faces.model_file import file_sha256
from fasdata.records import Clip, ClipRecord, Face

_Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class _FaceLine(BaseModel):
    model_config = _STRICT
    frame: int = Field(ge=0, lt=10**6)
    box: tuple[_Number, _Number, _Number, _Number]
    landmarks: tuple[tuple[_Number, _Number], ...] = ()
    score: float = Field(1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _plausible(self) -> _FaceLine:
        if not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError("expected a box x0, y0, x1, y1 with x0 < x1 and y0 < y1")
        if len(self.landmarks) not in (0, 2, 5):
            raise ValueError(f"expected five landmarks, two, or none; found {len(self.landmarks)}")
        return self


class _ClipLine(BaseModel):
    model_config = _STRICT
    clip: str = Field(min_length=1, max_length=200)
    faces: tuple[_FaceLine, ...]


class JsonDetector(Detector):
    """Knows the faces of every clip that its file names; the whole file is checked when it is opened."""

    name = "json"

    def __init__(self, path: Path) -> None:
        """Read the file `path` and keep where each clip's line is.

        Raises:
            UserError: a line is not of the form above, or names a clip for the second time; says which.
        """
        self.settings: dict[str, float] = {}
        self.fingerprint = file_sha256(path)
        self._path = path
        self._places: dict[str, tuple[int, int]] = {}  # offset and number of the clip's line
        for number, offset, line in _lines(path):
            clip = _parse(path, number, line).clip
            if clip in self._places:
                raise UserError(f"{path}: line {number} names the clip {clip!r} for the second time")
            self._places[clip] = offset, number
        if not self._places:
            raise UserError(f"{path} names no clip", expected='lines like {"clip": "…", "faces": […]}')

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return no face: they are known by clip, see `for_clip`."""
        return [[] for _ in frames]

    def for_clip(self, clip: Clip, root: Path) -> Detector:
        """Return the detector that knows this clip.

        Raises:
            UserError: the file does not name the clip, or was changed meanwhile.
        """
        # Ids of own clips did not keep the file's ending in earlier versions.
        name = next((id_ for id_ in (clip.clip_id, clip.clip_id.rpartition(".")[0]) if id_ in self._places), "")
        if not name:
            raise UserError(f"{self._path.name} has no line for the clip {clip.clip_id}")
        offset, number = self._places[name]
        with self._path.open("rb") as file:
            file.seek(offset)
            parsed = _parse(self._path, number, file.readline())
        if parsed.clip != name:
            raise UserError(f"{self._path} was changed while it was in use", do="run the same command again")
        faces: dict[int, list[Face]] = {}
        for face in parsed.faces:
            faces.setdefault(face.frame, []).append(Face(face.box, face.landmarks, face.score))
        return KnownFaces(self.name, self.fingerprint, self.settings, faces)


def make(request: DetectorRequest, model: Path) -> JsonDetector:
    """Return the detector that knows the faces in the file `model`."""
    return JsonDetector(model)


def settings(request: DetectorRequest) -> dict[str, float]:
    """Return no setting: the file decides alone."""
    return {}


def faces_line(record: ClipRecord) -> str:
    """Return the line of an extracted clip: the faces that were detected on its own frames.

    Those of a recording that the search had to turn are left out: a detector that does not search cannot turn it.
    """
    faces = [
        _FaceLine(frame=frame.index, box=frame.box, landmarks=frame.landmarks or (), score=frame.score)
        for frame in record.frames
        if frame.face_observed and frame.status != "rotated" and frame.box is not None
    ]
    return _ClipLine(clip=record.clip.clip_id, faces=tuple(faces)).model_dump_json()


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (number from 1, offset, text) of the lines that are not blank."""
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, offset, line
            offset += len(line)


def _parse(path: Path, number: int, line: bytes) -> _ClipLine:
    try:
        return _ClipLine.model_validate_json(line)
    except ValidationError as error:
        raise UserError(
            f"{path}: line {number} is not the faces of a clip", expected='{"clip": "…", "faces": […]}',
            found=_problem(error.errors(include_url=False, include_input=False)[0]),
        ) from None  # fmt: skip


def _problem(first: Mapping[str, object]) -> str:
    place = first["loc"]
    where = ".".join(str(step) for step in place) if isinstance(place, tuple) else ""
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
