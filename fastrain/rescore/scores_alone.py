"""`fastrain eval SCORES`: compute all results again from scores alone, without the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.page.spelling import metric, percent, reasoned, text_table
from fasdata.protocols.built import Wanted
from fasdata.protocols.find_manifest import find_manifest, given_manifest
from fastrain.evaluation.averaged import networks, run_results
from fastrain.evaluation.metrics.bob import CRITERIA, bob_rates, bob_threshold
from fastrain.evaluation.results_lookup import OUTSIDE_30107, OUTSIDE_PARTS, Results, ends_of
from fastrain.evaluation.score_columns import Reading
from fastrain.evaluation.score_facts import holdings, other_way_round
from fastrain.evaluation.score_files import OutsideScores, read_outside
from fastrain.evaluation.score_ids import lined_up
from fastrain.evaluation.score_writers import write_scores
from fastrain.evaluation.scores import Samples, ScoreOrigin, ScoreTable
from fastrain.evaluation.sheet import iso_sheet
from fastrain.evaluation.statistics.proportions import rules_note
from fastrain.evaluation.thresholds import STANDARD_POLICIES, code_of_policies, named_policy
from fastrain.report.iso_sheet import require_one_target, sheet_page
from fastrain.report.item_under_test import item_of_run, item_of_scores
from fastrain.report.run_folder import RunFolder
from fastrain.run.run import finite
from fastrain.rundir import RunDir, RunFacts

if TYPE_CHECKING:
    from fasdata.manifests import Manifest
    from fastrain.rescore.other_data import Asked

SHOWN = ("auc", "eer", "hter", "apcer", "bpcer", "acer_max", "bpcer20")
AS_BOB = "bob"


def evaluate_scores(
    path: Path,
    asked: Asked,
    *,
    fta: str | None = None,
    thresholds: Sequence[str] = (),
    fusion: str | None = None,
    species: str | None = None,
    reading: Reading = Reading(),  # noqa: B008 (frozen, and says nothing)
    as_bob: bool = False,
    form: str | None = None,
    out: Path | None = None,
    sheet: Path | None = None,
    product: str = "",
) -> str:
    """Evaluate a run's scores or a score file, return the results as text; with `form` write the scores to `out`.

    With a protocol or a manifest the ids have to be those of it, and its labels are the ones that count. Scores that
    name their manifest have to name that one. Scores of one label alone are judged only at thresholds that are given.
    `as_bob` adds the numbers that bob.pad.base prints. Without `form`, `out` is a folder for `results.json`, which also
    has the code of policies from outside. `sheet` is the file of the sheet of ISO/IEC 30107-3, which calls what was
    tested `product`.

    Raises:
        UserError: unreadable scores, one label only, ids or fingerprint of another manifest, an unknown policy, fusion,
            kind of species or form.
    """
    run = RunDir(path) if (path / "run.json").is_file() else None
    about = run.facts() if run else RunFacts()
    read, _ = read_for(run.file("scores.csv") if run else path, asked, reading)
    origin = ScoreOrigin.of(read.table)
    origin.require_manifest(about.manifest_fingerprint, read.table.source)
    table = read.table
    if not thresholds:
        require_both_labels(table)
    lines = []
    if form:
        if out is None:
            raise UserError("no place to write the scores to", expected="--out beside --write-scores")
        lines = [f"written: {path}" for path in write_scores(table, out, form)]
        if form in ("bob", "gradgpad") and len(networks(table)) > 1:
            lines.append("note: that form has one score a sample; these are the last network's")
    policies = [named_policy(text) for text in thresholds] or list(STANDARD_POLICIES)
    selection = origin.selection or ScoreOrigin.of_run(about).selection or "not known (scores alone)"
    results = run_results(
        table, selection=selection, fta=fta or "count", policies=policies, fusion=fusion or "mean",
        species=species or "attack_type",
    )  # fmt: skip
    if sheet:
        require_one_target(Results(results), str(path))
        stated = results if about.manifest_fingerprint or origin.manifest_fingerprint else as_outside(results, table)
        item = item_of_run([RunFolder.read(path)], product) if run else item_of_scores(read, fusion or "mean", product)
        sheet_page(iso_sheet(Results(stated), item)).write(sheet)
        lines.append(f"sheet: {sheet}")
    if out and not form:
        lines.append(f"written: {_write_results(results, thresholds, out)}")
    if as_bob:
        lines = [*bob_lines(table, fusion or "mean"), *lines]
    return "\n".join([_text(results, str(path), origin, read), *lines])


def _write_results(results: Mapping[str, Any], thresholds: Sequence[str], out: Path) -> Path:
    place = RunDir(out)
    if place.file("run.json").exists():
        raise UserError(f"{out} is the folder of a run", expected="another --out for results of other rules")
    out.mkdir(parents=True, exist_ok=True)
    code = code_of_policies(thresholds)
    place.write_json("results.json", finite({**results, **({"code": code} if code else {})}))
    return place.file("results.json")


def as_outside(results: Mapping[str, Any], table: ScoreTable) -> dict[str, Any]:
    """Return results of scores that no manifest vouches for: a rate that only a list of all presentations could tell
    is absent, and nobody knows which domain took no part in training."""
    stated = {**results, "part_names": OUTSIDE_PARTS}
    if (table.frame["status"] == "ok").all():
        why = "the file lists no presentation without a score"
        stated["metrics"] = [
            {**row, "value": None, "reason": why} if row["metric"].startswith("non_response") else row
            for row in stated["metrics"]
        ]
    return stated


def read_for(path: Path, asked: Asked, reading: Reading) -> tuple[OutsideScores, Manifest | None]:
    """Read scores, and line them up with the manifest that is asked for, if any.

    Raises:
        UserError: as `read_outside` and `lined_up`; scores of another manifest.
    """
    from dataclasses import replace

    manifest = _manifest(asked) if asked else None
    key = _key(manifest) if manifest else None
    read = read_outside(path, reading, key=key)
    if manifest is None or key is None:
        return read, None
    origin = ScoreOrigin.of(read.table)
    origin.require_manifest(manifest.meta["fingerprint"], read.table.source)
    return replace(read, table=origin.on(lined_up(read.table, key, own=read.own))), manifest


def require_both_labels(table: ScoreTable) -> None:
    """Check that the part that is judged has both labels.

    Raises:
        UserError: it has one, or no part is there to be judged.
    """
    judged = table.part("test") or table.part("val")
    if judged is None:
        raise UserError(f"{table.source} has nothing to evaluate", expected="rows of part test or val")
    labels = judged.frame["label"].unique()
    if len(labels) < 2:
        raise UserError(
            f"{table.source} has one label only in part {judged.frame['part'].iloc[0]}",
            expected="bonafide and attack",
            found=str(labels[0]),
            do="name a threshold to see the error rate of that label alone: --threshold 'fixed(0.5)'",
        )


def _manifest(asked: Asked) -> Manifest:
    if asked.manifest:
        return given_manifest(Path(asked.manifest), asked.protocol, asked.recipe).manifest
    if not asked.protocol:
        raise UserError("scores alone need no --data", expected="--protocol NAME or --manifest FILE beside it")
    library = Library.locate(Path(asked.data) if asked.data else None)
    return find_manifest(library, asked.protocol, Wanted(asked.recipe or "standard")).manifest


def _key(manifest: Manifest) -> ScoreTable:
    """Return the samples of a manifest's parts val and test as a score table; every score is 0."""
    columns = ["sample_id", "dataset", "domain", "part", "clip_id", "subject", "label", "attack_type", "pai",
               "frame_index", "status"]  # fmt: skip
    frame = manifest.table.select(columns).to_pandas()
    frame = frame[frame["part"] != "train"]
    return ScoreTable(
        frame.assign(score=[0.0 if status == "ok" else float("nan") for status in frame["status"]]), "manifest"
    )


