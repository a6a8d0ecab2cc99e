"""The report of one run, or of one run and its repetitions with other seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.report.page import Page
from fasdata.report.value import text
from fastrain.report.breakdown import breakdown_section
from fastrain.report.configuration import configuration_section, environment_section, missing_section
from fastrain.report.data_tables import data_section
from fastrain.report.degradation import degradation_section
from fastrain.report.glance import glance_section, lines_section
from fastrain.report.glossary import glossary_section
from fastrain.report.ledger import ledger_section
from fastrain.report.metric_tables import metrics_section
from fastrain.report.mistakes import mistakes_section
from fastrain.report.operating_points import iso_section
from fastrain.report.results import HONEST
from fastrain.report.run_folder import RunFolder
from fastrain.report.score_charts import scores_section
from fastrain.report.seeds import seeds_section
from fastrain.report.training_charts import training_section
from fastrain.report.transfer import transfer_section


def write_report(run_dirs: Sequence[Path], out: Path, *, control: Sequence[Path] = (), faces: bool = True) -> None:
    """Write one self-contained HTML file on the first run in full and on all of them side by side.

    `control` are runs with shuffled training labels; `faces` False leaves pictures of people out. The file needs no
    network and no script, and appears in one step. What a run folder lacks is said on the page.

    Raises:
        UserError: no run given, or a folder is no run folder.
    """
    if not run_dirs:
        raise UserError("no run to report on", do="name at least one run folder")
    runs = [RunFolder.read(Path(folder)) for folder in run_dirs]
    controls = [RunFolder.read(Path(folder)) for folder in control]
    run_page(runs, controls, faces=faces).write(out)


def run_page(runs: Sequence[RunFolder], controls: Sequence[RunFolder], *, faces: bool) -> Page:
    """Put the page together; the first run is shown in full."""
    first = runs[0]
    lost = degradation_section(first)
    sections = [glance_section(runs, controls)]
    if len(runs) > 1 or controls:
        sections.append(seeds_section(runs, controls))
    sections += [
        lines_section(first, several=len(runs) > 1),
        iso_section(first),
        scores_section(first),
        metrics_section(first),
        breakdown_section(first),
        *([lost] if lost else []),
        transfer_section(first),
        mistakes_section(first, faces=faces),
        training_section(first),
        data_section(first),
        ledger_section(first),
        configuration_section(first),
        environment_section(first),
        glossary_section(),
    ]
    missing = missing_section(runs, controls)
    if missing:
        sections.insert(1, missing)
    return Page(_title(first), sections, _facts(first, len(runs)), _footer(first))


def _title(run: RunFolder) -> str:
    method, protocol = run.run.get("method") or "unknown method", _protocol(run)
    return f"{method} on {protocol}"


def _protocol(run: RunFolder) -> str:
    return str(run.run.get("protocol_alias") or run.run.get("protocol") or "unknown protocol")


def _facts(run: RunFolder, runs: int) -> list[tuple[str, Any]]:
    of = run.run
    return [
        ("Method", text(of.get("method"))),
        ("Protocol", text(of.get("protocol"))),
        ("Protocol as given", text(of.get("protocol_alias"), "as above")),
        ("Recipe", text(of.get("recipe"))),
        ("Unseen domain", text(run.target(), "not known")),
        ("Checkpoint selected by", run.selection_words()),
        ("Threshold policy", f"{HONEST} (honest)"),
        ("Run", f"{run.name}, first of {runs}" if runs > 1 else run.name),
    ]


def _footer(run: RunFolder) -> str:
    version = run.run.get("tool_version")
    made = f"Written by fastrain {version}" if version else "Written by fastrain"
    return f"{made}. This file is complete in itself: it loads nothing and runs no script."
