"""Code of the user's is imported where it is named, is known by the hash of what ran, and fails in one line."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

import pytest

from fasdata.door import changed_files, named_code, offers
from fasdata.errors import UserError

GROUP = "fasdata.nothing"
SOURCE = "HERE = __file__\nclass Mine:\n    word = 'first'\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `lab_<n>.deep` on the path, with two files, of which one is imported by the other."""
    name = f"lab_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name / "deep"
    folder.mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("")
    (folder / "helper.py").write_text("word = 'helped'\n")
    (folder / "mine.py").write_text(f"from {name}.deep.helper import word\nclass Mine:\n    says = word\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_class_comes_from_a_file_with_the_hash_of_what_ran(file: Path) -> None:
    kind, code = named_code(f"{file}:Mine", GROUP, "thing")
    assert kind.word == "first"
    assert dict(code.files) == {"mine.py": sha256(SOURCE.encode()).hexdigest()} and code.folder == file.parent
    assert named_code(f"{file}:Mine", GROUP, "thing")[0] is kind  # one content is run once


def test_a_changed_file_is_other_code(file: Path) -> None:
    before = named_code(f"{file}:Mine", GROUP, "thing")[1]
    file.write_text(SOURCE.replace("first", "second"))
    kind, code = named_code(f"{file}:Mine", GROUP, "thing")
    assert kind.word == "second" and code.sha256 != before.sha256
    assert changed_files(before.files, code.files) == ["mine.py changed"]
    assert changed_files({"a.py": "1"}, {"b.py": "1"}) == ["a.py is gone", "b.py is new"]


def test_a_module_is_known_by_all_files_of_its_folder(package: Path) -> None:
    name = f"{package.parent.name}.deep.mine"
    kind, code = named_code(f"{name}:Mine", GROUP, "thing")
    assert kind.says == "helped" and set(code.files) == {"__init__.py", "helper.py", "mine.py"}
    (package / "helper.py").write_text("word = 'other'\n")
    assert named_code(f"{name}:Mine", GROUP, "thing")[1].sha256 != code.sha256


def test_a_module_may_lie_in_the_working_folder_behind_everything_else(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "mine_alone.py").write_text(SOURCE)
    (file.parent / "json.py").write_text("raise SystemExit('a file that lies about was imported')\n")
    monkeypatch.chdir(file.parent)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert named_code("mine_alone:Mine", GROUP, "thing")[1].files.keys() == {"mine_alone.py"}
    assert sys.path[-1] == str(file.parent)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import nothing_of_this_name",
            "No module named 'nothing_of_this_name' (mine.py, line 1)",
        ),
        ("x = 1\ny = 1 / 0", "ZeroDivisionError: division by zero (mine.py, line 2)"),
        ("def broken(:", "SyntaxError"),
        ("class Mime: pass", "unknown name in"),
        ("import helper_beside", "several files make a package"),
    ],
)
def test_code_that_cannot_be_had_is_one_line(file: Path, source: str, words: str) -> None:
    file.write_text(source)
    with pytest.raises(UserError) as refused:
        named_code(f"{file}:Mine", GROUP, "thing")
    assert words in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nowhere.py:Mine", "there is no file nowhere.py"),
        ("nowhere.deep:Mine", "there is no module nowhere.deep"),
        ("mine", "unknown thing 'mine'"),
    ],
)
def test_what_is_not_there_is_refused(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        named_code(text, GROUP, "thing")


def test_offers_of_installed_packages_are_listed_without_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "lab-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[fasdata.things]\nmine = lab_things:Mine\n")
    (tmp_path / "lab_things.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    (offer,) = offers("fasdata.things")
    assert (offer.name, offer.value, offer.origin) == ("mine", "lab_things:Mine", "lab 1.2")
    assert "lab_things" not in sys.modules
    kind, code = named_code("mine", "fasdata.things", "thing")
    assert kind.word == "first" and (code.package, code.version) == ("lab", "1.2")
    with pytest.raises(UserError, match="expected one of mine"):
        named_code("yours", "fasdata.things", "thing")
