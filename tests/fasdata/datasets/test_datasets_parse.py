"""`fasdata datasets`, `parse` and `verify` as a user types them."""

from __future__ import annotations

import csv
import io

import pytest

from tests import commands
from tests.commands import Called
from tests.fabricate import plant


def test_parse_writes_a_row_a_sample_and_rejects_the_rest(tmp_path):
    given = [
        "mirror\\CASIA\\Train_Release\\1\\HR_2.avi",
        "test_release/3/1.avi",
        "train_release/1/1.avi",
        "test_release/3/1.avi",
        "train_release/1/._1.avi",
        "test_release/1/HR_5.avi",
    ]
    (tmp_path / "paths.txt").write_bytes(("\ufeff" + "\r\n".join(given) + "\r\n\r\n").encode())
    out = commands.ok(
        "fasdata",
        "parse",
        "casia",
        "--paths",
        tmp_path / "paths.txt",
        "--format",
        "csv",
        "--rejected",
        tmp_path / "no.csv",
    )
    rows = list(csv.DictReader(io.StringIO(out)))
    assert out.startswith("dataset,relpath,split,label,attack_type,subject,")
    assert [row["relpath"] for row in rows] == given[:4]
    assert {row["dataset"] for row in rows} == {"CASIA-FASD"}
    assert (rows[0]["split"], rows[0]["attack_type"], rows[0]["subject"]) == ("train", "print", "train-01")
    assert (tmp_path / "no.csv").read_text() == (
        "dataset,relpath,kind\nCASIA-FASD,train_release/1/._1.avi,junk\nCASIA-FASD,test_release/1/HR_5.avi,unmatched-media\n"
    )


def test_parse_refuses_what_it_does_not_know(tmp_path):
    assert "did you mean 'OULU-NPU'" in commands.refused("fasdata", "parse", "OLU-NPU", "--paths", tmp_path / "x")
    assert "cannot be read" in Called("fasdata", "parse", "OULU-NPU", "--paths", tmp_path / "x").line
    (tmp_path / "x").write_text("a\n")
    assert "--format" in Called("fasdata", "parse", "OULU-NPU", "--paths", tmp_path / "x", "--format", "json").line
    assert (
        "did you mean 'challenge'"
        in Called("fasdata", "parse", "surf", "--paths", tmp_path / "x", "--layout", "chal").line
    )


def test_verify_says_what_is_missing_and_strict_makes_it_an_error(tmp_path):
    names = [*"12345678", "HR_1", "HR_2", "HR_3", "HR_4"]
    people = [("train", person) for person in range(1, 21)] + [("test", person) for person in range(1, 31)]
    paths = [f"{split}_release/{person}/{name}.avi" for split, person in people for name in names]
    plant(tmp_path, *paths)
    done = Called("fasdata", "verify", "CASIA-FASD", "--root", tmp_path, "--strict")
    assert done.code == 0 and "complete" in done.out and "release 100 %" in done.out
    (tmp_path / "train_release/7/HR_4.avi").rename(tmp_path / "train_release/7/odd.avi")
    done = Called("fasdata", "verify", "CASIA-FASD", "--root", tmp_path)
    assert done.code == 0
    for text in ("train attack", "179 of 180", "train_release__7__hr_4", "train_release/7/odd.avi"):
        assert text in done.out
    strict = Called("fasdata", "verify", "CASIA-FASD", "--root", tmp_path, "--strict")
    assert "differs from the release in 3 ways" in strict.line


def test_datasets_lists_all_and_describes_one():
    listed = Called("fasdata", "datasets").out
    for name in ("CASIA-FASD", "CASIA-SURF-CeFA", "WMCA", "PADISI-Face", "CelebA-Spoof", "HiFiMask", "mm:W"):
        assert name in listed
    described = Called("fasdata", "datasets", "wmca").out
    for text in (
        "Idiap Research Institute",
        "agreement",
        "W in pool mm",
        "PROTOCOL-grandtest.csv",
        "layout preprocessed",
    ):
        assert text in described
    assert max(map(len, (listed + described).splitlines())) <= 120


@pytest.mark.parametrize("verb", ["datasets", "parse", "verify"])
def test_every_verb_shows_an_example(verb):
    assert "Example: " in Called("fasdata", verb, "--help").out
