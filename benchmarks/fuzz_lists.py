"""Kinds of inputs that describe data: cards, tables, lists of releases and of other projects, paths."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from fuzz_bytes import TEXT
from fuzz_media import Kind
from fuzz_trees import csv_cell, json_value, yaml_value

from fasdata.datasets.card_text import describe_card
from fasdata.datasets.parse import meanings, read_paths
from fasdata.datasets.registry import find_card
from fasdata.datasets.verify import describe_verification, verify
from fasdata.lists.match import import_lists, write_matched
from fasdata.records import Clip
from fasdata.resources import manifests_dir
from tests.fabricate import plant

# -- Cards and tables of own data -------------------------------------------------------------------------------------

_CARD = """\
name: My-Set
aliases: [mine]
owner: me
licence: mine
modalities: [rgb]
subject_rule: the folder
counts:
  train: {bonafide: 2, attack: 1}
layouts:
  - name: release
    examples: [train/real/1_2.avi, train/fake/1_3.avi]
    complete:
      - {tail: 'train/{kind}/{person}_{take}', over: {kind: [real, fake], person: [1..3], take: [01..03]}}
    rules:
      - pattern: '(?P<split>train|test)/(?P<kind>real|fake)/(?P<person>\\d+)_(?P<take>\\d+)\\.avi'
        tail: '{split}/{kind}/{person}_{take}'
        split: '{split}'
        label: {of: '{kind}', map: {real: bonafide, fake: attack}}
        attack_type: {of: '{kind}', map: {real: bonafide, fake: print}}
        subject: '{person:2}'
        fields: {take: '{take}'}
rejects:
  sidecar: ['\\.face$']
