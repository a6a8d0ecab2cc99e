"""Contestants: run folders without a network of ours. `fastrain import scores` makes one of a score file.

All that reads runs reads contestants, and says what it cannot do for want of which column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata import __version__
from fasdata.errors import UserError
from fasdata.foreign import opened, read_csv_rows
from fasdata.manifests.meta import parameters_of, recipe_key
from fastrain.evaluation.averaged import run_results
from fastrain.evaluation.score_columns import Reading
from fastrain.evaluation.score_facts import cannot_tell
from fastrain.evaluation.score_files import OutsideScores
from fastrain.evaluation.scores import ScoreOrigin, ScoreTable
from fastrain.evaluation.thresholds import STANDARD_POLICIES, named_policy
from fastrain.rescore.scores_alone import as_outside, number_lines, read_for, read_lines, require_both_labels
from fastrain.run.run import finite
from fastrain.rundir import RunDir, RunFacts

if TYPE_CHECKING:
    from fasdata.manifests import Manifest
    from fastrain.rescore.other_data import Asked

NO_POLICY = "not stated"
_NAME = re.compile(r"[^\s/<>&|\x00-\x1f\x7f]{1,80}")
_OURS = frozenset(
    (
        "scores.csv",
        "scores.csv.part",
        "manifest.json",
        "results.json",
        "fusion.json",
        ".lock",
        "checkpoints",
        "networks",
    )
)


@dataclass(frozen=True)
class ScoresRequest:
    """What `fastrain import scores` was asked for; `subjects` is a CSV with the columns id and subject."""

    file: Path
    name: str
    out: Path
    asked: Asked
    reading: Reading = field(default_factory=Reading)
    subjects: Path | None = None
    selection: str = ""
    fta: str = "count"


def import_scores(request: ScoresRequest) -> str:
    """Write the run folder of a contestant from a score file; return what was read and its numbers as text.

    Raises:
        UserError: a name that cannot be one, a file that cannot be read or matched, or `out` is in use.
    """
    require_name(request.name)
    if request.subjects and request.asked:
        raise UserError("people come from the manifest", expected="--protocol or --subjects, not both")
    run = RunDir(request.out)
    require_new(run)
    read, manifest = read_for(request.file, request.asked, request.reading)
    if request.subjects:
        read = with_subjects(read, request.subjects)
    require_both_labels(read.table)
    about = _about(request, read, manifest)
    table = ScoreOrigin.of_run(RunFacts.model_validate(about)).on(read.table)
    results = contestant_results(table, about, request.fta)
    with run.locked():
        if manifest is not None:
            run.write_json("manifest.json", manifest.meta)
        table.write_csv(run.file("scores.csv"))
        run.write_json("results.json", results)
        run.write_json("run.json", about)  # last: without it the folder is no run
    lines = [
        f"contestant  {request.name} in {run.path}, from {request.file}",
        *read_lines(read),
        *number_lines(results),
    ]
    lines += [f"not known   {sentence}" for sentence in about["contestant"]["cannot"]]
    return "\n".join([*lines, f"next: fastrain report {run.path}; fastrain compare {run.path} RUN..."])


def evaluate_contestant(folder: Path, fta: str | None = None) -> str:
    """Compute `results.json` of a contestant again from its `scores.csv`; return the numbers as text.

    With another `fta` than it was imported with, its numbers are returned only.

    Raises:
        UserError: no such run, a damaged table, one of another manifest.
    """
    run = RunDir(folder)
    about = run.facts()
    if about.status == "imported":
        raise UserError(
            f"the networks of {folder} have scored nothing yet",
            do=f"score it first: fastrain eval {folder} --on DATASET|PROTOCOL --data LIBRARY",
        )
    own = str(run.results().tree().get("fta", "count"))
    table = ScoreTable.read_csv(run.file("scores.csv"))
    ScoreOrigin.of(table).require_manifest(about.manifest_fingerprint, table.source)
    results = contestant_results(table, about.tree(), fta or own)
    lines = [f"contestant  {about.method}, in {folder}"]
    if fta in (None, own):
        run.write_json("results.json", results)
    else:
        lines.append(f"failure to acquire: {fta} (the folder's own results, with {own}, stay as they are)")
    lines += number_lines(results)
    return "\n".join([*lines, *(f"not known   {sentence}" for sentence in _cannot(about.tree()))])


def contestant_results(table: ScoreTable, about: Mapping[str, Any], fta: str) -> dict[str, Any]:
    """Return the results of scores from outside; a rate that only a list of all presentations could tell is absent."""
    selection = (about.get("selection") or {}).get("policy") or NO_POLICY
    named = [named_policy(text) for text in (about.get("contestant") or {}).get("policies") or ()]
    results = run_results(table, selection=selection, fta=fta, policies=named or STANDARD_POLICIES)
    if not about.get("manifest_fingerprint"):
        results = as_outside(results, table)
    return dict(finite(results))


def with_subjects(read: OutsideScores, file: Path) -> OutsideScores:
    """Return the scores with the people that a CSV (columns id, subject) names; an id is that of the recording.

    Raises:
        UserError: no such columns, an id with two people, no id that the scores have, or scores without ids.
    """
    if not read.has_ids:
        raise UserError(f"{read.table.source} has no column clip or id", do="add one, so that --subjects can be joined")
    people: dict[str, str] = {}
    for line, cells in read_csv_rows(file):
        if not {"id", "subject"} <= cells.keys():
            raise UserError(f"{file} lacks a column", expected="id, subject", found=", ".join(cells))
        name, person = cells["id"].strip(), cells["subject"].strip()
        if people.setdefault(name, person) != person:
            raise UserError(f"{file}, line {line}: {name!r} has two people", found=f"{people[name]} and {person}")
    frame = read.table.frame
    ids = frame["clip_id"].where(frame["clip_id"].isin(list(people)), frame["sample_id"])
    subjects = ids.map(people).fillna("")
    if not (subjects != "").any():
        raise UserError(f"{file} names none of the recordings", expected=f"ids such as {frame['clip_id'].iloc[0]!r}")
    unused = len(people) - len(set(ids) & set(people))
    loose = int((subjects[~frame["clip_id"].duplicated()] == "").sum())
    note = f"people from {file.name}" + (f"; {loose} recordings are not in it" if loose else "")
    note += f"; {unused} of its ids are no recording here" if unused else ""
    table = ScoreTable(frame.assign(subject=subjects), read.table.source)
    return replace(read, table=table, notes=(*read.notes, note))


def _about(request: ScoresRequest, read: OutsideScores, manifest: Manifest | None) -> dict[str, Any]:
    meta: Mapping[str, Any] = manifest.meta if manifest is not None else {}
    origin = ScoreOrigin.of(read.table)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "status": "contestant",
        "method": request.name,
        "protocol": meta.get("canonical") or origin.protocol or None,
        "protocol_alias": meta.get("alias"),
        "recipe": recipe_key(meta["recipe"]) if meta else origin.recipe or None,
        "recipe_parameters": parameters_of(meta["recipe"]) if meta else {},
        "manifest_fingerprint": meta.get("fingerprint") or origin.manifest_fingerprint or None,
        "selection": {"policy": request.selection or origin.selection or None},
        "tool_version": __version__,
        "finished": now,
        "contestant": {
            "kind": "scores",
            "file": request.file.name,
            "sha256": digest_of(request.file),
            "form": read.form,
            "rows": read.rows,
            "notes": list(read.notes),
            "cannot": cannot_tell(read, manifest=manifest is not None),
        },
    }


def _cannot(about: Mapping[str, Any]) -> Sequence[str]:
    return (about.get("contestant") or {}).get("cannot") or []


def digest_of(path: Path) -> str:
    """Return the hash of a file, or of the files of a folder in the order of their names."""
    digest = sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            with opened(file, largest=1 << 40) as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        plain = re.sub(r"[\s/<>&|\x00-\x1f\x7f]+", "-", name)[:80].strip("-")
        raise UserError(
            f"--name {name!r} cannot be the name of a contestant",
            expected="1 to 80 characters, no blanks and none of / < > & |",
            do=f"try {plain}" if plain else "",
        )


def require_new(run: RunDir) -> None:
    run.require_writable()
    there = [path.name for path in run.path.iterdir()] if run.path.is_dir() else []
    if "run.json" in there or run.path.is_file() or set(there) - _OURS:
        raise UserError(f"{run.path} exists already", do="give another --out")
