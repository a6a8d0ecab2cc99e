"""A small raw dataset with a file of its faces: extraction without a network takes a fraction of a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fasdata.datasets.registry import find_card
from fasdata.extract.executor import Executor
from fasdata.extract.extraction import ExtractPlan, ExtractReport, plan_extract, run_extract
from fasdata.extract.settings import ExtractSettings
from fasdata.library import Library
from fasdata.protocols.sampling import parse_rules
from fasdata.store.check import check_store
from fasdata.store.reader import Store
from tests.videos import write_video

FRAMES, HEIGHT, WIDTH = 12, 48, 64
PEOPLE = ("anna", "Bert Ö. Ärger", "陈 小明")
FEW = "ssdg(2)@decoded + linspace(2)@with_face"
MORE = "every(5)@decoded + quarter@with_face"


def write_raw(root: Path, takes: int = 3) -> int:
    """Write videos in the layout of `folder` and `faces.json` beside them; return how many.

    One clip shows no face, one only in its middle, one on every other frame, one is cut off, one is empty and one is
    no video at all.
    """
    lines, number = [], 0
    for label in ("bonafide", "attack"):
        for person in PEOPLE:
            for take in range(takes):
                name = f"train/{label}/{person}/take {take} é.avi"
                path = write_video(root / name, _frames(number))
                faces = [_face(number, index) for index in range(FRAMES)]
                match number:
                    case 1:
                        faces = []
                    case 2:
                        faces = faces[5:8]
                    case 3:
                        faces = faces[::2]
                    case 4:
                        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
                    case 5:
                        path.write_bytes(b"")
                    case 6:
                        path.write_bytes(b"PK\x03\x04 this is an archive " * 99)
                lines.append((name, faces))
                number += 1
    ids = {clip.relpaths["rgb"]: clip.clip_id for clip in scanned(root)}
    text = "".join(json.dumps({"clip": ids[name], "faces": faces}) + "\n" for name, faces in lines)
    (root / "faces.json").write_text(text, encoding="utf-8")
    return number


def scanned(root: Path):  # type: ignore[no-untyped-def]
    """The clips of the tree."""
    from fasdata.datasets.scan import scan

    return scan(find_card("folder"), root).clips


def planned(root: Path, out: Path, rules: str = FEW, *, dataset: str = "folder", **options: object) -> ExtractPlan:
    """Plan an extraction, with the faces beside the videos unless the options name another detector."""
    known = {"detector": "json", "detector_model": str(root / "faces.json")}
    chosen = options if "detector" in options else {**known, **options}
    settings = ExtractSettings(tuple(parse_rules(rules)), **chosen)  # type: ignore[arg-type]
    return plan_extract(find_card(dataset), root, Library(out), settings)


def extract(
    root: Path, out: Path, rules: str = FEW, *, workers: int = 0, retry_failed: bool = False, **options: object
) -> ExtractReport:
    """Extract into the library `out`, in this process unless there are workers."""
    plan = planned(root, out, rules, **options)
    return run_extract(plan, root, executor=Executor(workers=workers), retry_failed=retry_failed)


def store_of(out: Path, dataset: str = "folder") -> Path:
    """The folder of the store in the library `out`."""
    return out / dataset


def sound_hash(out: Path, dataset: str = "folder") -> str:
    """Check the store with all hashes computed anew; return its content hash."""
    report = check_store(store_of(out, dataset), rehash=True)
    assert report.intact, report.problems
    assert Store.open(store_of(out, dataset)).content_hash() == report.content_hash
    return report.content_hash


def _frames(number: int) -> list[np.ndarray]:
    noise = np.random.default_rng(number)
    return [noise.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(FRAMES)]


def _face(number: int, index: int) -> dict[str, object]:
    x, y = 8 + number % 9 + index, 6 + number % 5
    points = [[x + 4, y + 6], [x + 12, y + 6], [x + 8, y + 10], [x + 5, y + 14], [x + 11, y + 14]]
    return {"frame": index, "box": [x, y, x + 16, y + 20], "landmarks": points, "score": 0.9}