"""
_PATHS = (
    "train/real/1_2.avi",
    "train/fake/1_3.avi",
    "test/real/2_2.avi",
    "train_release/1/HR_1.avi",
    "a/x.face",
    "b.avi",
)


def _cards(folder: Path) -> list[Path]:
    plant(folder / "raw", *_PATHS)
    (folder / "mine.yaml").write_text(_CARD)
    shutil.copyfile(manifests_dir() / "datasets" / "casia-fasd.yaml", folder / "casia-fasd.yaml")
    return [folder / "mine.yaml", folder / "casia-fasd.yaml"]


def _read_card(root: Path, path: Path) -> object:
    card = find_card("my-set" if path.stem == "mine" else "casia-fasd", path)
    rows = meanings(card, _PATHS)
    return "\n".join([describe_card(card), str(rows), describe_verification(verify(card, root / "raw"))])


def _tables(folder: Path) -> list[Path]:
    plant(folder / "raw", *_PATHS)
    rows = [
        f"{path},{('bonafide', 'attack')['fake' in path]},train,,,{number}" for number, path in enumerate(_PATHS[:3])
    ]
    (folder / "own.csv").write_text("path,label,split,attack_type,pai,subject\n" + "\n".join(rows) + "\n")
    return [folder / "own.csv"]


def _read_table(root: Path, path: Path) -> object:
    card = find_card("own", path)
    return str(meanings(card, _PATHS)) + describe_verification(verify(card, root / "raw"))


# -- Lists of a release, of other projects, of paths ------------------------------------------------------------------

_SURF = "Val/0000/000892-{}.jpg"
_WMCA, _HQ_WMCA = "face-station/12.02.18/100_03_015_2_10", "1_01_0001_0000_00_00_000-241b2419"
_PADISI = "transaction_id,trial_id,trial_name,"
_LIVE = "Data/train/1/live/000000.jpg"
# By the name of the file: the dataset, the text, and a path that it is about.
_RELEASES = {
    "val_private_list.txt": (
        "casia-surf", " ".join(map(_SURF.format, ("color", "depth", "ir"))) + " 0\n", _SURF.format("color"),
    ),
    "4@1_dev_ref.txt": ("casia-surf-cefa", "dev/003000 1\ndev/003001 0\n", "phase1/dev/003000"),
    "PROTOCOL-grandtest.csv": (
        "wmca",
        f"path,client,type,group\nWMCA/{_WMCA},100,papermask,eval\n",
        f"WMCA_preprocessed_RGB/WMCA/{_WMCA}.hdf5",
    ),
    "PROTOCOL-grand_test.csv": (
        "hq-wmca", f"path,label,group\nface-station/01.08.19/{_HQ_WMCA},0,dev\n", f"{_HQ_WMCA}.h5",
    ),
    "padisi_USC_FACE_ground_truth.csv": (
        "padisi-face", f"{_PADISI}modality,ground_truth,participant_id\nt,ded5f9b6,F,FACE,m50901,p1\n", "ded5f9b6.npz",
    ),
    "padisi_USC_FACE_dataset_partition_3folds_part0.csv": (
        "padisi-face", f"{_PADISI}partition_name\nt,ded5f9b6,FACE_1,valid\n", "ded5f9b6.npz",
    ),
    "train_label.json": ("celeba-spoof", json.dumps({_LIVE: [0] * 40 + [8, 1, 1, 1]}), _LIVE),
    "CASIA_HiFiMask@p1_image_dev.txt": ("hifimask", "Data/1_05_2_3_1_6/0001.jpg 1\n" * 3, "Data/1_05_2_3_1_6"),
    "trainlist_all.txt": ("siw-mv2", "Mask_Mann_3\nLive_100\n", "Spoof/Mannequin/Mask_Mann_3.mov"),
    "train_sub_list.txt": ("msu-mfsd", "01\n02\n", "scene01/real/real_client001_android_SD_scene01.mp4"),
}  # fmt: skip


def _releases(folder: Path) -> list[Path]:
    for name, (_, text, _) in _RELEASES.items():
        (folder / name.partition(".")[0]).mkdir()
        (folder / name.partition(".")[0] / name).write_text(text)
    (folder / "train_sub_list" / "test_sub_list.txt").write_text("03\n")
    return [folder / name.partition(".")[0] / name for name in _RELEASES]


def _read_release(root: Path, path: Path) -> object:
    slug, _, about = _RELEASES[path.name]
    return str(meanings(find_card(slug), [about], lists=path.parent))


_CASIA = "/+CASIA/train_release/1"
_FOREIGN = {
    "metapattern.csv": ("metapattern", f"{_CASIA}/1.avi.zip,0,20,187\n{_CASIA}/3.avi.zip,1,20,187\n"),
    "real.txt": ("flip", "real/train_release_1_1_frame0.png\nfake/train_release_1_3_frame5.png\n"),
    "all.json": ("flip", '[{"photo_path": "a/train_release/1/1/3.png", "photo_label": 1}]'),
    "columns.txt": ("columns", "train_release/1/1/0.png train_release/1/1/1.png 1\ntrain_release/1/3 0\n"),
    "bob.csv": ("bob", "FILENAME,SUBJECT,ATTACK_TYPE\ntrain_release/1/1,1,\ntrain_release/1/3,1,print\n"),
}


def _foreign(folder: Path) -> list[Path]:
    for name, (_, text) in _FOREIGN.items():
        (folder / name).write_text(text)
    return [folder / name for name in _FOREIGN]


def _read_foreign(root: Path, path: Path) -> object:
    names = ("train_release__1__1", "train_release__1__3")
    labels = ("bonafide", "attack")
    clips = [Clip("casia-fasd", name, {"rgb": "a.avi"}, label=label) for name, label in zip(names, labels, strict=True)]
    matched = import_lists([path], _FOREIGN[path.name][0], 1, clips)
    write_matched(matched, "casia-fasd", root / "matched.out")
    return "\n".join(matched.report(path.name))


def _path_lists(folder: Path) -> list[Path]:
    paths = [path for slug in ("casia-fasd", "oulu-npu", "wmca", "siw") for path in find_card(slug).layouts[0].examples]
    (folder / "paths.txt").write_text("\n".join([*paths, *_PATHS]) + "\n")
    return [folder / "paths.txt"]


def _read_paths(root: Path, path: Path) -> object:
    paths = read_paths(path)
    return [len(meanings(find_card(slug), paths)) for slug in ("casia-fasd", "oulu-npu", "wmca")]


KINDS = (
    Kind("card", _cards, _read_card, (yaml_value,), TEXT),
    Kind("own-table", _tables, _read_table, (csv_cell,), TEXT),
    Kind("release-list", _releases, _read_release, (csv_cell,), TEXT),
    Kind("foreign-list", _foreign, _read_foreign, (csv_cell, json_value), TEXT),
    Kind("paths", _path_lists, _read_paths, (), TEXT),
)
