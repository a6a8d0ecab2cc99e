"""The shared records: clips, faces and stored frames, and the vocabulary of labels, splits and attacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

BONAFIDE = "bonafide"
ATTACK = "attack"
LABELS = (BONAFIDE, ATTACK)
SPLITS = ("train", "dev", "test")
MODALITIES = ("rgb", "depth", "ir")

# Coarse attack classes. Presentation attacks first, in their ISO/IEC 30107-3 reading; then what is done to the picture
# itself, which that standard does not cover (`digital-attack`: a manipulation of unsaid kind).
PRESENTATIONS = ("print", "replay", "mask-paper", "mask-3d", "mannequin", "partial", "makeup")
MANIPULATIONS = ("face-swap", "reenactment", "synthetic-face", "adversarial", "digital-attack")
ATTACK_TYPES = ("bonafide", *PRESENTATIONS, *MANIPULATIONS, "unknown")

# Where the face of a frame comes from. `OBSERVED`: detected on that very frame; `given`: stated by the release, which
# in a pre-cropped one means that the whole image is the face.
FaceStatus = Literal["ok", "rotated", "interp", "hold", "given", "shift", "center", "skip"]
OBSERVED: tuple[str, ...] = ("ok", "rotated")

Box = tuple[float, float, float, float]
Region = tuple[int, int, int, int]  # x0, y0, x1, y1 in whole pixels, end exclusive
Landmarks = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Clip:
    """One recording as its path and list files describe it; a value that they do not state is "", never a guess.

    `clip_id` comes from the path alone, is unique inside `dataset` and safe as a file name and as an LMDB key.
    `relpaths` maps a modality to a path below the dataset root.
    """

    dataset: str
    clip_id: str
    relpaths: Mapping[str, str]
    split: str = ""
    label: str = ""
    attack_type: str = ""
    pai: str = ""
    subject: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    layout: str = ""


@dataclass(frozen=True)
class Face:
    """One detected face in the upright source frame.

    `box` is x0, y0, x1, y1 and `landmarks` five (x, y), image-left eye first (left eye, right eye, nose, left and
    right mouth corner), all in pixels with pixel centres at integers; the two eyes alone where a release gives no
    more, empty where they were not looked for. `score` lies in [0, 1].
    """

    box: Box
    landmarks: Landmarks
    score: float


@dataclass(frozen=True)
class CropRecord:
    """A stored crop: its `region` x0, y0, x1, y1 in whole pixels of the upright source frame, and how it was encoded.

    `scale` is stored pixels per source pixel: 1.0 unless the side passed the store's limit. Both are those of rgb, the
    first of `modalities`. Depth and ir of a registered release show the same region in pixels of their own size; those
    of an unregistered one are stored whole.
    """

    region: tuple[int, int, int, int]
    scale: float
    codec: str
    modalities: tuple[str, ...] = ("rgb",)


@dataclass(frozen=True)
class FrameRecord:
    """One frame that was searched for a face; `crop` is None where no crop was stored.

    `shift` is the distance in frames to the frame whose face was taken instead (0 = its own). `name` is what the
    release calls the frame ("" in a video). Of stored frames, `phash` is the perceptual hash of the rgb crop (16 hex
    digits) and `dark` means a mean colour under 5 of 255.

    The last three were added to the first version. They belong to no hash and are left out of the stored form where
    they are None, so that older records stay what they are: `size` (width, height) where it is not that of the clip,
    and of stored frames `sharpness` and `brightness` (`fasdata.quality`).
    """

    index: int
    pts: float
    status: FaceStatus
    score: float = 0.0
    n_faces: int = 0
    box: Box | None = None
    landmarks: Landmarks | None = None
    shift: int = 0
    crop: CropRecord | None = None
    name: str = ""
    phash: str = ""
    dark: bool = False
    size: tuple[int, int] | None = None
    sharpness: float | None = None
    brightness: float | None = None

    @property
    def face_observed(self) -> bool:
        """Whether this very frame shows a face: detected on it, or its whole image in a pre-cropped release.

        A `given` box that only stands in for a face the detector did not find (`n_faces` 0) does not count.
        """
        return self.status in OBSERVED or (self.status == "given" and self.n_faces > 0)


@dataclass(frozen=True)
class ClipRecord:
    """A clip after extraction; written in the same transaction as its crops, so that its presence means "done".

    `status` is `ok`, `fta` (failure to acquire: decoded, no usable face) or `failed` (could not be decoded);
    `reason` says why in words. `selections` maps a frame rule (`ssdg(2)@decoded`) to the chosen frame indices.
    `n_frames` counts decoded frames; `scanned_all` tells whether every one of them was searched for a face.
    `rotation` is the clockwise quarter-turn in degrees that made the frames upright. `pixel_hash` covers the crops
    alone, so a recording copied under another name keeps it; `content_hash` covers the whole record too. `registered`
    (exact, scaled or none) is how depth and ir lie on rgb and `depth_unit` what a depth value means; both are empty
    where only rgb was stored.

    `way` is how the frames of a video were read (`fasdata.media.frame.way_read`). It is no content: it belongs to no
    hash, makes no two records differ, and is left out of the stored form where it is empty.
    """

    clip: Clip
    status: Literal["ok", "fta", "failed"]
    reason: str = ""
    n_frames: int = 0
    frame_rate: float = 0.0
    width: int = 0
    height: int = 0
    rotation: int = 0
    scanned_all: bool = False
    frames: tuple[FrameRecord, ...] = ()
    selections: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    registered: str = ""
    depth_unit: str = ""
    pixel_hash: str = ""
    content_hash: str = ""
    way: str = field(default="", compare=False)

    def frame(self, index: int) -> FrameRecord | None:
        """Return the record of frame `index`, or None if it was not scanned."""
        return next((frame for frame in self.frames if frame.index == index), None)


UNHASHED = ("size", "sharpness", "brightness")  # of a frame


def clip_record_to_json(record: ClipRecord, *, hashed: bool = False) -> dict[str, Any]:
    """Return a JSON-ready dictionary that `clip_record_from_json` reads back unchanged.

    With `hashed` it has only what a content hash covers.
    """
    # `dataclasses.asdict` copies every number on its own, and takes ten times as long.
    clip = {**record.clip.__dict__, "relpaths": dict(record.clip.relpaths), "fields": dict(record.clip.fields)}
    frames = [_frame_to_json(frame, hashed=hashed) for frame in record.frames]
    data = {**record.__dict__, "clip": clip, "frames": frames, "selections": dict(record.selections)}
    if hashed or not data["way"]:
        del data["way"]
    return data


def _frame_to_json(frame: FrameRecord, *, hashed: bool) -> dict[str, Any]:
    data = {**frame.__dict__, "crop": None if frame.crop is None else dict(frame.crop.__dict__)}
    for name in UNHASHED:
        if hashed or data[name] is None:
            del data[name]
    return data


def clip_record_from_json(data: Mapping[str, Any]) -> ClipRecord:
    """Build a record from parsed JSON.

    Raises:
        KeyError, TypeError, ValueError: the data do not have the form of a clip record.
    """
    frames = tuple(_frame_from_json(frame) for frame in data["frames"])
    selections = {str(rule): tuple(int(i) for i in indices) for rule, indices in data["selections"].items()}
    scalars = {k: v for k, v in data.items() if k not in ("clip", "frames", "selections", "notes")}
    return ClipRecord(
        clip=Clip(**data["clip"]), frames=frames, selections=selections, notes=tuple(data["notes"]), **scalars
    )


def _frame_from_json(data: Mapping[str, Any]) -> FrameRecord:
    values = {**_FRAME_DEFAULTS, **data}
    if values.keys() != _FRAME_NAMES:
        raise TypeError(
            f"a frame record has missing or unknown keys: {', '.join(sorted(values.keys() ^ _FRAME_NAMES))}"
        )
    crop, box, landmarks = values["crop"], values["box"], values["landmarks"]
    if landmarks and len(landmarks) not in (2, 5):
        raise ValueError(f"a face has five landmarks, its two eyes, or none; here are {len(landmarks)}")
    values["box"] = tuple(box) if box else None
    values["landmarks"] = tuple([(float(x), float(y)) for x, y in landmarks]) if landmarks else None
    if values["size"] is not None:
        width, height = values["size"]
        values["size"] = (width, height)
    if crop:
        values["crop"] = CropRecord(tuple(crop["region"]), crop["scale"], crop["codec"], tuple(crop["modalities"]))
    # A million frames are read to build a protocol: filling the new object at once takes half the time of __init__.
    frame = object.__new__(FrameRecord)
    frame.__dict__.update(values)
    return frame


_FRAME_NAMES = {attribute.name for attribute in fields(FrameRecord)}
_FRAME_DEFAULTS = {
    attribute.name: attribute.default for attribute in fields(FrameRecord) if attribute.default is not MISSING
}
