"""The detector `given`: the faces that a release itself names in its recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from fasdata.datasets.tree import STANDS_FOR
from fasdata.faces.detector import Detector, DetectorRequest, KnownFaces
from fasdata.faces.given_text import (
    ACROSS,
    DOWN,
    ENLARGED,
    UP,
    GivenRows,
    boxes_of_image,
    comma_rows,
    corner_rows,
    eye_rows,
    face_of_eyes,
    rectangle_rows,
)
from fasdata.media.frame import describe_damage
from fasdata.records import BONAFIDE, Clip, Face

# -- The faces that a release names, by clip --------------------------------------------------------------------------


MAX_BYTES = 4 << 20  # a line a frame: more is no such file

# These were boxed upside down: the phone had stored them turned by 180 degrees.
_MSU_TURNED = ("003", "005", "006", "007", "008", "009")


@dataclass(frozen=True)
class GivenFaces(Mapping[int, Face]):
    """The given face by frame index; `notes` says what was left out, `place` is the name of the file, "" for none.

    `why` says why there is no face, in words that are the same for all recordings.
    """

    faces: Mapping[int, Face] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    place: str = ""
    why: str = "the release has no file of faces for this recording"

    def __getitem__(self, index: int) -> Face:
        return self.faces[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)


def given_faces(clip: Clip, root: Path) -> GivenFaces:
    """Return the faces that the release below `root` names in this clip; empty where it has no file of them.

    Rectangles come enlarged by 1.2 about their centre, because those of the releases end at the brows and the chin.
    Where a release gives eyes, they are the (two) landmarks; where it gives eyes alone, the box is placed by their
    distance and mid-point. Coordinates are of the upright frame. Lines of another form are left out and noted: the
    files may come from anywhere, and no content of theirs raises an error.

    Replay-Attack and CASIA-FASD: `face-locations/….face`; Replay-Mobile: `faceloc/rect/….face`; MSU-MFSD and SiW:
    `.face` beside the video; OULU-NPU: `.txt` beside it; CelebA-Spoof: `_BB.txt` beside the image; 3DMAD: `Eye_Pos`.
    """
    path = _path(clip)
    if path is None or STANDS_FOR in str(path):
        return GivenFaces()
    if clip.dataset == "3dmad":
        return _eyes_in_file(root / path)
    places, read = _SOURCES[clip.dataset](path)
    file = next((root / place for place in places if (root / place).is_file()), None)
    if file is None:
        return GivenFaces()
    if clip.dataset == "msu-mfsd" and _boxed_upside_down(clip):
        why = "given faces are not used: they were found in the upside-down recording"
        return GivenFaces(notes=(why,), why=why)
    try:
        text = _text(file)
        rows = read(text, root / path)
    except OSError as error:
        why = "the release's file of faces cannot be read"
        return GivenFaces(notes=(f"{file.name} cannot be read: {error.strerror}",), place=file.name, why=why)
    if not text.strip():
        why = "the release's file of faces is empty"
    elif rows.notes:
        why = "the release's file of faces is not understood"
    else:
        why = "the release names no face: all its boxes are without width or height"
    return GivenFaces(rows.faces, tuple(f"{file.name}: {note}" for note in rows.notes), file.name, why)


def _path(clip: Clip) -> PurePosixPath | None:
    path = PurePosixPath(clip.relpaths.get("rgb", ""))
    known = clip.dataset in _SOURCES or clip.dataset == "3dmad"
    return path if known and path.name and not path.is_absolute() and ".." not in path.parts else None


def _text(path: Path) -> str:
    """Return the text of a small file; other bytes become characters that no form accepts."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES).decode("utf-8", "replace")


Reader = Callable[[str, Path], GivenRows]


def _beside(suffix: str, reader: Reader) -> Callable[[PurePosixPath], tuple[list[PurePosixPath], Reader]]:
    # SiW has videos called ….m.mov, whose files of faces may be called either way.
    return lambda path: ([path.with_name(stem + suffix) for stem in (path.stem, path.stem.removesuffix(".m"))], reader)


def _in_tree(tree: str, reader: Reader) -> Callable[[PurePosixPath], tuple[list[PurePosixPath], Reader]]:
    """Look in a tree of the same form as the videos', which stands wherever the videos' begins, or beside the video."""

    def places(path: PurePosixPath) -> tuple[list[PurePosixPath], Reader]:
        file, parts = path.with_suffix(".face"), path.parts
        inside = [PurePosixPath(*parts[:k], tree, *file.parts[k:]) for k in range(len(parts) - 1, -1, -1)]
        return [*inside, file], reader

    return places


_SOURCES = {
    "replay-attack": _in_tree("face-locations", rectangle_rows),
    "casia-fasd": _in_tree("face-locations", rectangle_rows),
    "replay-mobile": _in_tree("faceloc/rect", rectangle_rows),
    "msu-mfsd": _beside(".face", comma_rows),
    "siw": _beside(".face", corner_rows),
    "oulu-npu": _beside(".txt", eye_rows),
    "celeba-spoof": _beside("_BB.txt", boxes_of_image),
}


def _boxed_upside_down(clip: Clip) -> bool:
    return clip.label == BONAFIDE and clip.subject in _MSU_TURNED and clip.fields.get("camera") == "android"


def _eyes_in_file(path: Path) -> GivenFaces:
    from fasdata.media.threedmad import eye_positions

    try:
        eyes = eye_positions(path)
    except Exception as error:  # the file is foreign: whatever its parser raises means the same
        return GivenFaces(notes=(f"Eye_Pos is not used: {describe_damage(error)}",))
    faces = {index: face_of_eyes(*pair) for index, pair in enumerate(eyes) if pair is not None}
    return GivenFaces({index: face for index, face in faces.items() if face is not None}, (), path.name)


# -- The detector `given` ---------------------------------------------------------------------------------------------


class GivenDetector(Detector):
    """Takes the faces that the release names: one a frame, with its eyes, or without landmarks."""

    name = "given"
    fingerprint = ""

    def __init__(self) -> None:
        self.settings = settings(DetectorRequest())

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return no face: they are given by clip, see `for_clip`."""
        return [[] for _ in frames]

    def for_clip(self, clip: Clip, root: Path) -> Detector:
        """Return the detector that knows the given faces of this clip; one that knows none says why."""
        given = given_faces(clip, root)
        faces = {index: (face,) for index, face in given.items()}
        return KnownFaces(self.name, self.fingerprint, self.settings, faces, "" if faces else given.why)


def make(request: DetectorRequest, model: Path) -> GivenDetector:
    """Return the detector."""
    return GivenDetector()


def settings(request: DetectorRequest) -> dict[str, float]:
    """Return the numbers by which boxes are made of given rectangles and eyes."""
    return {"enlarged": ENLARGED, "eyes_across": ACROSS, "eyes_up": UP, "eyes_down": DOWN}
