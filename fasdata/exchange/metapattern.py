"""Write the layout of HFN_MP (MetaPattern_FAS): a zip of face pictures for each video, csv lists, a protocol file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fasdata.datasets.rule import Form
from fasdata.exchange.layout import Layout, Picture, Unit, put
from fasdata.exchange.names import NameRule, clip_path, fill, read_names
from fasdata.exchange.pictures import Pictures
from fasdata.exchange.sample import ExportClip
from fasdata.lists.write import list_line

CHIPS = "align"  # the sub-folder of the face pictures, as its extraction script names it
_SOURCES = 3  # number of source domains that its trainer has variables for


class Lists(Form):
    """File names of the lists of one dataset: everything, bona fide, attacks."""

    all: str
    real: str
    fake: str


class Dataset(Form):
    """One dataset: the folder of its zips, its lists, and the paths of its videos there."""

    folder: str
    lists: Lists
    names: list[NameRule]


class Names(Form):
    """Datasets by slug, and the number of each attack type in the lists."""

    codes: dict[str, int]
    datasets: dict[str, Dataset]


class MetaPattern(Layout):
    """`align/+DATASET/<video>.zip` holds `<frame>.png` in order and `info.txt` (pictures, tab, decoded frames)."""

    name = "metapattern"
    reads = "HFN_MP (MetaPattern_FAS, its zip reader)"
    labels = "second column of the lists: bona fide 0; attacks 1 print, 2 replay, 3 any other"
    side = 256

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._names = read_names("metapattern", Names)

    @classmethod
    def default_view(cls, meta: Mapping[str, Any]) -> str:
        return "mxnet-256"

    def units(self, clips: Sequence[ExportClip]) -> list[Unit]:
        sources = len({clip.domain for clip in clips if clip.part == "train"})
        if sources != _SOURCES:
            self.notes.append(f"its trainer is written for {_SOURCES} source domains; here there are {sources}")
        if any(clip.part == "val" for clip in clips):
            self.notes.append("its trainer reads no validation clips: these are in the lists named VAL")
        return super().units(clips)

    def _unit(self, clip: ExportClip) -> Unit:
        dataset = self._dataset(clip.dataset)
        path = fill(dataset.names, clip.clip_id, {}) or clip_path(clip.clip_id)
        archive = f"{CHIPS}/{dataset.folder}/{path}.zip"
        pictures = [Picture(frame, "rgb", f"{archive}!{frame.index}{self.suffix}") for frame in clip.frames]
        return Unit(f"{clip.dataset}/{clip.clip_id}", (clip,), tuple(pictures), (archive,))

    def write(self, unit: Unit, pictures: Pictures, stage: Path) -> None:
        """Write the zip of a clip: its pictures by frame number, then `info.txt`."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for picture in sorted(unit.pictures, key=lambda picture: picture.frame.index):
                data = self.encoded(pictures.image(picture.frame.place, "rgb"), picture)
                archive.writestr(_member(picture.path.rpartition("!")[2]), data)
            counts = f"{len(unit.pictures)}\t{unit.clips[0].n_frames}"
            archive.writestr(_member("info.txt"), counts)
        put(stage / unit.files[0], file.getvalue())

    def lists(self, units: Sequence[Unit]) -> dict[str, bytes]:
        """Return the lists of sources (by label), target and validation, and the protocol file that refers to them."""
        lines: dict[str, list[str]] = {}
        for unit in units:
            clip = unit.clips[0]
            lines.setdefault(self._list_of(clip, self._kind(clip)), []).append(self._line(unit))
        made = {f"data_list/{name}.csv": "\n".join(of) + "\n" for name, of in lines.items()}
        made["protocol.yaml"] = self._protocol([unit.clips[0] for unit in units])
        return {name: text.encode() for name, text in made.items()}

    def _line(self, unit: Unit) -> str:
        clip, codes = unit.clips[0], self._names.codes
        number = codes["bonafide"] if clip.is_bonafide else codes.get(clip.attack_type, codes["other"])
        path = unit.files[0].removeprefix(CHIPS)  # begins with a slash: its reader appends it to the folder unchanged
        return list_line("metapattern", [path], number, faces=len(unit.pictures), frames=clip.n_frames)

    def _kind(self, clip: ExportClip) -> str:
        return ("real" if clip.is_bonafide else "fake") if clip.part == "train" else clip.part

    def _list_of(self, clip: ExportClip, kind: str) -> str:
        lists = self._dataset(clip.dataset).lists
        name = {"real": lists.real, "fake": lists.fake, "test": lists.all, "val": f"{lists.all}-VAL"}[kind]
        return f"{name}-SHOTS" if clip.is_shot else name

    def _protocol(self, clips: Sequence[ExportClip]) -> str:
        """Return the part of its configuration that has folders and lists, relative to the export."""
        firsts: dict[tuple[str, int], ExportClip] = {}
        for clip in clips:
            firsts.setdefault((clip.part, clip.domain_id), clip)
        lines = ["# Paths are relative to this folder.", "DATA:", "  ROOT_DIR: .", f"  SUB_DIR: {CHIPS}"]
        sources = [clip for (part, _), clip in sorted(firsts.items()) if part == "train"]
        for kind in ("fake", "real"):
            lines += [
                f"  TRAIN_SRC_{kind.upper()}_{place}: data_list/{self._list_of(clip, kind)}.csv"
                for place, clip in enumerate(sources, 1)
            ]
        targets = [clip for (part, _), clip in sorted(firsts.items()) if part == "test"]
        lines += [f"  TARGET_DATA: data_list/{self._list_of(clip, 'test')}.csv" for clip in targets[:1]]
        return "\n".join(lines) + "\n"

    def _dataset(self, slug: str) -> Dataset:
        lists = Lists(all=slug.upper(), real=f"{slug.upper()}-REAL", fake=f"{slug.upper()}-FAKE")
        return self._names.datasets.get(slug) or Dataset(folder=f"+{slug.upper()}", lists=lists, names=[])


def _member(name: str) -> zipfile.ZipInfo:
    """Return a member of a zip without the time or the machine of writing."""
    info = zipfile.ZipInfo(name)  # 1980-01-01; pictures are compressed already
    info.create_system, info.external_attr = 3, 0o644 << 16
    return info
