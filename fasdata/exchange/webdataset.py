"""Write tar shards for WebDataset: a sample is a picture of each modality and a JSON file under one key."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fasdata.exchange.layout import Layout, Picture, Unit
from fasdata.exchange.pictures import Pictures
from fasdata.exchange.sample import ExportClip, ExportFrame
from fasdata.manifests.meta import recipe_text

SHARD = 1000  # samples after which a new shard starts; a clip is never split


class WebDataset(Layout):
    """`<part>-<number>.tar`: of each frame `<dataset>/<clip>/<frame>.rgb.png` (`.depth.png`, `.ir.png`) and `.json`.

    Samples are in the order of the manifest, source after source: a reader that trains has to shuffle.
    """

    name = "webdataset"
    reads = "WebDataset readers"
    labels = "json: label 'bonafide' or 'attack', and cls 1 for bona fide, 0 for attack"

    @classmethod
    def default_view(cls, meta: Mapping[str, Any]) -> str:
        return "box-224" if meta["pool"] == "mm" else "fas-256"

    def units(self, clips: Sequence[ExportClip]) -> list[Unit]:
        self.notes.append("shards are sorted by source and clip: shuffle shards and samples when training")
        made = []
        for part in ("train", "val", "test"):
            shards: list[list[ExportClip]] = []
            held = SHARD
            for clip in clips:
                if clip.part != part:
                    continue
                if held >= SHARD:
                    shards.append([])
                    held = 0
                shards[-1].append(clip)
                held += len(clip.frames)
            made += [self._shard(f"{part}-{number:06d}.tar", of) for number, of in enumerate(shards)]
        return made

    def _shard(self, name: str, clips: Sequence[ExportClip]) -> Unit:
        pictures = [
            Picture(frame, modality, f"{name}!{_key(clip, frame)}.{modality}{self.suffix}")
            for clip in clips
            for frame in clip.frames
            for modality in frame.modalities
        ]
        return Unit(name, tuple(clips), tuple(pictures), (name,))

    def write(self, unit: Unit, pictures: Pictures, stage: Path) -> None:
        """Write a shard: for every frame its pictures, then its description."""
        shard = stage / unit.files[0]
        shard.parent.mkdir(parents=True, exist_ok=True)
        remaining = iter(unit.pictures)
        with tarfile.open(shard, "w", format=tarfile.PAX_FORMAT) as archive:
            for clip in unit.clips:
                for frame in clip.frames:
                    for _ in frame.modalities:
                        picture = next(remaining)
                        data = self.encoded(pictures.image(frame.place, picture.modality), picture)
                        _add(archive, picture.path.partition("!")[2], data)
                    text = json.dumps(self._description(clip, frame, pictures.view), sort_keys=True)
                    _add(archive, f"{_key(clip, frame)}.json", text.encode())

    def lists(self, units: Sequence[Unit]) -> dict[str, bytes]:
        return {}

    def _description(self, clip: ExportClip, frame: ExportFrame, view: str) -> dict[str, object]:
        place, meta = frame.place, self.context.meta
        points = [[x, y] if x == x else None for x, y in place.landmarks or ()]  # some releases have the eyes alone
        return {
            "sample_id": frame.sample_id, "dataset": clip.dataset, "clip_id": clip.clip_id, "part": clip.part,
            "domain": clip.domain, "domain_id": clip.domain_id, "split_official": clip.split_official,
            "subject": clip.subject, "label": clip.label, "cls": int(clip.is_bonafide),
            "attack_type": clip.attack_type, "pai": clip.pai, "frame_index": frame.index, "n_frames": clip.n_frames,
            "modalities": list(frame.modalities), "box": place.box, "landmarks": points or None,
            "det_score": frame.score, "face_status": frame.status, "frame_shift": frame.shift, "view": view,
            "protocol": meta["canonical"], "recipe": recipe_text(meta["recipe"]),
        }  # fmt: skip


def _key(clip: ExportClip, frame: ExportFrame) -> str:
    """Return the key of a sample; its last part has no dot, so that readers separate it from the endings correctly."""
    return f"{clip.dataset}/{clip.clip_id}/{frame.index:06d}"


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # no owner, mode 0644, time 0: the same bytes on every machine
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
