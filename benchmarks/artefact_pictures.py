"""The picture of every print and screen artefact in `benchmarks/README.md`: a rendered face, as it is and changed.

    python benchmarks/artefact_pictures.py --out benchmarks/artefacts.png
    python benchmarks/artefact_pictures.py --seconds     # what a changed picture of 256 pixels costs

No real person is in it: the face is that of the procedural world (`fasdata synth`).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from fasdata.synth.presentation.bona_fide import ClipSpec
from fasdata.synth.presentation.clip import render_clip
from fastrain.augmentation import Artefacts
from fastrain.data.artefacts import Artefact

SIDE, SHOWN = 256, 176  # pixels of the view, and of its middle that is shown, one to one
OFF: dict[str, Any] = {"printer": None, "halftone": None, "display": None, "moire": None, "recapture": None}
PANELS: dict[str, dict[str, Any] | None] = {
    "as it is": None,
    "printer": {"printer": {}},
    "halftone": {"halftone": {}},
    "print, taken again": {"printer": {}, "halftone": {}, "recapture": {}},
    "recapture": {"recapture": {}, "label": "keep"},
    "display": {"display": {}},
    "moire": {"moire": {}},
    "display, taken again": {"display": {}, "moire": {}, "recapture": {}},
}


def face(subject: str, name: str) -> np.ndarray:
    """Return a rendered face, RGB of SIDE pixels."""
    shot = next(iter(render_clip(ClipSpec("oulu-npu", subject, name, "bonafide", 1), seed=7)))
    x0, y0, x1, y1 = shot.box
    middle, half = ((x0 + x1) // 2, (y0 + y1) // 2), int(0.62 * max(x1 - x0, y1 - y0))
    cut = shot.picture[max(0, middle[1] - half) : middle[1] + half, max(0, middle[0] - half) : middle[0] + half]
    return cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA if cut.shape[0] > SIDE else cv2.INTER_CUBIC)


def changed(image: np.ndarray, settings: dict[str, Any] | None, seed: int) -> np.ndarray:
    """Return the picture after the steps of `settings` alone."""
    if settings is None:
        return image
    config = Artefacts.model_validate({**OFF, **settings})
    return Artefact.draw(config, np.random.default_rng(seed)).colour(image)


def grid(image: np.ndarray, seed: int) -> Image.Image:
    """Return all panels, named, in two rows."""
    columns, cut, line = len(PANELS) // 2, (SIDE - SHOWN) // 2, 16
    sheet = Image.new("RGB", (columns * SHOWN, 2 * (SHOWN + line)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (name, settings) in enumerate(PANELS.items()):
        x, y = place % columns * SHOWN, place // columns * (SHOWN + line)
        panel = changed(image, settings, seed)[cut : cut + SHOWN, cut : cut + SHOWN]
        sheet.paste(Image.fromarray(np.ascontiguousarray(panel)), (x, y + line))
        draw.text((x + 4, y + 2), name, fill="black")
    return sheet


def seconds(image: np.ndarray, repetitions: int = 60) -> None:
    """Print the processor milliseconds of each panel."""
    for name, settings in PANELS.items():
        if settings is not None:
            start = time.process_time()
            for seed in range(repetitions):
                changed(image, settings, seed)
            print(f"{name:22} {1000 * (time.process_time() - start) / repetitions:6.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--seconds", action="store_true")
    asked = parser.parse_args()
    image = face("7", "picture")
    if asked.seconds:
        seconds(image)
    if asked.out:
        grid(image, asked.seed).quantize(256, kmeans=2, dither=Image.Dither.NONE).save(asked.out, optimize=True)
        print(f"{asked.out}: {asked.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
