"""Kinds of inputs that hold scores, figures of papers, and the words of a command line."""

from __future__ import annotations

import gzip
import json
import shutil
from functools import cache
from pathlib import Path

import pandas as pd
from fuzz_bytes import BINARY, TEXT
from fuzz_media import Kind
from fuzz_tables import parquet_table
from fuzz_trees import csv_cell, json_value, yaml_value

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.protocols.grammar import parse
from fasdata.protocols.sampling import parse_rules
from fasdata.resources import manifests_dir
from fasdata.store.codec import Codec
from fastrain.claims.published import load_published
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.score_files import read_scores
from fastrain.evaluation.scores import ScoreOrigin, ScoreTable
from fastrain.evaluation.thresholds import named_policy

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

_BOB_FRAMES = (
    "claimed_id,test_label,is_bonafide,attack_type,score,frame_id,video_key\n1,r/1.mov_0,True,,0.5,0,r/1.mov\n"
    "1,r/1.mov_5,True,,0.7,5,r/1.mov\n1,a/1.mov_0,False,type_0,-0.5,0,a/1.mov\n"
)


def _scores(folder: Path) -> list[Path]:
    frame = pd.concat([score_rows("test", "d"), score_rows("val", "v")])
    text = frame.to_csv(index=False)
    (folder / "own.csv").write_text(text)
    (folder / "packed.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    frame.to_parquet(folder / "own.parquet", index=False)
    (folder / "bob.csv").write_text(_BOB)
    (folder / "frames-eval.csv").write_text(_BOB_FRAMES)
    (folder / "plain.csv").write_text("label;score;clip;species\nlive;0.9;a;\nspoof;.1;b;print/1\nspoof;nan;c;PA.F\n")
    (folder / "lines.txt").write_text("0.73 live\n0.32 spoof\n0.5 live\n")
    (folder / "scores-dev").write_text("1 1 real/1 0.7\n1 attack a/1 0.2\n2 print/1 a/2 0.4\n")
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
        "views": ("mxnet-256", "box(size=64)", "fas-256(border=reflect,eye_y=0.4)", "arcface-112", "box-224", "square"),
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
    Kind("scores", _scores, _read_scores, (csv_cell, csv_cell, json_value, parquet_table), (*TEXT, *BINARY)),
    Kind("paper", _published, lambda root, path: load_published(root), (yaml_value,), TEXT),
    Kind("words", _words, _read_words, (), TEXT),
)
