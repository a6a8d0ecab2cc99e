"""The table of a sweep: methods by protocols, averages, and settings that are chosen without a look at the target."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fastrain.compare.chosen import gathered
from fastrain.compare.compare import compare, comparison_of, written
from fastrain.rundir.sweep_dir import MemberFacts, SweepDir
from tests.fastrain.compare.test_compare_compare import write_run

TARGETS = {"mcio:CIO2M": ("CIO-M", "msu-mfsd"), "mcio:COM2I": ("COM-I", "replay-attack")}


def add_run(
    sweep: SweepDir, method: str, protocol: str, seed: int, strength: float, *, lr: float = 0.1, val: float = 0.9
) -> None:
    """Write a finished run of a sweep; `val` is its AUC on held-out sources."""
    alias, target = TARGETS[protocol]
    name = f"{method}-{alias}-{lr}-{seed}"
    noise = 10 * list(TARGETS).index(protocol) + (method == "erm")
    folder = write_run(
        sweep.run(name).path, method, strength, seed, noise=noise, data=protocol, model={"lr": lr}, protocol=protocol,
        protocol_alias=alias, overrides=[f"lr={lr}"],
    )  # fmt: skip
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "target": [{"dataset": target}]}))
    row = {"part": "val", "level": "clip", "metric": "auc", "value": val}
    eer = {**row, "metric": "eer", "value": 0.1}
    (folder / "results.json").write_text(json.dumps({"metrics": [row, eer]}))
    facts = MemberFacts(
        method=method, protocol=protocol, recipe="standard", seed=seed, settings=f"s{lr}", varied=[f"lr={lr}"]
    )
    sweep.add({name: facts})


@pytest.fixture
def sweep(tmp_path: Path) -> SweepDir:
    """Two seeds of two methods on two protocols; of erm two settings, the worse of which is better on the target."""
    made = SweepDir(tmp_path / "mcio")
    made.path.mkdir()
    for protocol in TARGETS:
        for seed in (0, 1):
            add_run(made, "hfn_mp", protocol, seed, 4.0)
            add_run(made, "erm", protocol, seed, 0.8, lr=0.1, val=0.9)
            add_run(made, "erm", protocol, seed, 3.0, lr=0.01, val=0.8)
    return made


def test_settings_are_chosen_on_the_sources_and_counted(sweep: SweepDir) -> None:
    comparison = comparison_of([sweep.path], resamples=200)
    (block,) = comparison.blocks
    hter = block.grids[1]
    assert (hter.title, hter.protocols) == ("HTER at source_eer", ("CIO-M", "COM-I"))
    good, base = hter.rows
    assert [(row.name, row.seeds, row.tried) for row in hter.rows] == [("hfn_mp", "0, 1", "1"), ("erm", "0, 1", "2")]
    assert all(line.system.about.overrides == ["lr=0.1"] for table in block.tables for line in table.lines)
    assert [cell.mark for cell in good.cells if cell] == ["▲", "▲"] and all(cell.best for cell in good.cells if cell)
    values = np.array([cell.by_run for cell in base.cells if cell])
    assert base.average and base.average.value == pytest.approx(values.mean())
    assert base.average.sd == pytest.approx(values.mean(axis=0).std(ddof=1))
    below = [cell.value - cell.interval.low for cell in base.cells if cell and cell.interval and cell.value is not None]
    assert base.average.interval and base.average.interval.low == pytest.approx(values.mean() - np.hypot(*below) / 2)
    check_forms({form: written(comparison, [], form) for form in ("text", "md", "latex", "html", "csv")})


def test_all_settings_stand_side_by_side_on_demand(sweep: SweepDir) -> None:
    (block,) = comparison_of([sweep.path], resamples=200, choose=False).blocks
    assert [row.name for row in block.grids[0].rows] == ["hfn_mp", "erm (lr=0.1)", "erm (lr=0.01)"]
    (sweep.run("erm-CIO-M-0.1-0").path / "results.json").write_text("{}")
    with pytest.raises(UserError, match=r"no validation scores to choose among them; .*--all-settings"):
        compare([sweep.path], resamples=200)


def check_forms(forms: dict[str, str]) -> None:
    """Look for the same numbers, and for what was tried, in every form."""
    assert "erm on mcio:CIO2M: the best of 2 settings on source validation (lr=0.1)" in forms["text"]
    rows = list(csv.DictReader(io.StringIO(forms["csv"])))
    assert len(rows) == 4 * 2 * 3  # numbers, methods, protocols and their average
    for row in rows:
        if row["metric"] == "hter":
            shown = f"{100 * float(row['value']):.2f} ± {100 * float(row['sd']):.2f}"
            assert all(shown in re.sub(r"\$\\pm\$", "±", forms[form]) for form in ("text", "md", "latex", "html")), row
    assert r"\begin{tabular}{lrrrll}" in forms["latex"] and "| Method | CIO-M | COM-I | average |" in forms["md"]


def test_what_is_not_finished_is_not_shown_and_told(sweep: SweepDir) -> None:
    facts = MemberFacts(method="erm", protocol="mcio:COM2I", recipe="standard", seed=2, settings="s0.1")
    sweep.add({"waiting": facts})
    assert gathered([sweep.path]).notes == (f"{sweep.path}: 12 of 13 runs are finished, the others are not shown",)
    empty = SweepDir(sweep.path.parent / "empty")
    empty.path.mkdir()
    empty.add({"waiting": facts})
    with pytest.raises(UserError, match="has no finished run"):
        compare([empty.path])
