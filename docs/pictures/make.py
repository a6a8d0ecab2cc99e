"""Make the pictures of the site from the synthetic world. No face in them belongs to a person.

Run in the folder of the ten minutes, once `sweeps/table` (a paper's table) and `sheet.html` (own data) are there:

    python CHECKOUT/docs/pictures/make.py [faces views report table sheet]

Pages are photographed with Chromium through playwright; `--chromium PATH` names one that is installed.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import fasdata

HERE = Path(__file__).resolve().parent
DATASETS = ("CASIA-FASD", "Replay-Attack", "OULU-NPU", "MSU-MFSD")
VIEWS = ("mxnet-256", "fas-256", "box", "square")
SIDE = 96
COLOURS = 48


def square(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return an RGB image as a square of `side` pixels."""
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def faces() -> np.ndarray:
    """Two clips of each dataset: bona fide above, attacks below."""
    rows = []
    with fasdata.open("data") as library:
        for label in ("bonafide", "attack"):
            clips = [clip for name in DATASETS for clip in list(library[name].select(label=label, status="ok"))[:2]]
            rows.append(np.hstack([square(clip.frames[0].image) for clip in clips]))
    return np.vstack(rows)


def views() -> np.ndarray:
    """One stored crop, and what views make of it."""
    with fasdata.open("data") as library:
        frame = library["OULU-NPU"].select(label="bonafide", status="ok")[0].frames[0]
        return np.hstack([square(frame.image, 192), *(square(frame.view(name), 192) for name in VIEWS)])


def photograph(page: Path, name: str, size: tuple[int, int], chromium: str) -> None:
    """Write the top of a page as a picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium or None, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": size[0], "height": size[1]})
        tab.goto(page.resolve().as_uri())
        picture = Image.open(io.BytesIO(tab.screenshot()))
        browser.close()
    # Pages are text and few colours: a palette makes the file a third.
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(HERE / f"{name}.png", optimize=True)


def main() -> None:
    """Make the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=["faces", "views", "report", "table", "sheet"])
    parser.add_argument("--chromium", default="")
    options = parser.parse_args()
    for name in options.names:
        if name in ("faces", "views"):
            picture = {"faces": faces, "views": views}[name]()
            cv2.imwrite(
                str(HERE / f"{name}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88]
            )
        elif name == "report":
            photograph(Path("runs/erm/report.html"), name, (1000, 900), options.chromium)
        elif name == "table":
            words = ["fastrain", "compare", "sweeps/table", "--published", "--out", "table.html"]
            subprocess.run([sys.executable, "-m", *words], check=True)
            photograph(Path("table.html"), name, (900, 720), options.chromium)
        else:
            photograph(Path("sheet.html"), name, (1000, 900), options.chromium)


if __name__ == "__main__":
    main()
