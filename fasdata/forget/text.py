"""Describe a removal as text: what would be removed, what was, and what lies outside the library's reach."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.forget.carry_out import ForgetReport
from fasdata.forget.removal import ForgetPlan, RunUse
from fasdata.library import Library
from fasdata.lock.lock import lock_path


def describe_plan(plan: ForgetPlan, library: Library) -> str:
    """Describe what a library holds of a person and would remove."""
    lines = [f"{plan.dataset}, person {plan.subject!r}: {len(plan.clips)} clips", *_list(plan.clips)]
    lines += [
        f"manifest {library.root / manifest.path}: {manifest.rows} rows ({', '.join(manifest.parts)})"
        for manifest in plan.manifests
        if manifest.rows
    ]
    lines += [f"pack {library.root / name}: made from this dataset, deleted as a whole" for name in plan.packs]
    return "\n".join(lines)


def describe_report(plan: ForgetPlan, report: ForgetReport, library: Library) -> str:
    """Describe what was removed, and the proof that it is gone."""
    lines = [""]
    if report.proof:
        lines.append(
            f"store {library.store_dir(plan.dataset)}: {report.removed} clips removed with all their crops; "
            f"content {plan.before[:12]} -> {report.proof.content_hash[:12]}"
        )
    lines += [f"manifest {library.root / name}: {change}" for name, change in report.manifests.items()]
    lines += [f"pack {library.root / name}: removed; make it again: fasdata pack" for name in report.packs]
    lines += [f"{path}: removed, a damaged shard that a repair had set aside" for path in report.set_aside]
    if report.proof:
        hashes = f"all hashes of the {report.proof.clips} clips that stay were computed again"
        lines += [
            f"proof: no key, record or piece of a crop of these clips in {report.proof.bytes / 2**20:.1f} MiB of "
            f"shards; {hashes} and {'agree' if not report.proof.damage else 'not all is well with them:'}",
            *(f"note: in the store {library.store_dir(plan.dataset)}: {damage}" for damage in report.proof.damage),
            *(_mend(plan, library) if report.proof.damage else ()),
            *(f"note: the same picture is stored for another person too: {key}" for key in report.proof.copies),
        ]
    lines += [
        f"note: {path} still names clips of this person; remove or change it yourself" for path in report.named_in
    ]
    lines += [f"note: {path} was made before and may show this person" for path in report.pages]
    if lock_path(library).is_file():
        lines.append(f"note: {lock_path(library)} is out of date: write it again with 'fasdata lock'")
    return "\n".join(lines)


def _mend(plan: ForgetPlan, library: Library) -> list[str]:
    folder = library.store_dir(plan.dataset)
    return [
        f"      the removal is done; for the rest: fasdata store check {folder} --rehash --repair, then extract again"
    ]


def describe_runs(plan: ForgetPlan, uses: Sequence[RunUse], folders: Sequence[str]) -> str:
    """Describe the runs that used the person, and what lies outside the library's reach."""
    lines = [""]
    if uses:
        lines.append(f"runs that used this person (searched: {', '.join(folders)}); they are not changed:")
        for use in uses:
            parts = f"part {' and '.join(use.parts)} of its data" if use.parts else "its data are unknown"
            scores = f"; {use.scores} rows of its scores.csv carry the ids" if use.scores else ""
            lines.append(f"  {use.folder}: {parts}{scores}; its report.html may show the face")
    else:
        lines.append(f"no run in {', '.join(folders)} used this person")
    lines.append(
        "not touched: the raw dataset (extracting it again brings the person back), exports, copies and backups "
        "outside the library, and disk blocks that the file system has freed"
    )
    return "\n".join(lines)


def _list(clips: Sequence[str], shown: int = 10) -> list[str]:
    more = [f"  … and {len(clips) - shown} more"] if len(clips) > shown else []
    return [*(f"  {clip}" for clip in clips[:shown]), *more]
