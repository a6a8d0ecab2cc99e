"""A view from outside becomes the text of a view where its user names it, and nothing that is read has it imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.faces.own_view import code_of_view, forget_views, name_view
from fasdata.faces.view import View
from tests.commands import Called

SOURCE = """
from fasdata.faces.view import View

TIGHT = View("fas-256", 64, eye_dist=0.4)
WORDS = "box(size=64, scale=1.3)"
NUMBER = 3
WIDE = View("fas-256", 4)
"""


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    yield path
    forget_views()


def test_what_is_named_becomes_the_text_of_a_view(mine: Path) -> None:
    assert name_view(f"{mine}:TIGHT") == "fas-256(size=64,eye_dist=0.4)"
    assert View.named(name_view(f"{mine}:WORDS")) == View("box", 64, scale=1.3)
    code = code_of_view("fas-256(size=64,eye_dist=0.4)")
    assert code is not None and code.files.keys() == {"mine.py"}
    assert name_view("mxnet-256(size=64)") == "mxnet-256(size=64)" and code_of_view("mxnet-256(size=64)") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [("NUMBER", "is no view.*found int"), ("WIDE", "mine.py:WIDE: .*out of range"), ("TIHGT", "TIGHT")],
)
def test_what_is_no_view_is_refused(mine: Path, name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        name_view(f"{mine}:{name}")


def test_a_package_offers_views(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "lab_views-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lab_views\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[fasdata.views]\ntight = lab_views:TIGHT\nbox = lab_views:NUMBER\n")
    mine.rename(tmp_path / "lab_views.py")
    monkeypatch.syspath_prepend(tmp_path)
    assert name_view("tight") == "fas-256(size=64,eye_dist=0.4)" and name_view("box") == "box"
    code = code_of_view("fas-256(size=64,eye_dist=0.4)")
    assert code is not None and code.origin == "lab_views 1.2"


def test_no_text_that_is_read_names_code(mine: Path) -> None:
    mine.write_text("raise SystemExit('imported')\n")
    with pytest.raises(UserError, match="is code; expected it to be named as an option"):
        View.named(f"{mine}:TIGHT")
    line = Called("fastrain", "run", "erm", "--protocol", "CIO-M", "--set", f"data.view={mine}:TIGHT").line
    assert "--view FILE.py:NAME" in line
