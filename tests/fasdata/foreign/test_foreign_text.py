"""The door for foreign text: whatever is wrong ends in one line that names the file."""

import gzip
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel, ConfigDict

from fasdata import foreign
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.lock.lock import Lock
from fasdata.store.info import StoreInfo
from tests.commands import Called

DEEP = "[" * 50_000
BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(12)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} {{<<: [{','.join(['*' + chr(97 + i)] * 10)}]}}\n" for i in range(12)
)


def rows(text: str, where: str) -> list[object]:
    return list(foreign.csv_rows(text, where))


def person(text: str, where: str) -> object:
    return foreign.validated(Person, foreign.yaml_of(text, where), where)


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    age: int


def test_what_is_well_formed_is_read():
    assert foreign.json_of('{"a": [1, 2.5, null, "ü"]}', "x") == {"a": [1, 2.5, None, "ü"]}
    assert foreign.json_of(b"\xef\xbb\xbf[1]", "x") == [1]
    assert foreign.json_of('"\\ud83d\\ude00 \\\\ud800"', "x") == "😀 \\ud800"
    assert foreign.yaml_of("a: &part [1, 2]\nb: *part\n", "x") == {"a": [1, 2], "b": [1, 2]}
    assert list(foreign.csv_rows('a,b\n"x, y",2\n', "x")) == [(1, ["a", "b"]), (2, ["x, y", "2"])]
    assert foreign.validated(Person, {"name": "Anna", "age": 3}, "x") == Person(name="Anna", age=3)


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (foreign.json_of, DEEP, "nested too deeply"),
        (foreign.json_of, "[" * 200 + "]" * 200, "nested too deeply"),
        (foreign.json_of, "{", "is damaged; expected JSON"),
        (foreign.json_of, '{"\\ud83d": 1}', r"\\ud83d, which is half of a letter"),
        (foreign.json_of, '[{"a": ["\\uDC00x"]}]', r"\\udc00, which is half of a letter"),
        (foreign.yaml_of, '- {a: "\\ud800"}', r"\\ud800, which is half of a letter"),
        (foreign.yaml_of, DEEP, "nested too deeply"),
        (foreign.yaml_of, "- " * 5000 + "1", "nested too deeply"),
        (foreign.yaml_of, "&a [*a]", "nested too deeply"),
        (foreign.yaml_of, BOMB, "holds too many values"),
        (foreign.yaml_of, MERGES, r"merges \(<<\) of more than"),
        (foreign.yaml_of, 'a: !!bool "x"', "does not fit its value"),
        (foreign.yaml_of, 'a: !!int ""', "does not fit its value"),
        (foreign.yaml_of, 'a: !!timestamp "x"', "does not fit its value"),
        (foreign.yaml_of, "a: b: c", "is not readable YAML"),
        (foreign.yaml_of, "2021-13-45", "is not readable YAML"),
        (foreign.yaml_of, "!!python/object/apply:os.system [ls]", "is not readable YAML"),
        (rows, 'a,b\n"x,1\n2,3\n', "is not a CSV file"),
        (person, "nme: x", "did you mean 'name'"),
        (person, "- 1", "does not hold keys"),
    ],
)  # fmt: skip
def test_what_is_not_is_refused_in_one_line(read, text, words):
    with pytest.raises(UserError, match=words) as error:
        read(text, "cards/x.yaml")
    assert "\n" not in str(error.value) and "cards/x.yaml" in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('x,"Lamp" left\n', ["x", "Lamp left"]),
        ('x,say "a" twice\n', ["x", 'say "a" twice']),
        ('"a ""quoted"" word",2', ['a "quoted" word', "2"]),
        ('"two\nlines",2\n', ["two\nlines", "2"]),
        ('"",2\n', ["", "2"]),
    ],
)
def test_quotes_that_are_closed_are_read_as_ever(text, cells):
    assert [row for _, row in foreign.csv_rows(text, "x")] == [cells]
    assert [row for _, row in foreign.csv_rows(text.splitlines(keepends=True), "x")] == [cells]


def test_one_line_is_one_line():
    assert foreign.csv_cells("a,b", "x") == ["a", "b"]
    with pytest.raises(UserError, match="more than one line"):
        foreign.csv_cells("a/1.jpg,1\ra/2.jpg,0", "list.csv line 1")


def test_a_compressed_table_is_read(tmp_path):
    with gzip.open(tmp_path / "scores.csv.gz", "wt") as file:
        file.write("a,b\n1,x\n")
    assert foreign.read_table(tmp_path / "scores.csv.gz").to_dict("list") == {"a": ["1"], "b": ["x"]}
    (tmp_path / "broken.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match="is not a CSV file"):
        foreign.read_table(tmp_path / "broken.csv.gz")


def test_a_key_that_stands_twice_is_refused_where_it_matters():
    assert foreign.json_of('{"a": 1, "a": 2}', "x") == {"a": 2}
    with pytest.raises(UserError, match="'a' stands twice"):
        foreign.json_of('{"a": 1, "a": 2}', "x", unique_keys=True)


def test_only_regular_files_of_a_sensible_size_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 2000)
    (tmp_path / "latin").write_bytes("Jürgen".encode("latin-1"))
    for name, words in (("pipe", "a pipe"), ("", "a folder"), ("absent", "No such file"), ("latin", "no UTF-8")):
        with pytest.raises(UserError, match=words):
            foreign.read_text(tmp_path / name)
    with pytest.raises(UserError, match="too large"):
        foreign.read_text(tmp_path / "large", largest=1000)


