"""Read a folder as the published code does: what it opens, what it takes for a label, where it stops.

These readers get a folder only and share nothing with the code that wrote it.
"""

from __future__ import annotations

import csv
import re
import tarfile
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np


class Video(NamedTuple):
    """A video as a reader sees it: its name, its label (1 = bona fide), its pictures (RGB) by name."""

    name: str
    label: int
    pictures: dict[str, np.ndarray]


def read_rgb(data: bytes) -> np.ndarray:
    """Decode a picture as their code does and put it into RGB."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def metapattern(chips: str, lists: Path, frames: int) -> list[Video]:
    """HFN_MP: path and label from two csv columns, the path appended to the folder's name; 0 is bona fide.

    Of the pictures in a zip (png before jpg, otherwise as they lie there) `frames` at equal distances are taken.
    """
    videos = []
    with lists.open(newline="") as file:
        for row in csv.reader(file):
            archive_path = Path(chips + row[0])
            with zipfile.ZipFile(archive_path) as archive:
                names = [n for n in archive.namelist() if n.lower().endswith("png")]
                names += [n for n in archive.namelist() if n.lower().endswith("jpg")]
                if len(names) > frames:
                    names = [names[place] for place in np.linspace(0, len(names) - 1, num=frames, dtype=int)]
                pictures = {name: read_rgb(archive.read(name)) for name in names}
            assert pictures
            videos.append(Video(row[0], int(int(row[1]) == 0), pictures))
    return videos


def gac_fas(folder: Path, part: str) -> list[Video]:
    """GAC-FAS: folders two levels below the split are videos, bona fide if `live` is anywhere in their path."""
    videos = []
    for video in sorted(path for label in (folder / part).iterdir() for path in label.iterdir()):
        crops = sorted(video.glob("crop_*.jpg"))
        assert len(crops) > 2, video
        videos.append(
            Video(video.name, int("live" in str(video)), {path.name: read_rgb(path.read_bytes()) for path in crops})
        )
    return videos


DEVICES = {
    "OULU-NPU": (["_1$"], ["_2$", "_3$", "_4$", "_5$"], r"(\d+)_\d$"),
    "CASIA_faceAntisp": (
        ["NM_1", "NM_2", "HR_1"],
        [*(f"NM_{n}" for n in range(3, 9)), "HR_2", "HR_3", "HR_4"],
        r"_(\d+)_[H|N][R|M]_\d$",
    ),
    "Replay": (["webcam"], ["attack_highdef", "attack_print", "attack_mobile"], r"client(\d\d\d)"),
    "MSU-MFSD": (
        ["laptop_SD", "android_SD"],
        [f"{camera}_SD_{what}" for camera in ("laptop", "android") for what in ("ipad", "iphone", "printed")],
        r"client(\d\d\d)",
    ),
}


def sa_fas(folder: Path, seed: int) -> list[tuple[str, int, str, np.ndarray, dict]]:
    """SA-FAS: every folder below `preposess` is a video; label, device and person stand in its name.

    One of the frames 0, 5, 10 … that exists is drawn; its sidecar is a dictionary that has to be unpickled.
    """
    rng = np.random.default_rng(seed)
    live, spoof, person = DEVICES[folder.name]
    videos = []
    for video in sorted((folder / "preposess").iterdir()):
        label = int("live" in video.name)
        assert sum(bool(re.findall(pattern, video.name)) for pattern in (live if label else spoof)) == 1, video.name
        total = len(list(video.glob("org_*.jpg")))
        for _ in range(200):
            number = int(rng.integers(0, total)) * 5
            crop, info = video / f"crop_{number:04d}.jpg", video / f"infov1_{number:04d}.npy"
            if crop.exists() and info.exists():
                break
        sidecar = np.load(info, allow_pickle=True).item()
        videos.append((video.name, label, re.findall(person, video.name)[0], read_rgb(crop.read_bytes()), sidecar))
    return videos


def flip_paths(data: Path, benchmark: str, name: str, use: str) -> list[list[str]]:
    """FLIP: the lines of the lists of fake and real; at test those of frame1 too."""
    lists = []
    for label in ("fake", "real"):
        lines = (data / benchmark / "txt" / f"{name}_{label}_{use}.txt").read_text().splitlines()
        paths = [f"{benchmark}/frame/{line.strip()}" for line in lines]
        if use == "test":
            paths = list({*paths, *(path.replace("frame0", "frame1") for path in paths)})
        lists.append(paths)
    return lists


def flip(data: Path, benchmark: str, name: str, use: str) -> list[Video]:
    """FLIP: pictures of the lists; 1 is real; a name without `frame0.png` or `frame1.png` is the video."""
    videos: dict[str, Video] = {}
    for label, paths in enumerate(flip_paths(data, benchmark, name, use)):
        for path in paths:
            image = read_rgb((data / path).read_bytes())
            key = path.replace("frame0.png", "").replace("frame1.png", "")
            videos.setdefault(key, Video(key, label, {})).pictures[path] = image
    return list(videos.values())


def triplets(root: Path, listed: str, images: str = "") -> list[tuple[str, int, list[np.ndarray]]]:
    """MMDGFAS: colour, depth and infrared joined to a folder, and the label, 1 for bona fide, with blanks between."""
    samples = []
    for line in (root / listed).read_text().splitlines():
        *paths, label = line.strip().split(" ")
        assert len(paths) == 3
        opened = [cv2.imread(str(root / images / path), cv2.IMREAD_COLOR) for path in paths]
        assert all(image is not None for image in opened), line
        samples.append((paths[0], int(label == "1"), [cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in opened]))
    return samples


def webdataset(members: list[str]) -> dict[str, list[str]]:
    """WebDataset: the name up to the first dot after the last slash is a sample's key, the rest tells what it is."""
    samples = defaultdict(list)
    for name in members:
        match = re.fullmatch(r"((?:.*/|)[^.]+)[.]([^/]*)", name)
        assert match, name
        samples[match[1]].append(match[2])
    return dict(samples)


def shards(folder: Path) -> dict[str, dict[str, bytes]]:
    """WebDataset: the samples of all shards of a folder, by key and by ending."""
    held = {}
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as archive:
            names = archive.getnames()
            assert len(names) == len(set(names))
            for key, endings in webdataset(names).items():
                held[key] = {end: archive.extractfile(f"{key}.{end}").read() for end in endings}  # type: ignore[union-attr]
    return held