# -- As text ----------------------------------------------------------------------------------------------------------


def _text(results: Mapping[str, Any], source: str, origin: ScoreOrigin, read: OutsideScores) -> str:
    known = f"{origin.protocol} {origin.recipe}, manifest {origin.manifest_fingerprint[:12]}"
    lines = [
        f"scores      {source}" + (f", pictures worse by {origin.corruption}" if origin.corruption else ""),
        *read_lines(read),
        *([f"data        {known}"] if origin.manifest_fingerprint else []),
        f"checkpoint  selected by {results['selection']}"
        + (f": {origin.checkpoint}" if origin.checkpoint else "")
        + (f"; means over {results['averaged_over']} networks" if "averaged_over" in results else ""),
        f"rules       failures to acquire: {results['fta']}; clip = {results['fusion']} of its frames; species by "
        f"{results['species_by']}",
    ]
    return "\n".join([*lines, *number_lines(results)])


def read_lines(read: OutsideScores) -> list[str]:
    """Return what was read, and as what."""
    lines = [] if read.own else [f"rows        {len(read.table.frame):,} of {read.form}: {read.rows}"]
    lines += [f"clips       {part}: {words}" for part, words in holdings(read.table).items()]
    return [*lines, *(f"note        {note}" for note in read.notes)]


