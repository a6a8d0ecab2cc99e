"""Judge a fusion: each run alone and all as one, by one function, as text and as a contestant's folder (`--out`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from fasdata import __version__
from fasdata.errors import UserError
from fasdata.foreign import read_json_object
from fasdata.page.spelling import percent, reasoned, score
from fastrain.evaluation.results_lookup import ends_of
from fastrain.evaluation.score_rules import ORIGIN_COLUMNS
from fastrain.evaluation.scores import ScoreOrigin, ScoreTable
from fastrain.evaluation.thresholds import SOURCE_EER, TARGET_EER, fixed, held_out_threshold
from fastrain.rescore.contestants import contestant_results, digest_of, require_new
from fastrain.rescore.fusion import Rule, fused_table
from fastrain.rescore.scores_alone import number_lines
from fastrain.rundir import MANIFEST, ResultFacts, RunDir, RunFacts
from fastrain.rundir.fused import FUSION, FusedRun, FusionFacts

_SHARED = ("protocol", "protocol_alias", "recipe", "recipe_parameters", "manifest_fingerprint")


@dataclass(frozen=True)
class Judged:
    """A run, or all together: what it is called, the clips that are judged, what is known of it, and its results."""

    name: str
    table: ScoreTable
    about: Mapping[str, Any]
    results: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, table: ScoreTable, about: Mapping[str, Any], fta: str, policies: Sequence[str]) -> Judged:
        """Judge clips at these policies: every rate of a fusion, on paper and on the page, is from here."""
        contestant = {**(about.get("contestant") or {}), "policies": list(policies)}
        about = {**about, "contestant": contestant}
        table = ScoreOrigin(protocol=str(about.get("protocol") or "")).on(table)  # which says how targets are judged
        return cls(name, table, about, contestant_results(table, about, fta))


@dataclass(frozen=True)
class Fusion:
    """Several runs, each judged alone, and all of them as one; `text` is the rule as it was given."""

    rule: Rule
    text: str
    folders: tuple[Path, ...]
    runs: tuple[Judged, ...]
    fused: Judged

    @property
    def words(self) -> str:
        """What the rule does, in words."""
        names = ", ".join(run.name for run in self.runs)
        if self.rule.decides:
            who = "every run accepts" if self.rule.name == "and" else "some run accepts"
            return f"accepted is what {who} at its own threshold of the held-out sources: {names}"
        shares = ", ".join(
            f"{weight:.3g} of {run.name}" for weight, run in zip(self.rule.weights, self.runs, strict=True)
        )
        return f"scores are averaged, {shares}; the threshold is found on the averages of the held-out sources"

    @property
    def lines(self) -> list[str]:
        """The rates of each run and of all together, as text."""
        lines = [f"fused       {self.rule.name} of {', '.join(run.name for run in self.runs)}"]
        for of in (*self.runs, self.fused):
            lines += ["", f"{of.name}:", *_threshold_lines(of.results), *number_lines(of.results)]
            lines += _species_lines(of.results)
        return lines


def fuse_runs(folders: Sequence[Path], text: str, fta: str | None = None, out: Path | None = None) -> str:
    """Fuse runs that scored the same clips; return the rates of each and of the fused decision as text.

    With `out` the fused decision becomes a contestant in that folder, for `report` and `compare`.

    Raises:
        UserError: as `fused_runs`; `out` is in use.
    """
    if out is not None:
        require_new(RunDir(out))
    fusion = fused_runs(folders, text, fta or "count")
    if out is None:
        return "\n".join(fusion.lines)
    _write(fusion, RunDir(out))
    return "\n".join([*fusion.lines, "", f"next: fastrain report {out}; fastrain compare {out} RUN..."])


def fused_runs(folders: Sequence[Path], text: str, fta: str) -> Fusion:
    """Judge each run and all together. A clip that some run could not acquire is not acquired.

    Of a run that reports the mean over several of its networks the last one is fused, and judged.

    Raises:
        UserError: fewer than two runs, other clips or people, a run without a source threshold for `and` and `or`,
            scores outside 0 to 1 for a mean.
    """
    if len(folders) < 2:
        raise UserError("--fuse joins several runs", expected="two or more run folders")
    rule = Rule.parse(text, len(folders))
    facts = [RunDir(folder).facts() for folder in folders]
    names = [f"{about.method or 'run'} ({folder.name})" for about, folder in zip(facts, folders, strict=True)]
    tables = [_clips(folder) for folder in folders]
    thresholds = [held_out_threshold(table, fta=fta) for table in tables]
    if rule.decides:
        for name, threshold in zip(names, thresholds, strict=True):
            if not np.isfinite(threshold):
                raise UserError(
                    f"{name} has no threshold of held-out sources", do="fuse by mean, or score it with part val"
                )
    table = fused_table(rule, tables, [str(folder) for folder in folders], thresholds)
    runs = tuple(
        Judged.of(name, clips, about.tree(), fta, [SOURCE_EER.name])
        for name, clips, about in zip(names, tables, facts, strict=True)
    )
    policies = (fixed(0.0),) if rule.decides else (SOURCE_EER, TARGET_EER)
    about = _about(rule, folders, facts)
    fused = Judged.of(text, table, about, fta, [policy.name for policy in policies])
    return Fusion(rule, text, tuple(folders), runs, fused)


def _threshold_lines(results: Mapping[str, Any]) -> list[str]:
    lines = []
    for row in results["thresholds"]:
        if row["level"] == "clip":
            value = reasoned(score(row["value"], str(row.get("reason") or "none")))
            source = f"part {row['from_part']}" if row["from_part"] else "every run's own"
            lines.append(f"threshold   {value}, {row['policy']}, from {source}")
    return lines


def _species_lines(results: Mapping[str, Any]) -> list[str]:
    lines = []
    for row in results["species"]:
        if row["level"] == "clip":
            share = percent(row["apcer"], str(row.get("reason") or "undefined"), **ends_of(row))
            at = f"{row['threshold_policy']}, {row['species']} ({row['n']} clips)"
            lines.append(f"{row['part']:5} {'apcer':9} {reasoned(share):41} {at}")
    return lines


# -- As a contestant ---------------------------------------------------------------------------------------------------


def _about(rule: Rule, folders: Sequence[Path], facts: Sequence[RunFacts]) -> dict[str, Any]:
    """Return the `run.json` of the fused decision: of the protocol of its runs, where that is one."""
    first = facts[0]
    same = first.manifest_fingerprint and all(a.manifest_fingerprint == first.manifest_fingerprint for a in facts)
    weights = f"({','.join(f'{weight:.3g}' for weight in rule.weights)})" if rule.name == "weighted" else ""
    digests = [digest_of(RunDir(folder).file("scores.csv")) for folder in folders]
    of = {name: first.tree().get(name) for name in _SHARED} if same else {}
    names = [f"{about.method or 'run'} ({folder.name})" for about, folder in zip(facts, folders, strict=True)]
    return {
        **{name: value for name, value in of.items() if value is not None},
        "status": "contestant",
        "method": f"{rule.name}{weights}:{'+'.join(str(about.method or 'run') for about in facts)}",
        "selection": {"policy": "fused"},
        "tool_version": __version__,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "contestant": {
            "kind": "fusion",
            "file": ", ".join(names),
            "sha256": sha256(" ".join([rule.name, weights, *digests]).encode()).hexdigest(),
            "form": "several runs as one decision",
            "rows": "clip",
        },
    }


def _write(fusion: Fusion, run: RunDir) -> None:
    about = RunFacts.model_validate(fusion.fused.about)
    weights = fusion.rule.weights or (None,) * len(fusion.runs)
    written = FusionFacts(
        rule=fusion.text,
        words=fusion.words,
        runs=[
            FusedRun(
                name=of.name, folder=folder.name, weight=weight, sha256=digest_of(RunDir(folder).file("scores.csv")),
                results=ResultFacts.model_validate({**of.results, "roc": {}}),
            )
            for of, folder, weight in zip(fusion.runs, fusion.folders, weights, strict=True)
        ],
    )  # fmt: skip
    manifest = RunDir(fusion.folders[0]).file(MANIFEST)
    with run.locked():
        if about.manifest_fingerprint and manifest.is_file():
            run.write_json(MANIFEST, read_json_object(manifest))
        ScoreOrigin.of_run(about).on(fusion.fused.table).write_csv(run.file("scores.csv"))
        run.write_json("results.json", fusion.fused.results)
        run.write_json(FUSION, written.tree())
        run.write_json("run.json", fusion.fused.about)  # last: without it the folder is no run


def _clips(folder: Path) -> ScoreTable:
    run = RunDir(folder)
    table = ScoreTable.read_csv(run.file("scores.csv"))
    others = [name for name in table.frame.columns if name.startswith("score_")]
    plain = table.frame.drop(columns=[*ORIGIN_COLUMNS, *others], errors="ignore")
    return ScoreTable(plain, str(folder)).clips()
