"""Four small datasets of rendered people, found and stored as any own data are: a world to train a toy run in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fasdata.library import Library
from fastrain.bundle.scenes import with_modalities
from fastrain.conformance.toys import MODALITIES

DATASETS = {  # and the place they look like
    "toy-a": "casia-fasd",
    "toy-b": "replay-attack",
    "toy-c": "oulu-npu",
    "toy-d": "msu-mfsd",
}
PROTOCOL = "toy-a + toy-b + toy-c to toy-d"
PEOPLE = 4
FRAMES = "linspace(2)"
KINDS = {"bonafide": "bonafide", "attack": "print-flat"}


def world_in(folder: Path) -> Library:
    """Return the library of the datasets below `folder`; they are made the first time.

    Each has a picture of colour, depth and infrared of every person, bona fide and printed; their faces are searched
    for by the default detector.
    """
    library = Library(folder / "library")
    for name, place in DATASETS.items():
        if not library.store_dir(name).is_dir():
            raw = folder / "raw" / name
            table = _table(raw, place)
            _extract(name, table, raw, library)
    return library


def picture_of(folder: Path) -> dict[str, Path]:
    """Return the files of a bona fide picture of the target, by modality."""
    return {name: folder / "raw" / "toy-d" / f"p0-bonafide-{name}.png" for name in MODALITIES}


def _table(raw: Path, place: str) -> Path:
    raw.mkdir(parents=True)
    rows = ["path,depth,ir,label,attack_type,subject"]
    for person in range(PEOPLE):
        for label, kind in KINDS.items():
            names = [f"p{person}-{label}-{modality}.png" for modality in MODALITIES]
            for name, image in zip(names, _images(place, person, kind), strict=True):
                _write(raw / name, image)
            rows.append(",".join([*names, label, "" if label == "bonafide" else "print", f"p{person}"]))
    table = raw.parent / f"{raw.name}.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def _images(place: str, person: int, kind: str) -> Iterator[np.ndarray]:
    from fasdata.synth.presentation.bona_fide import ClipSpec
    from fasdata.synth.presentation.clip import render_clip

    spec = ClipSpec(place, str(person + 1), f"toy-{person}-{kind}", kind, 1)  # type: ignore[arg-type]
    picture = np.ascontiguousarray(next(render_clip(spec, 5)).picture)
    yield from with_modalities(picture, MODALITIES).values()


def _write(path: Path, image: np.ndarray) -> None:
    from fasdata.store.codec import encode

    path.write_bytes(encode(image, "png"))


def _extract(name: str, table: Path, raw: Path, library: Library) -> None:
    from fasdata.datasets.registry import find_card
    from fasdata.extract.executor import Executor
    from fasdata.extract.extraction import plan_extract, run_extract, settings_for

    card = find_card(name, table)
    settings = settings_for(card.slug, FRAMES, card.protocol)
    run_extract(plan_extract(card, raw, library, settings), raw, executor=Executor())
