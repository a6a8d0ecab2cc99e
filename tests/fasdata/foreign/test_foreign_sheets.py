"""Tables as spreadsheets save them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.errors import UserError
from fasdata.foreign import read_sheet

TEXT = 'path,label,who\n"a, b.mp4",bonafide,Jürgen\n\nc.mp4,attack,\n'
ROWS = [
    (2, {"path": "a, b.mp4", "label": "bonafide", "who": "Jürgen"}),
    (4, {"path": "c.mp4", "label": "attack", "who": ""}),
]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_delimiter_and_encoding_give_the_same_rows(tmp_path, delimiter, encoding, end):
    text = TEXT.replace(",", delimiter).replace(f"a{delimiter} b", "a, b").replace("\n", end)
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert list(read_sheet(tmp_path / "t.csv", "path", "label")) == ROWS


def test_excels_own_first_line_names_the_delimiter(tmp_path):
    (tmp_path / "t.csv").write_text("sep=;\r\npath;label\r\na,b;attack\r\n")
    assert list(read_sheet(tmp_path / "t.csv", "path", "label")) == [(3, {"path": "a,b", "label": "attack"})]


def test_trailing_empty_columns_are_no_column_twice(tmp_path):
    (tmp_path / "t.csv").write_text("Path;LABEL;;;\na;attack;;;\n")
    assert [row["path"] for _, row in read_sheet(tmp_path / "t.csv", "path", "label")] == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path,label,label\na,attack,bonafide\n", "the column 'label' is there twice"),
        (b"file;label\na;attack\n", "lacks the column 'path'"),
        (b"a.jpg 1\nb.jpg 0\n", "write the names of the columns into the first line, and commas, semicolons or tabs"),
        ("path,label\nMüller.mp4,attack\n".encode("latin-1"), "no UTF-8 text"),
        (b"PK\x03\x04anything", "open it in a spreadsheet and save it as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel file"),
        (b"\xff\xfea", "UTF-16"),
        (b"", "lacks the column 'path'"),
        (b'path,label\n"a,attack\n', "a quote in line 2"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError) as error:
        list(read_sheet(tmp_path / "t.csv", "path", "label"))
    assert message in str(error.value) and "\n" not in str(error.value) and "\0" not in str(error.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_a_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("sheet") / "t.csv"
    path.write_bytes(content)
    try:
        list(read_sheet(path, "path", "label"))
    except UserError as error:
        assert "\n" not in str(error)
