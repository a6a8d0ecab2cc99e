"""List the licences of a run's datasets, detectors and pretrained weights; terms for research only come first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError
from fasdata.foreign import read_json_object, yaml_of
from fasdata.page.page import Section
from fasdata.page.parts import Column, Notice, Row, Table
from fastrain.report.run_folder import RunFolder


@dataclass(frozen=True)
class Entry:
    """A part of a run, its licence in words, and whether it bars commercial use (None = unknown)."""

    what: str
    name: str
    licence: str
    research_only: bool | None


def entries(run: RunFolder) -> list[Entry]:
    """Return the entries of a run's datasets, detectors and pretrained weights, each once."""
    return list(dict.fromkeys([*_datasets(run), *_detectors(run), *_weights(run)]))


def ledger_section(run: RunFolder) -> Section:
    """Return the ledger; a trained network inherits the strictest of its terms."""
    use = {True: "research only", False: "not limited", None: "not known"}
    rows = [
        Row((part.what, part.name, part.licence, use[part.research_only]), "strong" if part.research_only else "")
        for part in entries(run)
    ]
    columns = [Column("Part"), Column("Name"), Column("Licence or terms"), Column("Use")]
    note = "In words of this project, not of the owners: what counts is the agreement that you signed."
    return Section("ledger", "Data and licences", [Table("What this run is made of", columns, rows, note)])


def terms_notice(run: RunFolder) -> Notice | None:
    """Return a notice that names what bars commercial use of the trained network, None where nothing does."""
    barred = [entry.name for entry in entries(run) if entry.research_only]
    if not barred:
        return None
    names = ", ".join(dict.fromkeys(barred))
    return Notice("For research only", [f"The network was made with {names}, whose terms bar commercial use."], "mixed")


def _datasets(run: RunFolder) -> Iterator[Entry]:
    from fasdata.datasets.kept_card import KeptCard
    from fasdata.datasets.registry import load_cards

    for slug in _slugs(run):
        card = load_cards().get(slug) or KeptCard.known(Path(run.run.library or ".") / slug)
        if card is None:
            yield Entry("dataset", slug, "no card in fasdata", None)
        else:
            yield Entry("dataset", card.name, card.licence, card.research_only)


def _detectors(run: RunFolder) -> Iterator[Entry]:
    from fasdata.faces.detectors import DETECTORS, detector_licence

    for slug in _slugs(run):
        try:
            store = read_json_object(Path(run.run.library or ".") / slug / "store.json")
            name = str(store["config"]["detector"])
        except (UserError, KeyError, TypeError):
            continue  # the library is elsewhere now
        row = DETECTORS.get(name)
        yield Entry("face detector", name, detector_licence(name), row.research_only if row else None)


def _weights(run: RunFolder) -> Iterator[Entry]:
    try:
        model = (yaml_of(run.config_text, "the configuration") or {}).get("model") or {}
    except (UserError, AttributeError):
        return
    pretrained, trunk = model.get("pretrained"), str(model.get("trunk") or model.get("clip") or "")
    if pretrained is False or not trunk:
        yield Entry("starting weights", "none", "trained from scratch", False)
    elif isinstance(pretrained, str):
        yield Entry("starting weights", Path(pretrained).name, "your own file: as its owner says", None)
    elif trunk.endswith(".tv_in1k"):
        yield Entry("starting weights", trunk, "BSD-3-Clause (torchvision); learnt from ImageNet, for research", None)
    elif trunk.endswith(".lvd142m"):
        yield Entry("starting weights", trunk, "Apache-2.0 (DINOv2); learnt from pictures of the web", None)
    elif trunk.endswith(".openai"):
        yield Entry("starting weights", trunk, "MIT; learnt from pictures of the web", None)
    elif pretrained:
        yield Entry("starting weights", trunk, "as its page on the hub says", None)


def _slugs(run: RunFolder) -> list[str]:
    if run.manifest is None:
        return []
    return [domain.dataset for domain in (*run.manifest.domains, *run.manifest.target)]
