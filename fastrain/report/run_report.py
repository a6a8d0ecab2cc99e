"""Write the report of a run, or of a run and its repetitions with other seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.page.page import Page, Section
from fasdata.page.parts import Details, Facts, Notice
from fasdata.page.spelling import text
from fastrain.evaluation.results_lookup import HONEST
from fastrain.report.breakdown import breakdown_section
from fastrain.report.contestant_sections import NO_PICTURES, contestant_glance, contestant_source
from fastrain.report.data_tables import data_section
from fastrain.report.error_tables import metrics_section
from fastrain.report.fusion_section import fusion_section, fusion_source
from fastrain.report.glance import glance_section, lines_section
from fastrain.report.iso_sheet import iso_section
from fastrain.report.jitter_section import jitter_section
from fastrain.report.landscape_section import landscape_section
from fastrain.report.ledger import ledger_section
from fastrain.report.missing_modalities import missing_modalities_section
from fastrain.report.mistakes import LEFT_OUT, mistakes_section
from fastrain.report.run_folder import RESULTS, SCORES, RunFolder
from fastrain.report.score_charts import scores_section
from fastrain.report.seeds import seeds_section
from fastrain.report.targets_section import targets_section
from fastrain.report.training import configuration_section, environment_section, missing_section, training_section
from fastrain.report.transfer import transfer_section


def write_report(run_dirs: Sequence[Path], out: Path, *, control: Sequence[Path] = (), faces: bool = False) -> None:
    """Write one self-contained HTML file on the first run in full and on all of them side by side.

    `control` are runs with shuffled training labels; without `faces` there is no picture of a person. The file needs no
    network and no script, and is replaced whole. The page says what a run folder lacks.

    Raises:
        UserError: no run given, or a folder is no run folder.
    """
    if not run_dirs:
        raise UserError("no run to report on", do="name at least one run folder")
    runs = [RunFolder.read(Path(folder)) for folder in run_dirs]
    controls = [RunFolder.read(Path(folder)) for folder in control]
    run_page(runs, controls, faces=faces).write(out)


def run_page(runs: Sequence[RunFolder], controls: Sequence[RunFolder], *, faces: bool) -> Page:
    """Return the page; the first run is shown in full."""
    first = runs[0]
    if first.run.contestant is not None:
        return _fusion_page(first) if first.run.contestant.kind == "fusion" else _contestant_page(runs, faces=faces)
    targets = targets_section(first)
    modalities, landscape = missing_modalities_section(first), landscape_section(runs)
    jitter = jitter_section(first)
    sections = [glance_section(runs, controls)]
    if len(runs) > 1 or controls:
        sections.append(seeds_section(runs, controls))
    sections += [
        lines_section(first, several=len(runs) > 1),
        *([targets] if targets else []),
        iso_section(runs),
        scores_section(first),
        metrics_section(first),
        breakdown_section(first),
        *([modalities] if modalities else []),
        transfer_section(first),
        mistakes_section(first, faces=faces),
        *([jitter] if jitter else []),
        training_section(first),
        *([landscape] if landscape else []),
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


def _contestant_page(runs: Sequence[RunFolder], *, faces: bool) -> Page:
    """Return the page on a contestant: all that needs no training; pictures where its own networks were shown them."""
    first = runs[0]
    network = bool(first.run.contestant and first.run.contestant.networks)
    jitter = jitter_section(first)
    sections = [contestant_glance(runs)]
    if len(runs) > 1:
        sections.append(seeds_section(runs, []))
    targets = targets_section(first)
    sections += [
        lines_section(first, several=len(runs) > 1),
        *([targets] if targets else []),
        iso_section(runs),
        scores_section(first),
        metrics_section(first),
        breakdown_section(first),
        transfer_section(first),
        mistakes_section(first, faces=faces and network, why=LEFT_OUT if network else NO_PICTURES),
        *([jitter] if jitter else []),
        data_section(first),
        contestant_source(first),
        glossary_section(),
    ]
    broken = {name: why for name, why in first.missing.items() if name in (SCORES, RESULTS)}
    if broken:
        notice = Notice(f"Run {first.name}", [f"{sentence}." for sentence in broken.values()], "mixed")
        sections.insert(1, Section("missing", "Missing parts", [notice]))
    about = first.run
    facts = [
        ("Contestant", text(about.method)),
        ("Protocol", text(about.protocol, "not stated")),
        ("Recipe", text(about.recipe, "not stated")),
        ("Scores from", text(about.contestant.file if about.contestant else "")),
        ("Network selected by", text(about.selection.policy, "not stated")),
        ("Threshold policy", f"{HONEST} (honest), from part val"),
        ("Run", f"{first.name}, first of {len(runs)}" if len(runs) > 1 else first.name),
    ]
    title = _title(first) if network else f"{about.method or 'unknown contestant'}, scores from outside"
    return Page(title, sections, facts, _footer(first))


def _fusion_page(run: RunFolder) -> Page:
    """Return the page on several runs as one decision."""
    targets = targets_section(run)
    sections = [fusion_section(run), *([targets] if targets else []), scores_section(run), metrics_section(run),
                data_section(run), fusion_source(run), glossary_section()]  # fmt: skip
    about = run.run
    facts = [
        ("Fused", text(about.contestant.file if about.contestant else "")),
        ("Protocol", text(about.protocol, "not stated")),
        ("Recipe", text(about.recipe, "not stated")),
        ("Run", run.name),
    ]
    title = _title(run) if about.protocol else str(about.method or "unknown runs")
    return Page(f"Fused decision, {title}", sections, facts, _footer(run))


def _title(run: RunFolder) -> str:
    method, protocol = run.run.method or "unknown method", _protocol(run)
    return f"{method} on {protocol}"


def _protocol(run: RunFolder) -> str:
    return str(run.run.protocol_alias or run.run.protocol or "unknown protocol")


def _facts(run: RunFolder, runs: int) -> list[tuple[str, Any]]:
    of = run.run
    return [
        ("Method", text(of.method)),
        ("Protocol", text(of.protocol)),
        ("Protocol alias", text(of.protocol_alias, "none")),
        ("Recipe", text(of.recipe_text)),
        *([("Network", of.trained_on.text)] if of.trained_on else []),
        ("Unseen domain", text(run.target(), "not known")),
        ("Checkpoint selected by", run.selection_words()),
        ("Threshold policy", f"{HONEST} (honest)"),
        ("Run", f"{run.name}, first of {runs}" if runs > 1 else run.name),
    ]


def _footer(run: RunFolder) -> str:
    version = run.run.tool_version
    made = f"Written by fastrain {version}" if version else "Written by fastrain"
    return f"{made}. This file is complete in itself: it loads nothing and runs no script."


# -- The glossary -----------------------------------------------------------------------------------------------------

_TERMS = [
    ("Bona fide", "a real person in front of the camera"),
    ("Attack", "a printout, a screen, a mask or the like shown to the camera in a person's place"),
    ("Attack species", "one kind of attack (PAI species), such as print or replay"),
    (
        "Digital attack",
        "a picture that was changed or made (a swapped, reenacted or generated face) and fed in behind the camera",
    ),
    ("Clip", "one recording; its score is the mean of its frames' scores"),
    ("Subject", "the person a clip shows, or whose likeness an attack uses"),
    ("Domain", "a dataset with its cameras, places and attacks; the unseen domain took no part in training"),
    ("Held-out source", "clips of the training datasets kept back, of people none of whose clips was trained on"),
    ("AUC", "how often a bona fide clip scores above an attack clip; 1 is perfect, 0.5 guessing; needs no threshold"),
    ("Threshold", "the score from which on a clip is accepted as bona fide"),
    ("APCER", "share of attacks accepted as bona fide; counted by species, the worst one stands for all"),
    ("BPCER", "share of bona fide clips rejected"),
    ("ACER", "mean of APCER and BPCER"),
    ("HTER", "mean of the share of attacks accepted, all species together, and the share of bona fide clips rejected"),
    ("EER", "the error where both shares are equal; finding that point needs the labels of the very clips"),
    ("Non-response", "share of clips in which no face was found (failure to acquire, FTA)"),
    ("Honest", "nothing of the unseen domain was used to choose the checkpoint or the threshold"),
    ("Oracle", "something was chosen with the labels of the unseen domain, which a deployment would not have"),
]


def glossary_section() -> Section:
    """Return the list of terms, folded away."""
    return Section("words", "Words", [Details("What the terms mean", [Facts(_TERMS)])])