@pytest.mark.parametrize("text", [DEEP, "{", '["a"]', '"\udcff"'])
def test_damaged_metadata_of_a_library_is_one_line(tmp_path, text):
    (tmp_path / "store").mkdir()
    for path in (tmp_path / "store" / "store.json", tmp_path / "fas.lock"):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    for read in (lambda: StoreInfo.read(tmp_path / "store"), lambda: Lock.read(tmp_path / "fas.lock")):
        with pytest.raises(UserError) as error:
            read()
        assert "\n" not in str(error.value)


def test_a_card_that_is_a_pipe_does_not_hang(tmp_path: Path):
    os.mkfifo(tmp_path / "card.yaml")
    (tmp_path / "raw").mkdir()
    command = (
        "extract",
        "mine",
        "--root",
        tmp_path / "raw",
        "--card",
        tmp_path / "card.yaml",
        "--out",
        tmp_path / "lib",
    )
    assert "a pipe" in Called("fasdata", *command, "--out", tmp_path / "lib").line
    assert not Library(tmp_path / "lib").stores()


@pytest.mark.parametrize("value", [f"augment={DEEP}", "train.seed=[", "train.seed=&a [*a]"])
def test_a_setting_that_is_no_yaml_is_one_line(tmp_path, value):
    assert "--set" in Called("fastrain", "run", "erm", "--protocol", "CIO-M", "--data", tmp_path, "--set", value).line


def test_a_table_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    with gzip.open(tmp_path / "bomb.csv.gz", "wb") as file:
        for _ in range(70):
            file.write(b"1" * (1 << 20) + b"\n")
    with pytest.raises(UserError, match="unpacks to far more"):
        foreign.read_table(tmp_path / "bomb.csv.gz")


def test_a_parquet_file_is_believed_as_far_as_its_bytes_reach(tmp_path):
    pq.write_table(pa.table({"a": ["x", "y"]}), tmp_path / "small.parquet")
    assert foreign.read_parquet(tmp_path / "small.parquet").to_pydict() == {"a": ["x", "y"]}
    many = pa.DictionaryArray.from_arrays(pa.array(np.zeros(9_000_000, np.int8)), pa.array(["x"]))
    pq.write_table(pa.table({"a": many}), tmp_path / "bomb.parquet")
    os.mkfifo(tmp_path / "pipe.parquet")
    (tmp_path / "no.parquet").write_bytes(b"PAR1")
    for name, words in (("bomb", "claims 9,000,000 rows"), ("pipe", "a pipe"), ("no", "not a readable parquet file")):
        with pytest.raises(UserError, match=words):
            foreign.read_parquet(tmp_path / f"{name}.parquet")


def test_a_parquet_file_with_bytes_that_are_no_text_is_refused_and_pandas_notes_are_not_believed(tmp_path):
    """A pyarrow that reads it would raise wherever the cell or the name is looked at, pandas at its own notes."""
    whole = pa.table({"colour": ["red-green"]}).replace_schema_metadata({b"pandas": b"{", b"ours": b"{}"})
    pq.write_table(whole, tmp_path / "noted.parquet")
    assert foreign.read_parquet(tmp_path / "noted.parquet").schema.metadata == {b"ours": b"{}"}
    pq.write_table(whole, tmp_path / "whole.parquet", compression="none", use_dictionary=False, store_schema=False)
    data = (tmp_path / "whole.parquet").read_bytes()
    for word in (b"red-green", b"colour"):
        (tmp_path / "odd.parquet").write_bytes(data.replace(word, b"\xff" + word[1:]))
        with pytest.raises(UserError, match="not a readable parquet file"):
            foreign.read_parquet(tmp_path / "odd.parquet")


def test_no_reader_waits_for_a_pipe(tmp_path):
    """Every option that names a file to be read: what stands there may be a pipe, which nobody writes to."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "lists").mkdir()
    os.mkfifo(tmp_path / "lists/train_real.txt")
    (tmp_path / "raw").mkdir()
    for suffix in (".csv", ".parquet", ".json", ".onnx", ".yaml"):
        os.mkfifo(tmp_path / f"pipe{suffix}")
    raw = ("--root", tmp_path / "raw", "--out", tmp_path / "lib")
    commands = [
        ("fasdata", "parse", "wmca", "--paths", pipe),
        ("fasdata", "extract", "mine", *raw, "--card", tmp_path / "pipe.csv"),
        ("fasdata", "extract", "folder", *raw, "--detector", "json", "--detector-model", pipe),
        ("fasdata", "extract", "folder", *raw, "--detector", "yunet", "--detector-model", tmp_path / "pipe.onnx"),
        ("fastrain", "eval", tmp_path / "pipe.csv"),
        ("fastrain", "eval", tmp_path / "pipe.parquet"),
        ("fastrain", "eval", tmp_path / "pipe.json", "--key", tmp_path / "pipe.csv", "--higher", "bonafide"),
        ("fastrain", "run", "erm", "--protocol", "CIO-M", "--preset", tmp_path / "pipe.yaml"),
        ("fastrain", "run", "erm", "--manifest", tmp_path / "pipe.parquet"),
    ]
    for command in commands:
        assert Called(*command).code != 0, command
