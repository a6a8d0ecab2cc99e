"""What the cells of scores from outside say of labels, attacks and instruments."""

from __future__ import annotations

from pathlib import Path

from fastrain.evaluation.score_cells import with_species
from fastrain.evaluation.score_columns import Reading
from fastrain.evaluation.score_files import read_outside
from tests.fastrain.evaluation.tables import frame, row


def test_an_instrument_that_is_stated_stays_and_the_others_are_those_of_the_attack(tmp_path: Path) -> None:
    rows = ["live,0.9,,", "spoof,0.1,print/1,paper A", "spoof,0.2,print/1,", "spoof,0.3,print,"]
    text = "\n".join(["label,score,species,pai", *rows, ""])
    (tmp_path / "s.csv").write_text(text)
    read = read_outside(tmp_path / "s.csv", Reading()).table.frame
    assert read[["attack_type", "pai"]].to_numpy().tolist() == [
        ["bonafide", ""], ["unknown", "paper A"], ["unknown", "print/1"], ["print", ""]
    ]  # fmt: skip


def test_species_of_our_own_tables_keep_the_instrument_that_they_have() -> None:
    rows = frame(
        row("b0", 0.9), row("p0", 0.1, "attack:print", pai="Epson"), row("x0", 0.2, "attack:PA.F.1", pai="glove"),
        row("x1", 0.3, "attack:PA.F.1"), row("p1", 0.3, "attack:print"),
    )  # fmt: skip
    assert with_species(rows)[["attack_type", "pai"]].to_numpy().tolist() == [
        ["bonafide", ""], ["print", "Epson"], ["unknown", "glove"], ["unknown", "PA.F.1"], ["print", ""]
    ]  # fmt: skip


def test_of_more_than_two_labels_the_others_are_the_attacks(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("label,score\nyes,0.9\nprint,0.1\nreplay,0.2\n")
    read = read_outside(tmp_path / "s.csv", Reading.of(bonafide_is="yes")).table.frame
    assert read["attack_type"].tolist() == ["bonafide", "print", "replay"]
    (tmp_path / "s.csv").write_text("label,score\nyes,0.9\nno,0.1\n")
    read = read_outside(tmp_path / "s.csv", Reading.of(bonafide_is="yes"))
    assert read.table.frame["attack_type"].tolist() == ["bonafide", "unknown"] and read.notes == ()
