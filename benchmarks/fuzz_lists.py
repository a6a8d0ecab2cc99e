"""Kinds of inputs that describe data: cards, tables, lists of releases and of projects, score files, words."""

from __future__ import annotations

import gzip
import json
import shutil
from functools import cache
from pathlib import Path

import pandas as pd
from fuzz_archives import parquet_table
from fuzz_bytes import BINARY, TEXT
from fuzz_media import Kind
from fuzz_trees import csv_cell, json_value, yaml_value

from fasdata.datasets.card_text import describe_card
from fasdata.datasets.parse import meanings, read_paths
from fasdata.datasets.registry import find_card
from fasdata.datasets.verify import describe_verification, verify
from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.lists.match import import_lists, write_matched
from fasdata.protocols.grammar import parse
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip
from fasdata.resources import manifests_dir
from fasdata.store.codec import Codec
from fastrain.compare.published import load_published
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.score_files import read_scores
from fastrain.evaluation.scores import ScoreOrigin, ScoreTable
from fastrain.evaluation.thresholds import named_policy
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


# -- Score files ------------------------------------------------------------------------------------------------------


def score_rows(part: str, dataset: str, people: int = 3) -> pd.DataFrame:
    """Return frame scores of a few clips of both labels."""
    rows = [
        {"sample_id": f"{dataset}/{person}__{kind}/{frame}", "dataset": dataset, "domain": "d", "part": part,
         "clip_id": f"{person}__{kind}", "subject": str(person), "pai": "",
         "label": "bonafide" if kind == "bonafide" else "attack",
         "attack_type": kind, "frame_index": frame, "status": "ok",
         "score": round(0.1 * person + 0.3 * (kind == "bonafide"), 3)}
        for person in range(people) for kind in ("bonafide", "print") for frame in (0, 5)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@cache
def _key() -> ScoreTable:
    return ScoreTable(pd.concat([score_rows("test", "d"), score_rows("val", "v")]))


_BOB = (
    "claimed_id,test_label,is_bonafide,attack_type,score\n1,d/1__bonafide/0,True,,0.5\n1,d/1__print/0,False,print,nan\n"
)


def _scores(folder: Path) -> list[Path]:
    frame = pd.concat([score_rows("test", "d"), score_rows("val", "v")])
    text = frame.to_csv(index=False)
    (folder / "own.csv").write_text(text)
    (folder / "packed.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    frame.to_parquet(folder / "own.parquet", index=False)
    (folder / "bob.csv").write_text(_BOB)
    ids = score_rows("test", "d")["sample_id"]
    (folder / "test.json").write_text(json.dumps({name: place / 12 for place, name in enumerate(ids)}))
    return sorted(folder.iterdir())


def _read_scores(root: Path, path: Path) -> object:
    table = read_scores(path, key=_key(), higher="bonafide")
    ScoreOrigin.of(table).require_manifest("0" * 64, path.name)
    table.clips("mean").write_csv(root / "clips.out")
    if len((table.part("test") or table).frame["label"].unique()) > 1:
        evaluate(table, selection="source_val", resamples=20)
    return table.parts()


# -- Results of papers, and the words of a command line ---------------------------------------------------------------


def _published(folder: Path) -> list[Path]:
    shutil.copyfile(manifests_dir() / "results" / "mmdgfas.yaml", folder / "a.yaml")
    return [folder / "a.yaml"]


def _words(folder: Path) -> list[Path]:
    texts = {
        "protocols": ("CIO-M", "oulu:P1", "O&C&I to M", "CS2W@miss-DI", "replay-attack:grandtest", "WMCA:LOO_prints"),
        "rules": ("first(2)@decoded + every(5)", "linspace(20)@with_face", "ssdg(2)@decoded", "all"),
        "views": ("mxnet-256", "box(size=64)", "fas-256(border=reflect,eye_y=0.4)", "arcface-112", "box-224"),
        "policies": ("fixed(0.5)", "source_eer", "source_bpcer(0.05)", "target_eer (oracle)"),
        "codecs": ("png", "jpeg:98", "webp", "raw"),
    }  # fmt: skip
    paths = []
    for name, words in texts.items():
        for number, word in enumerate(words):
            paths.append(folder / f"{name}-{number}")
            paths[-1].write_text(word)
    return paths


_READERS = {
    "protocols": parse,
    "rules": parse_rules,
    "views": View.named,
    "policies": named_policy,
    "codecs": Codec.parse,
}


def _read_words(root: Path, path: Path) -> object:
    text = path.read_bytes().replace(b"\0", b"").decode("utf-8", "surrogateescape")  # as a shell passes it
    try:
        return str(_READERS[path.name.partition("-")[0]](text))[:0]  # type: ignore[operator]
    except UserError as error:
        # What a terminal cannot show is shown escaped there, so it is no fault of the line.
        raise UserError(str(error).encode("ascii", "replace").decode()) from None


KINDS = (
    Kind("card", _cards, _read_card, (yaml_value,), TEXT),
    Kind("own-table", _tables, _read_table, (csv_cell,), TEXT),
    Kind("release-list", _releases, _read_release, (csv_cell,), TEXT),
    Kind("foreign-list", _foreign, _read_foreign, (csv_cell, json_value), TEXT),
    Kind("paths", _path_lists, _read_paths, (), TEXT),
    Kind("scores", _scores, _read_scores, (csv_cell, csv_cell, json_value, parquet_table), (*TEXT, *BINARY)),
    Kind("paper", _published, lambda root, path: load_published(root), (yaml_value,), TEXT),
    Kind("words", _words, _read_words, (), TEXT),
)
