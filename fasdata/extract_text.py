"""The words around an extraction: what it will do, and what came of it."""

from __future__ import annotations

from fasdata.extract import ExtractPlan, ExtractReport
from fasdata.records import LABELS, MODALITIES
from fasdata.settings import ExtractSettings

SHOWN = 10  # lines of a long list


def describe_plan(plan: ExtractPlan) -> str:
    """Return what a run would do."""
    left = len(plan.clips) - plan.done
    lines = [
        f"{plan.dataset}: {len(plan.clips)} clips in layout {plan.layout!r}, "
        f"{plan.done} of them already in {plan.folder}",
        f"to do: {left} clips, about {left * plan.frames_a_clip} frames and {plan.gigabytes:.2f} GB "
        f"(rules {' + '.join(map(str, plan.settings.rules))}; detector {_detector(plan.settings)})",
    ]
    modalities = [name for name in MODALITIES if any(name in clip.relpaths for clip in plan.clips)]
    if modalities != ["rgb"]:
        form = plan.settings.form
        unit = f", depth unit {form.depth_unit}" if form.depth_unit else ""
        lines.append(f"modalities: {', '.join(modalities)} (registered: {form.registered}{unit})")
    lines += [f"note: {note}" for note in plan.notes]
    if plan.unmatched:
        lines.append(f"warning: {len(plan.unmatched)} media files match no rule of the layout:")
        lines += _some(list(plan.unmatched))
    return "\n".join(lines)


def describe_report(report: ExtractReport) -> str:
    """Return the closing summary: outcomes by label, reasons, and where the store is."""
    labels = [*LABELS, *sorted({label for label, _ in report.outcomes} - set(LABELS))]
    lines = [f"{report.dataset}: {report.found} clips ({report.already} from an earlier run)"]
    if report.described_anew:
        told = "have another label, split or description now, which was written anew"
        lines.append(f"{report.described_anew} of them {told}")
    lines.append("")
    lines.append(f"{'label':<12}{'usable':>8}{'no face':>9}{'failed':>8}")
    for label in labels:
        counts = [report.outcomes[label, status] for status in ("ok", "fta", "failed")]
        if any(counts) or label in LABELS:
            lines.append(f"{label:<12}{counts[0]:>8}{counts[1]:>9}{counts[2]:>8}")
    chosen = ", ".join(f"{status} {number}" for status, number in sorted(report.frames.items()))
    lines += ["", f"faces of the chosen frames: {chosen or 'none'}"]
    if set(report.modalities) - {"rgb"}:
        held = ", ".join(f"{name} {report.modalities[name]}" for name in MODALITIES if report.modalities[name])
        lines.append(f"stored images: {held}")
    if report.dark:
        lines.append(f"dark: {report.dark} of the stored frames (mean colour under 5 of 255)")
    if report.reasons:
        lines.append("not usable:")
        lines += [
            f"  {number} x {label}, {'no usable face' if status == 'fta' else 'failed'}: {reason}"
            for (label, status, reason), number in report.reasons.most_common(SHOWN)
        ]
    if report.failed:
        lines.append("could not be decoded (replace these files, then run again with --retry-failed):")
        lines += _some(report.failed)
    if report.notes:
        lines.append("notes:")
        lines += _some([f"{len(paths)} x {note} (e.g. {paths[0]})" for note, paths in report.notes.items()])
    lines += ["", f"store: {report.folder}", f"content: {report.content_hash}"]
    return "\n".join(lines)


def _detector(settings: ExtractSettings) -> str:
    if settings.detector != "none":
        return settings.detector
    return "none: every image is a face" + (", black borders are cut" if settings.cuts_borders else "")


def _some(lines: list[str]) -> list[str]:
    rest = [f"  … and {len(lines) - SHOWN} more (clips.parquet has all)"] if len(lines) > SHOWN else []
    return [f"  {line}" for line in lines[:SHOWN]] + rest