def number_lines(results: Mapping[str, Any]) -> list[str]:
    """Return the numbers of clips, with what they rest on and what looks wrong about them."""
    lines = []
    for part, about in results["uncertainty"].items():
        lines.append(f"people      {part}: {about['note']}")
    for part in ("val", "test"):
        counts = [row for row in results["counts"] if row["part"] == part]
        lost, clips = (sum(row[name] for row in counts) for name in ("fta_clips", "clips"))
        if lost:
            lines.append(f"no score    {part}: {lost} of {clips} clips, failures to acquire")
    targets = results.get("targets") or {}
    if targets:
        lines.append(f"targets     {', '.join(targets)}: what is said of part test is their mean; each one's below")
    for part in ("val", "test"):
        lines += _metric_lines(results, part)
    lines += _family_lines(results)
    for target, block in targets.items():
        lines += ["", f"{target}: {(block['uncertainty'].get('test') or {}).get('note', '')}".rstrip(": ")]
        lines += [*_metric_lines(block, "test"), *_family_lines(block)]
    if results["uncertainty"]:
        lines.append(f"intervals   95 %; {rules_note()}")
    measured = dict.fromkeys(about.get("coverage") for about in results["uncertainty"].values())
    lines += [f"            {words}" for words in measured if words]
    return [*lines, *(f"warning     {words}" for words in other_way_round(results))]


def _family_lines(results: Mapping[str, Any]) -> list[str]:
    """Return the APCER of physical and of digital attacks, where there are digital ones."""
    lines = []
    for row in results.get("families", ()):
        if row["level"] == "clip":
            share = percent(row["apcer"], str(row.get("reason") or "undefined"), **ends_of(row))
            what = f"{row['family']} attacks ({', '.join(row['species'])}; {row['n']} clips)"
            lines.append(f"{row['part']:5} {'apcer':9} {reasoned(share):41} {row['threshold_policy']}, {what}")
    return [*lines, f"digital     {OUTSIDE_30107}"] if lines else []


def _metric_lines(results: Mapping[str, Any], part: str) -> list[str]:
    return [
        f"{part:5} {row['metric']:9} {_number(row):41} {row['threshold_policy']}".rstrip()
        for row in results["metrics"]
        if row["part"] == part and row["level"] == "clip" and row["metric"] in SHOWN
    ]


def _number(row: Mapping[str, Any]) -> str:
    why = row.get("reason", "undefined")
    return reasoned(metric(row["metric"], row["value"], why, sd=row.get("std"), **ends_of(row)))


def bob_lines(table: ScoreTable, fusion: str = "mean") -> list[str]:
    """Return the numbers that bob.pad.base's `metrics` prints for these scores, a clip each, one line a criterion.

    The threshold is that of the development part where there is one, and is judged on both; attacks are told apart by
    their names; clips without a score are left out.
    """
    clips = {name: part for name in ("val", "test") if (part := table.clips(fusion).part(name))}
    samples = {name: Samples.of(part, "count", "pai") for name, part in clips.items()}
    basis = next(iter(samples.values()))
    rows = []
    for criterion in CRITERIA:
        try:
            threshold = bob_threshold(criterion, basis.scores, basis.labels, basis.species)
        except UserError as why:
            rows.append([criterion, "-", "-", *["-"] * 5, str(why)])
            continue
        for name, those in samples.items():
            rates = bob_rates(threshold, those.scores, those.labels, those.species)
            shares = (rates.apcer_ap, rates.bpcer, rates.acer, rates.hter, rates.fta)
            apcers = ", ".join(f"{attack} {100 * share:.2f}" for attack, share in rates.apcer_pais.items())
            rows.append([criterion, f"{threshold:.6g}", name, *(f"{100 * share:.2f}" for share in shares), apcers])
    head = ("criterion", "threshold", "part", "APCER_AP", "BPCER", "ACER", "HTER", "FTA", "APCER of each attack")
    lead = f"as bob      rates in %, clips; thresholds from part {next(iter(samples))}, as bob.pad.base defines them"
    return ["", lead, *text_table(head, rows)]
