"""What an export would do and what it did, for people."""

from __future__ import annotations

from fasdata.exchange.run import ExportPlan, ExportReport
from fasdata.text_table import text_table


def describe_plan(plan: ExportPlan) -> str:
    """Return layout, labels, view, codec, counts by part, dataset and label, and notes."""
    meta, identity = plan.manifest.meta, plan.identity
    files = sum(len(unit.files) for unit in plan.units)
    lines = [
        f"layout     {plan.layout.name}, read by {plan.layout.reads}",
        f"labels     {plan.layout.labels}",
        f"protocol   {meta['canonical']}, recipe {meta['recipe']['name']}, manifest {meta['fingerprint'][:16]}",
        f"pictures   view {identity['view']}, codec {identity['codec']}",
        "",
        *text_table(("part", "dataset", "label", "clips", "frames"), plan.counts),
        "",
        f"files      {files} and {len(plan.lists)} lists into {plan.request.out}",
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in [*plan.notes, *_of_the_place(plan)])])


def describe_report(plan: ExportPlan, report: ExportReport) -> str:
    """Return what was written and what was there before."""
    said = [f"wrote {report.written} of {len(plan.units)} units, {report.bytes / 2**20:.1f} MiB"]
    if report.kept:
        said.append(f"{report.kept} were there and right")
    lines = [f"{'; '.join(said)}: {plan.request.out}"]
    if report.unlinked:
        lines.append(f"note: {report.unlinked} links could not be made on this file system: SA-FAS finds no folders")
    return "\n".join(lines)


def _of_the_place(plan: ExportPlan) -> list[str]:
    whole = str(plan.request.out.absolute())
    found = [word for word in ("live", "spoof") if word in whole]
    if plan.layout.name != "safas" or not found:
        return []
    return [f"GAC-FAS takes words of the whole path for labels, and this one has {' and '.join(found)}: move it"]
