"""Help lists what installed packages offer, with where it comes from, and imports none of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasdata.commands.offered import GROUPS
from fasdata.faces import detectors, own_view
from fasdata.protocols import own_rules
from fastrain.evaluation import thresholds
from fastrain.methods import registry
from tests.commands import Called


def test_help_names_what_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "lab_offers-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lab_offers\nVersion: 1.2\n")
    points = [f"[{group}]\nlab_{what.split()[0]} = lab_offers:Thing\n" for what, group in GROUPS.items()]
    (about / "entry_points.txt").write_text("\n".join(points))
    (tmp_path / "lab_offers.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    shown = {
        ("fasdata", "extract"): ["detector lab_detector", "view lab_view", "frame rule lab_frame"],
        ("fastrain", "run"): ["method lab_method", "view lab_view"],
        ("fastrain", "eval"): ["method lab_method", "threshold policy lab_threshold"],
    }
    for line, offered in shown.items():
        words = " ".join(Called(*line, "--help").out.split())
        assert all(f"{name} lab_offers 1.2 (lab_offers:Thing)" in words for name in offered), words
    assert "lab_view" not in Called("fastrain", "eval", "--help").out


def test_the_groups_of_help_are_those_that_are_asked() -> None:
    asked = {registry.GROUP, detectors.GROUP, own_view.GROUP, own_rules.GROUP, thresholds.GROUP}
    assert set(GROUPS.values()) == asked
