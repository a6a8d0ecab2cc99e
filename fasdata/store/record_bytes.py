"""Write clip records as bytes and read them back, with every type and size checked."""

from __future__ import annotations

import re
from typing import get_args

from fasdata.datasets.tree import CLIP_ID
from fasdata.errors import UserError
from fasdata.foreign import quick_json
from fasdata.records import MODALITIES, Clip, ClipRecord, FaceStatus, FrameRecord, clip_record_from_json
from fasdata.records import clip_record_to_json as as_json
from fasdata.store.info import canonical_json

MOST_FRAMES = 10_000_000  # of one clip: four days of video
FARTHEST = 1_000_000  # pixels
_FAR_SQUARED = FARTHEST**2
_FACES = frozenset(get_args(FaceStatus))
_HASH = re.compile(r"(?:[0-9a-f]{64})?")
_PHASH = re.compile(r"(?:[0-9a-f]{16})?")
_PLAIN = (int, float)  # `type(x) in _PLAIN` keeps bool out


def to_bytes(record: ClipRecord, *, hashed: bool = False) -> bytes:
    """Return a record as a store holds it; with `hashed` only what its content hash covers."""
    return canonical_json(as_json(record, hashed=hashed)).encode()


def from_bytes(value: bytes, where: str, clip_id: str = "") -> ClipRecord:
    """Return the record held in `value`; `where` names it in errors.

    Raises:
        UserError: not JSON, not the form of a record, values of another type or out of range, a path that leaves
            its root, or a record of another clip than `clip_id` (where that is given).
    """
    try:
        data = quick_json(value)
        _need(type(data) is dict and type(data.get("frames")) is type(data.get("notes")) is list, "a record", data)
        record = clip_record_from_json(data)
        _clip(record.clip)
        _recording(record)
        for frame in record.frames:
            _frame(frame)
        _need(not clip_id or record.clip.clip_id == clip_id, "a record of this clip", record.clip.clip_id)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"the clip record {where} is damaged or foreign",
            found=" ".join(f"{type(error).__name__}: {error}".split())[:200],
            do="run 'fasdata store check --repair', then extract again",
        ) from None
    return record


def _need(holds: bool, expected: str, value: object) -> None:
    if not holds:
        raise ValueError(f"expected {expected}, not {str(value)[:60]!r}")


def _clip(clip: Clip) -> None:
    _need(isinstance(clip.clip_id, str) and bool(CLIP_ID.fullmatch(clip.clip_id)), "a clip id", clip.clip_id)
    texts = (clip.dataset, clip.split, clip.label, clip.attack_type, clip.pai, clip.subject, clip.layout)
    _need(all(type(text) is str for text in texts), "texts", texts)
    for pairs in (clip.relpaths, clip.fields):
        _need(type(pairs) is dict and all(type(text) is str for text in (*pairs, *pairs.values())), "texts", pairs)
    for path in clip.relpaths.values():
        inside = path and path[0] != "/" and "\0" not in path and ".." not in path.split("/")
        _need(bool(inside), "a path below the dataset's root", path)


def _recording(record: ClipRecord) -> None:
    _need(record.status in ("ok", "fta", "failed"), "ok, fta or failed", record.status)
    texts = (record.reason, record.registered, record.depth_unit, record.way, *record.notes)
    _need(all(type(text) is str for text in texts), "texts", texts)
    _need(_whole(record.n_frames, MOST_FRAMES), "a number of frames", record.n_frames)
    _need(_whole(record.width, FARTHEST) and _whole(record.height, FARTHEST), "a size in pixels", record.width)
    _need(type(record.frame_rate) in _PLAIN and 0 <= record.frame_rate < 1e6, "a frame rate", record.frame_rate)
    _need(record.rotation in (0, 90, 180, 270), "a quarter turn", record.rotation)
    _need(type(record.scanned_all) is bool, "true or false", record.scanned_all)
    for digest in (record.pixel_hash, record.content_hash):
        _need(bool(_HASH.fullmatch(digest)), "a hash", digest)
    _need(len(record.frames) <= MOST_FRAMES, "fewer frames", len(record.frames))
    _need(len({frame.index for frame in record.frames}) == len(record.frames), "every frame once", "one that repeats")
    for rule, selected in record.selections.items():
        _need(all(0 <= index < MOST_FRAMES for index in selected), f"the frames of {rule}", selected)


def _frame(frame: FrameRecord) -> None:
    """Check a frame by plain comparisons, named only together: a protocol reads a million frames."""
    box, points, crop = frame.box, frame.landmarks, frame.crop
    sound = (
        type(frame.index) is int
        and 0 <= frame.index < MOST_FRAMES
        and type(frame.pts) in _PLAIN
        and -1e9 < frame.pts < 1e9
        and frame.status in _FACES
        and type(frame.score) in _PLAIN
        and 0 <= frame.score <= 1
        and type(frame.n_faces) is int
        and 0 <= frame.n_faces < FARTHEST
        and type(frame.shift) is int
        and -MOST_FRAMES < frame.shift < MOST_FRAMES
        and type(frame.dark) is bool
        and type(frame.name) is str
        and _PHASH.fullmatch(frame.phash)
        # Sums of squares: one comparison finds what is too far, infinite or no number.
        and (box is None or (len(box) == 4 and sum([x * x for x in box]) < _FAR_SQUARED))
        and (points is None or sum([x * x + y * y for x, y in points]) < _FAR_SQUARED)
        and (frame.size is None or all(type(x) is int and 0 < x < FARTHEST for x in frame.size))
        and (frame.sharpness is None or (type(frame.sharpness) in _PLAIN and 0 <= frame.sharpness < 1e9))
        and (frame.brightness is None or (type(frame.brightness) in _PLAIN and 0 <= frame.brightness <= 255))
    )
    if sound and crop is not None:
        x0, y0, x1, y1 = crop.region
        sound = (
            all(type(x) is int for x in crop.region)
            and 0 <= x0 < x1 < FARTHEST
            and 0 <= y0 < y1 < FARTHEST
            and type(crop.scale) in _PLAIN
            and 0 < crop.scale <= 1000
            and type(crop.codec) is str
            and len(crop.modalities) > 0
            and all(name in MODALITIES for name in crop.modalities)
            and len(set(crop.modalities)) == len(crop.modalities)
        )
    _need(bool(sound), "a frame's values in their ranges", frame)


def _whole(value: object, most: int) -> bool:
    return type(value) is int and 0 <= value <= most
