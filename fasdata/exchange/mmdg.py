"""Write the layout of MMDGFAS and of the mmdg benchmark: a folder for each modality, and lists of triplets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from fasdata.datasets.rule import Form
from fasdata.errors import UserError
from fasdata.exchange.layout import Layout, Picture, Unit, put
from fasdata.exchange.names import clip_path, read_names
from fasdata.exchange.pictures import Pictures
from fasdata.exchange.sample import ExportClip
from fasdata.lists.write import list_line
from fasdata.records import MODALITIES

_FOLDERS = {"rgb": "color", "depth": "depth", "ir": "ir"}
_BENCHMARK = "MMDG-Benchmark"


class Dataset(Form):
    """One dataset: its root, the list of each part below it, and the folder that the paths of a list start from."""

    folder: str
    lists: dict[str, str]
    letter: str = ""
    images: dict[str, str] = Field(default_factory=dict)


class Names(Form):
    """Datasets by slug."""

    datasets: dict[str, Dataset]


class Mmdg(Layout):
    """`<root>/…/<clip>/{color,depth,ir}/<frame>.png` and lists `color depth ir label`.

    A modality that a frame lacks, or that the protocol masks, is a black picture. `MMDG-Benchmark/` has
    lists under the benchmark's names (`W-test.txt`), whose paths start at the export's folder.
    """

    name = "mmdg"
    reads = "MMDGFAS"
    labels = "last column of the lists: bona fide 1, attack 0"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._names = read_names("mmdg", Names)

    @classmethod
    def default_view(cls, meta: Mapping[str, Any]) -> str:
        return "native"

    def units(self, clips: Sequence[ExportClip]) -> list[Unit]:
        frames = [frame for clip in clips for frame in clip.frames]
        if not any(set(frame.modalities) - {"rgb"} for frame in frames):
            raise UserError(
                "the layout mmdg has colour, depth and infrared",
                found="colour alone in this manifest",
                do="choose a protocol of the pool mm, e.g. --protocol SCP2W",
            )
        missing = sum(len(set(MODALITIES) - set(frame.modalities)) for frame in frames)
        if missing:
            self.notes.append(f"{missing} pictures of missing or masked modalities are black, as in the benchmark")
        targets = sorted({clip.dataset for clip in clips if clip.part == "test"} - self._validated(clips))
        if targets:
            self.notes.append(
                f"its training tests {', '.join(targets)} on the list called val: here this list holds the test part"
            )
        return super().units(clips)

    def place(self, clip: ExportClip) -> list[Picture]:
        dataset = self._dataset(clip.dataset)
        start = "/".join(filter(None, (dataset.folder, self._images(dataset, clip.part), clip_path(clip.clip_id))))
        return [
            Picture(frame, name, f"{start}/{_FOLDERS[name]}/{frame.index:04d}{self.suffix}")
            for frame in clip.frames
            for name in MODALITIES
        ]

    def write(self, unit: Unit, pictures: Pictures, stage: Path) -> None:
        """Write the pictures of a clip; a modality that a frame lacks is black and of the size of its colour."""
        shapes: dict[str, tuple[int, ...]] = {}
        for picture in unit.pictures:  # colour comes first in every frame
            frame, modality = picture.frame, picture.modality
            if modality == "rgb" or modality in frame.modalities:
                image = pictures.image(frame.place, modality)
                shapes.setdefault(frame.sample_id, image.shape[:2])
            else:
                image = np.zeros(shapes[frame.sample_id], np.uint8)
            put(stage / picture.path, self.encoded(image, picture))

    def lists(self, units: Sequence[Unit]) -> dict[str, bytes]:
        """Return the lists of MMDGFAS and those of the benchmark, which have the line ends of the published ones."""
        validated = self._validated([unit.clips[0] for unit in units])
        lines: dict[str, list[str]] = {}
        benchmark: dict[str, list[str]] = {}
        for unit in units:
            clip = unit.clips[0]
            dataset = self._dataset(clip.dataset)
            start = "/".join(filter(None, (dataset.folder, self._images(dataset, clip.part)))) + "/"
            for place in range(0, len(unit.pictures), len(MODALITIES)):
                paths = [picture.path for picture in unit.pictures[place : place + len(MODALITIES)]]
                own = list_line("columns", [path.removeprefix(start) for path in paths], int(clip.is_bonafide))
                for name in self._lists_of(dataset, clip, validated):
                    lines.setdefault(f"{dataset.folder}/{name}", []).append(own)
                name = f"{_BENCHMARK}/{dataset.letter or clip.dataset}-{clip.part}.txt"
                benchmark.setdefault(name, []).append(list_line("columns", paths, int(clip.is_bonafide)))
        made = {name: "\n".join(of) + "\n" for name, of in lines.items()}
        made.update({name: "\r\n".join(of) for name, of in benchmark.items()})
        return {name: text.encode() for name, text in made.items()}

    def _lists_of(self, dataset: Dataset, clip: ExportClip, validated: set[str]) -> list[str]:
        parts = [clip.part, "val"] if clip.part == "test" and clip.dataset not in validated else [clip.part]
        return [dataset.lists[part] for part in parts if part in dataset.lists]

    @staticmethod
    def _validated(clips: Sequence[ExportClip]) -> set[str]:
        """Return the datasets that have validation clips for their list val."""
        return {clip.dataset for clip in clips if clip.part == "val"}

    @staticmethod
    def _images(dataset: Dataset, part: str) -> str:
        """Return the folder of a part's pictures; test clips lie in that of the list val, which refers to them."""
        return dataset.images.get(part, dataset.images.get("val", ""))

    def _dataset(self, slug: str) -> Dataset:
        own = {part: f"{part}.txt" for part in ("train", "val", "test")}
        return self._names.datasets.get(slug) or Dataset(folder=slug, lists=own)
