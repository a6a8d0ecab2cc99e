"""A frame rule from outside: named where frames are chosen, kept as its name and the hash of its code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.protocols.own_rules import forget_rules, name_rule
from fasdata.protocols.sampling import FrameRule
from fasdata.store.reader import Store
from tests.commands import Called
from tests.fasdata.protocols.building import write_store

SOURCE = """
def ends(n, clip_id):
    return [0, n - 1]

def negative(n, clip_id):
    return [-1]

def words(n, clip_id):
    return ["first"]

def broken(n, clip_id):
    return [n // 0]

number = 3
"""


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    forget_rules()
    yield path
    forget_rules()


def test_it_chooses_as_a_rule_of_ours_does(mine: Path) -> None:
    text = name_rule(f"{mine}:ends@with_face")
    rule = FrameRule.parse(text)
    assert str(rule) == text and rule.on == "with_face" and text.startswith("ends.")
    assert FrameRule.parse(name_rule(f"{mine}:ends")).positions(20) == [0, 19] and rule.positions(1) == [0]
    faces = {index: index in (3, 7, 9) for index in range(20)}
    assert rule.resolve(20, faces) == (3, 9) and rule.missing(20, {}) == list(range(20))
    assert name_rule("linspace(2) @with_face") == "linspace(2) @with_face" and name_rule("recipes") == "recipes"


def test_other_code_is_another_rule(mine: Path) -> None:
    before = name_rule(f"{mine}:ends")
    forget_rules()
    mine.write_text(SOURCE.replace("n - 1", "n // 2"))
    after = name_rule(f"{mine}:ends")
    assert after != before
    with pytest.raises(UserError, match=f"is code from outside.*--frames FILE.py:ends.*{after}, whose code is another"):
        FrameRule.parse(before).positions(20)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("negative", "positions from 0; found -1"),
        ("words", "fails for 1 frames.*TypeError"),
        ("broken", "fails for 1 frames.*ZeroDivisionError"),
        ("number", "is no frame rule"),
        ("edns", "ends"),
    ],
)
def test_what_is_no_rule_is_refused_where_it_is_named(mine: Path, name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        name_rule(f"{mine}:{name}")


def test_a_manifest_is_built_with_it_and_read_without(stores, mine: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / "lib")
    for slug in ("casia-fasd", "msu-mfsd"):
        write_store(library, slug, stores[slug].clip_records)
    line = ["build-protocol", "C2M", "--data", library.root, "--frames"]
    built = Called("fasdata", *line, f"{mine}:ends")
    assert built.code == 0, built.error
    text = name_rule(f"{mine}:ends")
    forget_rules()
    (tmp_path / "elsewhere").mkdir()
    moved = mine.rename(tmp_path / "elsewhere" / "mine.py")

    (file,) = library.root.glob("protocols/*/*/manifest.parquet")
    manifest = Manifest.read(file)
    (kept,) = manifest.meta["code"]
    assert f"{kept['name']}@decoded" == manifest.meta["frame_rules"]["train"] == f"{text}@decoded"
    assert kept["named"] == f"{mine}:ends" and kept["files"].keys() == {"mine.py"}
    rows = [row for row in manifest.table.to_pylist() if row["part"] == "train"]
    assert {row["frame_index"] for row in rows} == {0, 19}
    assert (
        f"{kept['name']} is from {mine}:ends"
        in Called("fasdata", "protocol", "check", file, "--data", library.root).out
    )

    refusal = Called("fasdata", *line, text).line
    assert f"{kept['name']} is code from outside" in refusal and "--frames FILE.py:ends" in refusal
    assert Called("fasdata", *line, f"{moved}:ends").code == 0  # the same code, wherever it lies
    again = Manifest.read(file).meta["code"][0]
    assert again == {**kept, "named": f"{moved}:ends"}


def test_an_extraction_chooses_by_it_in_processes_of_its_own(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "raw" / f"{name}.png"), np.full((120, 120, 3), 90, np.uint8))
    (tmp_path / "office.csv").write_text("path,label\na.png,bonafide\nb.png,attack\n")
    places = ["--root", tmp_path / "raw", "--card", tmp_path / "office.csv", "--out", tmp_path / "library"]
    line = ["extract", "office", *places, "--workers", "1", "--detector", "none", "--frames"]
    done = Called("fasdata", *line, f"{mine}:ends + first(1)")
    assert done.code == 0, done.error
    rule = f"{name_rule(f'{mine}:ends')}@decoded"
    assert Store.open(tmp_path / "library/office").record("a.png").selections == {rule: (0,), "first(1)@decoded": (0,)}
    assert rule in json.loads((tmp_path / "library/office/store.json").read_text())["config"]["frames"]
    forget_rules()
    refusal = Called("fasdata", *line, "first(1)").line
    assert "is code from outside" in refusal and "--frames FILE.py:ends" in refusal
