"""Labels and names of attacks in one's own table: the polarity is declared, an attack name is data."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasdata.datasets.registry import find_card
from fasdata.errors import UserError


def card(folder: Path, rows: str, bonafide_is: str = "", header: str = "path,label"):
    (folder / "t.csv").write_text(f"{header}\n{rows}")
    return find_card("own", folder / "t.csv", bonafide_is).layouts[0].table


def facts(table) -> list[tuple[str, str, str]]:
    return [(clip.label, clip.attack_type, clip.pai) for clip in table.clips.values()]


@pytest.mark.parametrize(
    ("word", "bonafide", "attack"),
    [("1", "1", "0"), ("0", "0", "1"), ("1", "1.0", "0.0"), ("live", "live", "spoof"), ("REAL", "real", "fake"),
     ("bona fide", "bonafide", "attack"), ("true", "TRUE", "FALSE")],
)  # fmt: skip
def test_one_word_is_declared_to_be_bona_fide(tmp_path, word, bonafide, attack):
    table = card(tmp_path, f"a.mp4,{bonafide}\nb.mp4,{attack}\nc.mp4,{attack}\n", word)
    assert [label for label, _, _ in facts(table)] == ["bonafide", "attack", "attack"]
    assert facts(table)[1] == ("attack", "unknown", table.clips["b.mp4"].pai)
    assert f"{bonafide!r} bona fide (1)" in table.notes[0] and f"{attack!r} an attack (2)" in table.notes[0]


def test_other_words_name_the_attack(tmp_path):
    table = card(tmp_path, "a.mp4,live\nb.mp4,print\nc.mp4,spoof\nd.mp4,latex\n", "live")
    assert facts(table) == [
        ("bonafide", "bonafide", ""), ("attack", "print", ""), ("attack", "unknown", ""), ("attack", "unknown", "latex")
    ]  # fmt: skip
    assert any("'latex' (1)" in note for note in table.notes)


def test_any_name_of_an_attack_is_data_and_a_slip_shows(tmp_path):
    table = card(tmp_path, "a,attack,Video_Replay\nb,attack,PA.F.1\nc,attack,prnt\nd,bonafide,none\n",
                 header="path,label,attack_type")  # fmt: skip
    assert facts(table) == [
        ("attack", "replay", "Video_Replay"), ("attack", "unknown", "PA.F.1"), ("attack", "unknown", "prnt"),
        ("bonafide", "bonafide", ""),
    ]  # fmt: skip
    assert "'prnt' (1, meant for 'print'?)" in table.notes[0]


@pytest.mark.parametrize(
    ("rows", "word", "message"),
    [
        ("a,1\nb,0\n", "", "--bonafide-is WORD"),
        ("a,live\nb,spoof\n", "1", "no row has this label; found 'live', 'spoof'"),
        ("a,1\nb,real\n", "1", "line 3: a label"),
        ("a,1\nb,\n", "1", "fill it in, or take the row out"),
        ("a,,\nb,attack\n", "", "line 2: a label"),
    ],
)
def test_what_leaves_the_polarity_open_is_refused(tmp_path, rows, word, message):
    with pytest.raises(UserError) as error:
        card(tmp_path, rows, word)
    assert message in str(error.value)


def test_the_word_means_nothing_without_a_table():
    with pytest.raises(UserError, match="--bonafide-is means nothing here"):
        find_card("CASIA-FASD", None, "1")


def test_a_row_that_is_repeated_word_for_word_is_noted_and_a_contradiction_is_refused(tmp_path):
    table = card(tmp_path, "a.mp4,attack\na.mp4,attack\n")
    assert len(table.clips) == 1 and "1 rows of t.csv repeat" in table.notes[0]
    with pytest.raises(UserError, match="is in the table twice"):
        card(tmp_path, "a.mp4,attack\n./a.mp4,bonafide\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.gif", "GIF"),
        ("a.AVIF", "AVIF"),
        ("a.heic", "convert them to PNG"),
        ("a.h5", "write a card with their reader"),
    ],
)
def test_what_no_reader_of_a_table_reads_is_refused_by_name(tmp_path, name, message):
    with pytest.raises(UserError, match="not supported in a table") as error:
        card(tmp_path, f"a.png,attack\n{name},bonafide\n")
    assert message in str(error.value) and name in str(error.value)


@pytest.mark.parametrize("name", ["t.xlsx", "t.ods", "t.xls"])
def test_a_spreadsheet_itself_is_refused_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="save it as CSV UTF-8"):
        find_card("own", tmp_path / name)


def test_columns_may_be_spelled_as_people_write_them(tmp_path):
    table = card(tmp_path, "a.mp4,attack,print,7\n", header="Path,Label,Attack type,lamp no")
    assert facts(table) == [("attack", "print", "")] and dict(table.clips["a.mp4"].fields) == {"lamp no": "7"}
