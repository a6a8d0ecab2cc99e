"""`fastrain eval SCORES`: compute all results again from scores alone, without the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.page.spelling import metric, reasoned
from fastrain.data.manifests import find_manifest, given_manifest
from fastrain.evaluation.averaged import AT, BEST, networks, run_results
from fastrain.evaluation.score_files import read_scores
from fastrain.evaluation.score_writers import write_scores
from fastrain.evaluation.scores import ScoreOrigin, ScoreTable
from fastrain.evaluation.thresholds import STANDARD_POLICIES, named_policy
from fastrain.rundir import RunDir, RunFacts

if TYPE_CHECKING:
    from fasdata.manifest import Manifest
    from fastrain.rescore.other_data import Asked

SHOWN = ("auc", "eer", "hter", "apcer", "bpcer", "acer_max", "bpcer20")


def evaluate_scores(
    path: Path,
    asked: Asked,
    *,
    fta: str | None = None,
    thresholds: Sequence[str] = (),
    fusion: str | None = None,
    species: str | None = None,
    higher: str = "",
    form: str | None = None,
    out: Path | None = None,
) -> str:
    """Evaluate a run's scores or a score file, return the results as text; with `form` write the scores to `out`.

    With a protocol or a manifest the ids have to be those of it, and its labels are the ones that count. Scores that
    name their manifest have to name that one. Scores of one label alone are judged only at thresholds that are given.

    Raises:
        UserError: unreadable scores, one label only, ids or fingerprint of another manifest, an unknown policy, fusion,
            kind of species or form.
    """
    run = RunDir(path) if (path / "run.json").is_file() else None
    about = run.facts() if run else RunFacts()
    manifest = _manifest(asked) if asked else None
    key = _key(manifest) if manifest else None
    table = read_scores(run.file("scores.csv") if run else path, key=key, higher=higher)
    origin = ScoreOrigin.of(table)
    origin.require_manifest(about.manifest_fingerprint, table.source)
    if manifest and key:
        origin.require_manifest(manifest.meta["fingerprint"], table.source)
        table = origin.on(relabelled(table, key))
    if not thresholds:
        _require_both_labels(table)
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
    return "\n".join([_text(results, str(path), origin), *lines])


def relabelled(table: ScoreTable, key: ScoreTable) -> ScoreTable:
    """Return the scores with part, label, species and subject of `key`, after checking that the samples agree.

    Raises:
        UserError: ids that `key` does not have, or samples of a part that have no score.
    """
    known = key.frame.set_index("sample_id", drop=False)
    ids = table.frame["sample_id"]
    strange = ids[~ids.isin(known.index)]
    if len(strange):
        raise UserError(
            f"{table.source} has ids that the manifest does not have",
            found=f"{strange.iloc[0]!r}" + (f" and {len(strange) - 1} more" if len(strange) > 1 else ""),
            do="name the manifest that these scores are of",
        )
    rows = known.loc[ids].reset_index(drop=True)
    parts = rows["part"].unique()
    wanted = key.frame[key.frame["part"].isin(parts) & (key.frame["status"] == "ok")]
    missing = wanted[~wanted["sample_id"].isin(set(ids))]
    if len(missing):
        raise UserError(
            f"{table.source} lacks scores of samples that the manifest has",
            found=f"{missing['sample_id'].iloc[0]!r}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
        )
    lost = key.frame[key.frame["part"].isin(parts) & (key.frame["status"] == "fta") & ~key.frame["sample_id"].isin(ids)]
    import pandas as pd

    kept = [name for name in table.frame.columns if name in ("score", "status", BEST) or name.startswith(AT)]
    scored = rows.assign(**{name: table.frame[name].to_numpy() for name in kept})
    return ScoreTable(pd.concat([scored, lost], ignore_index=True), table.source)


def _require_both_labels(table: ScoreTable) -> None:
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
    return find_manifest(library, asked.protocol, asked.recipe or "standard", None).manifest


def _key(manifest: Manifest) -> ScoreTable:
    """Return the samples of a manifest's parts val and test as a score table; every score is 0."""
    columns = ["sample_id", "dataset", "domain", "part", "clip_id", "subject", "label", "attack_type", "pai",
               "frame_index", "status"]  # fmt: skip
    frame = manifest.table.select(columns).to_pandas()
    frame = frame[frame["part"] != "train"]
    return ScoreTable(
        frame.assign(score=[0.0 if status == "ok" else float("nan") for status in frame["status"]]), "manifest"
    )


def _text(results: Mapping[str, Any], source: str, origin: ScoreOrigin) -> str:
    known = f"{origin.protocol} {origin.recipe}, manifest {origin.manifest_fingerprint[:12]}"
    lines = [
        f"scores      {source}" + (f", pictures worse by {origin.corruption}" if origin.corruption else ""),
        *([f"data        {known}"] if origin.manifest_fingerprint else []),
        f"checkpoint  selected by {results['selection']}"
        + (f": {origin.checkpoint}" if origin.checkpoint else "")
        + (f"; means over {results['averaged_over']} networks" if "averaged_over" in results else ""),
        f"rules       failures to acquire: {results['fta']}; clip = {results['fusion']} of its frames; species by "
        f"{results['species_by']}",
    ]
    for part, about in results["uncertainty"].items():
        lines.append(f"people      {part}: {about['note']}")
    for part in ("val", "test"):
        counts = [row for row in results["counts"] if row["part"] == part]
        lost, clips = (sum(row[name] for row in counts) for name in ("fta_clips", "clips"))
        if lost:
            lines.append(f"no score    {part}: {lost} of {clips} clips, failures to acquire")
    for part in ("val", "test"):
        for row in results["metrics"]:
            if row["part"] == part and row["level"] == "clip" and row["metric"] in SHOWN:
                lines.append(f"{part:5} {row['metric']:9} {_number(row):34} {row['threshold_policy']}".rstrip())
    return "\n".join(lines)


def _number(row: Mapping[str, Any]) -> str:
    ends, why = (row.get("low"), row.get("high")), row.get("reason", "undefined")
    return reasoned(metric(row["metric"], row["value"], why, sd=row.get("std"), ends=ends))
