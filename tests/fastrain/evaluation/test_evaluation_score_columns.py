"""Which columns scores from outside have, and where a line is of which form."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasdata.errors import UserError
from fastrain.evaluation.score_columns import Reading
from fastrain.evaluation.score_files import read_outside


def test_columns_that_are_named_twice_are_refused() -> None:
    with pytest.raises(UserError, match="--columns names score twice"):
        Reading.of(columns="score,label,score")
    assert Reading.of(columns="-,score,label,-").columns == ("-", "score", "label", "-")


def test_a_file_of_one_line_is_read_and_a_line_without_a_number_is_of_another_form(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("0.9 live\n")
    assert read_outside(tmp_path / "one.txt", Reading()).table.frame["score"].tolist() == [0.9]
    # Two cells a line by the semicolon, too; but what stands before it is no number.
    (tmp_path / "two.txt").write_text("0.9,live;\n0.1,spoof;\n")
    with pytest.raises(UserError, match="neither bonafide nor attack"):
        read_outside(tmp_path / "two.txt", Reading())
    (tmp_path / "none.txt").write_text("live 0.9\nspoof 0.1\n")
    with pytest.raises(UserError, match="is no score file that can be read"):
        read_outside(tmp_path / "none.txt", Reading())
