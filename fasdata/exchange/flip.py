"""Write the layout of few-shot FAS, FLIP and ME-FAS: single pictures, and lists with the label in their name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fasdata.datasets.rule import Form
from fasdata.exchange.layout import Layout, Picture, Unit
from fasdata.exchange.names import NameRule, fill, read_names
from fasdata.exchange.sample import ExportClip, ExportFrame
from fasdata.lists.write import list_line

_WCS = "WCS"  # their code looks here for every dataset that it has no name for
_PAIR = "_frame{}.png"  # at test their code asks for the second frame by replacing the number in the first one's name
_DATE = re.compile(r"(?<!\d)\d\d\.\d\d\.\d\d(?!\d)")
_NO_DATE = "00.00.00"
_CLASS = {True: "real", False: "fake"}


class Dataset(Form):
    """One dataset: its benchmark's folder, the name in its lists, and the paths of its pictures."""

    root: str
    name: str
    names: list[NameRule]


class Names(Form):
    """Datasets by slug."""

    datasets: dict[str, Dataset]


class Flip(Layout):
    """`MCIO/frame/<dataset>/<split>/<real|fake>/<video>_frame<n>.png`, lists in `MCIO/txt/`, and the same below `WCS/`.

    The same lists lie in `json/` as objects with photo_path, photo_label and photo_belong_to_video_ID.
    """

    name = "flip"
    reads = "few-shot FAS, FLIP and ME-FAS"
    labels = "lists named real (read as 1) and fake (read as 0); in json photo_label 1 is bona fide, 0 attack"
    side = 224
    codecs = ("jpeg:98",)  # of pictures that the lists call jpg; those they call png are png

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._names = read_names("flip", Names)

    @classmethod
    def default_view(cls, meta: Mapping[str, Any]) -> str:
        # Released crops are resized as they are; ME-FAS cuts the box; the others align by landmarks.
        boxed = meta["pool"] == "mm" or meta["recipe"]["name"] == "me_fas"
        return "box-224" if boxed else "mxnet-256"

    def units(self, clips: Sequence[ExportClip]) -> list[Unit]:
        made = super().units(clips)
        stand_ins = sum(len(unit.pictures) > len(unit.clips[0].frames) for unit in made)
        if stand_ins:
            self.notes.append(
                f"{stand_ins} test clips have one frame: it is written as frame1 too, which few-shot FAS and FLIP "
                "open; clip scores stay the same"
            )
        more = sum(len(clip.frames) > 2 for clip in clips if clip.part == "test" and self._paired(clip))
        if more:
            self.notes.append(
                f"{more} test clips have more than two frames: few-shot FAS and FLIP average only two for a clip score"
            )
        if not any(clip.is_shot for clip in clips):
            self.notes.append(
                "no shot lists: their code opens the lists of its own repository, even where it does not use them"
            )
        if any(path.endswith(".jpg") for unit in made for path in unit.files):
            self.notes.append(f"pictures with names in jpg are {self.context.codec}, the others png")
        return made

    def place(self, clip: ExportClip) -> list[Picture]:
        frames = list(clip.frames)
        if clip.part == "test" and len(frames) == 1 and self._paired(clip):
            frames *= 2
        return [Picture(frame, "rgb", self._path(clip, frame, place)) for place, frame in enumerate(frames)]

    def lists(self, units: Sequence[Unit]) -> dict[str, bytes]:
        """Return the text lists by dataset, label and part, and the JSON lists by dataset and part."""
        lines: dict[str, list[str]] = {}
        objects: dict[str, list[dict[str, object]]] = {}
        for unit in units:
            clip = unit.clips[0]
            dataset = self._dataset(clip.dataset)
            part = "shot" if clip.is_shot else clip.part
            text_list = lines.setdefault(f"{dataset.root}/txt/{dataset.name}_{_CLASS[clip.is_bonafide]}_{part}.txt", [])
            json_list = objects.setdefault(f"{dataset.root}/json/{dataset.name}_{part}.json", [])
            clip_number = json_list[-1]["photo_belong_to_video_ID"] + 1 if json_list else 0  # type: ignore[operator]
            for picture in unit.pictures[: len(clip.frames)]:
                path = picture.path.removeprefix(f"{dataset.root}/frame/")
                text_list.append(list_line("flip", [path], int(clip.is_bonafide)))
                json_list.append(
                    {
                        "photo_path": path,
                        "photo_label": int(clip.is_bonafide),
                        "photo_belong_to_video_ID": clip_number,
                    }
                )
        made = {name: "\n".join(of) + "\n" for name, of in lines.items()}
        made.update({name: json.dumps(of, indent=1) + "\n" for name, of in objects.items()})
        return {name: text.encode() for name, text in made.items()}

    def _paired(self, clip: ExportClip) -> bool:
        return self._path(clip, clip.frames[0], 0).endswith(_PAIR.format(0))

    def _path(self, clip: ExportClip, frame: ExportFrame, ordinal: int) -> str:
        dataset, own = self._dataset(clip.dataset), _CLASS[clip.is_bonafide]
        values = {"class": own, "part": clip.part, "split": clip.split_official or clip.part}
        values |= {"ordinal": str(ordinal), "frame": str(frame.index)}
        if any("{name}" in rule.path or "{date}" in rule.path for rule in dataset.names):
            record = self.context.record(clip)
            named, date = record.frame(frame.index), _DATE.search(record.clip.relpaths["rgb"])
            values |= {"name": (named and named.name) or str(frame.index), "date": date[0] if date else _NO_DATE}
        path = fill(dataset.names, clip.clip_id, values)
        return f"{dataset.root}/frame/{path or f'{dataset.name}/{clip.part}/{own}/{clip.clip_id}_{ordinal:02d}.jpg'}"

    def _dataset(self, slug: str) -> Dataset:
        return self._names.datasets.get(slug) or Dataset(root=_WCS, name=slug, names=[])
