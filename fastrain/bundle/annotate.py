"""Draw answers on the pictures and videos that they are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fasdata.datasets.tree import IMAGE, ending
from fasdata.errors import UserError
from fasdata.extract.clip_record import noted_turn
from fasdata.media.frame import UnreadableMedia, turn
from fasdata.media.readers import MediaForm, open_source
from fastrain.bundle.answers import Answer, Decision, FrameScore
from fastrain.bundle.predictor import Judged

COLOURS = {"bonafide": (40, 170, 60), "attack": (210, 45, 45), "no answer": (150, 150, 150)}


def annotate(judged: Judged, folder: Path, number: int) -> Path | None:
    """Write the recording with its answer drawn on it; return the file, None where it cannot be read.

    Raises:
        UserError: the folder cannot be written, or no video can be encoded here.
    """
    source_path = judged.recording.files["rgb"]
    try:
        source = open_source(MediaForm(), {"rgb": source_path})
    except (UnreadableMedia, UserError):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{number:04d}-{source_path.stem}"
    angle = noted_turn(judged.clip.record.notes)
    frames = (drawn(turn(frame.rgb, angle), judged.answer, frame.index) for frame in source.frames())
    try:
        if ending(source_path.name) in IMAGE:
            return _picture(next(frames, None), folder / f"{stem}.png")
        return _video(frames, folder / f"{stem}.mp4", source.frame_rate or 25.0)
    except UnreadableMedia:
        return None


def drawn(picture: np.ndarray, answer: Answer, index: int = 0) -> np.ndarray:
    """Return an rgb picture with box, score and decision; of a video frame `index` with those of the nearest frame."""
    import cv2

    canvas = np.ascontiguousarray(picture)
    colour = COLOURS[answer.word]
    width = max(2, round(max(canvas.shape[:2]) / 240))
    if isinstance(answer, Decision):
        frame = nearest_frame(answer, index)
        x0, y0, x1, y1 = (round(value) for value in frame.box)
        cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, width)
        text = f"{'bona fide' if answer.bonafide else 'attack'} {answer.score:.3f} (at {answer.threshold.value:.3f})"
    else:
        text = f"no answer: {answer.kind}"
    size = max(canvas.shape[:2]) / 900
    (across, down), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, max(1, width // 2))
    cv2.rectangle(canvas, (0, 0), (across + 8, down + base + 8), colour, -1)
    cv2.putText(canvas, text, (4, down + 4), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), max(1, width // 2))
    return canvas


def nearest_frame(answer: Decision, index: int) -> FrameScore:
    """Return the scored frame that is nearest to a place in the recording."""
    return min(answer.frames, key=lambda frame: abs(frame.index - index))


def _picture(image: np.ndarray | None, path: Path) -> Path | None:
    if image is None:
        return None
    from fasdata.store.codec import encode

    path.write_bytes(encode(image, "png"))
    return path


def _video(frames: Iterator[np.ndarray], path: Path, rate: float) -> Path | None:
    from fractions import Fraction

    import av

    first = next(frames, None)
    if first is None:
        return None
    height, width = (length // 2 * 2 for length in first.shape[:2])  # the usual colours have half as many pixels
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in _chained(first, frames):
            if image.shape[:2] == first.shape[:2]:
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
                container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def _chained(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest
