"""Describe an extraction in words: what it will do, and its summary."""

from __future__ import annotations

from fasdata.extract.extraction import ExtractPlan, ExtractReport
from fasdata.extract.settings import ExtractSettings
from fasdata.media.frame import BY_GROUPS
from fasdata.records import BONAFIDE, LABELS, MODALITIES
from fasdata.store.codec import GENTLE, Codec
from fasdata.store.tables import FAILURES

SHOWN = 10  # lines of a long list


def describe_plan(plan: ExtractPlan) -> str:
    """Return what a run would do, for `--dry-run`."""
    wider = f" and frames for {plan.wider} of those" if plan.wider else ""
    done = len(plan.clips) - plan.new
    lines = [
        f"{plan.dataset}: {len(plan.clips)} clips in layout {plan.layout!r}, {done} of them already in {plan.folder}",
        f"to do: {plan.new} clips{wider}, about {plan.frames} frames and {plan.gigabytes:.2f} GB "
        f"(rules {' + '.join(map(str, plan.settings.rules))}; detector {_detector(plan.settings)}; "
        f"codec {plan.settings.codec})",
    ]
    views = plan.settings.views
    region = f"what {' and '.join(views)} show" if views else f"{plan.settings.context:g} x the box"
    lines.append(f"faces by the rule {plan.settings.choice}, stored: {region}")
    if plan.settings.reading.on_damage == "stop":
        lines.append("a recording ends at its first damaged packet (--on-damage stop)")
    if plan.settings.reading.sparse:
        lines.append(
            "of a video that proves which frame is which, only what is needed is decoded (--read all: everything)"
        )
    if plan.failed:
        lines.append(f"on record as not decodable: {plan.failed} clips (--retry-failed tries them again)")
    if 0 < Codec.parse(plan.settings.codec).quality < GENTLE:
        lines.append(f"note: a JPEG of quality under {GENTLE} loses traces that tell attacks from faces")
    modalities = [name for name in MODALITIES if any(name in clip.relpaths for clip in plan.clips)]
    if modalities != ["rgb"]:
        form = plan.settings.form
        unit = f", depth unit {form.depth_unit}" if form.depth_unit else ""
        lines.append(f"modalities: {', '.join(modalities)} (registered: {form.registered}{unit})")
    lines += [f"note: {note}" for note in plan.notes]
    if plan.skipped:
        lines.append(f"warning: {len(plan.skipped)} entries of the dataset's folder cannot be read and are left out:")
        lines += _some(list(plan.skipped))
    if plan.absent:
        lines.append(f"warning: {len(plan.absent)} files that the table names are not there:")
        lines += _some(list(plan.absent), FAILURES)
    if plan.second_files:
        lines.append(f"warning: {len(plan.second_files)} second files of clips are left out:")
        lines += _some(list(plan.second_files), "")
    if plan.unmatched:
        lines.append(f"warning: {len(plan.unmatched)} media files match no rule of the layout:")
        lines += _some(list(plan.unmatched), "")
    return "\n".join(lines)


def describe_report(report: ExtractReport) -> str:
    """Return the closing summary: outcomes by label, reasons, and where the store is."""
    lines = [f"{report.dataset}: {report.clips} clips ({report.already} from an earlier run)"]
    if report.described_anew:
        lines.append(f"{report.described_anew} of them have another label, split or description now: it was updated")
    if report.widened:
        lines.append(f"{report.widened} of them have frames of further rules now")
    lines += ["", *_outcomes(report)]
    statuses = ", ".join(f"{status} {number}" for status, number in sorted(report.frames.items()))
    lines += ["", f"face status of the selected frames: {statuses or 'none'}"]
    if report.ways:
        lines.append(f"videos: {_ways(report)}")
    if set(report.modalities) - {"rgb"}:
        images = ", ".join(f"{name} {report.modalities[name]}" for name in MODALITIES if report.modalities[name])
        lines.append(f"stored images: {images}")
    if report.dark:
        lines.append(f"dark: {report.dark} of the stored frames (mean colour under 5 of 255)")
    if report.reasons:
        lines.append(f"not usable (each in {report.folder / FAILURES}):")
        lines += [
            f"  {group.total} x {label}, {'no usable face' if status == 'fta' else 'failed'}: {group}"
            for (label, status), group in report.reasons.ranked()[:SHOWN]
        ]
    if report.failed:
        lines.append("could not be decoded (replace these files, then run again with --retry-failed):")
        lines += _some(report.failed, FAILURES)
    if report.not_widened:
        lines.append("could not be decoded again for further frames (their stored frames stay):")
        lines += [f"  {line}" for line in report.not_widened]
    if report.notes:
        lines.append("notes:")
        lines += _some([f"{group.total} x {group}, e.g. {group.path}" for _, group in report.notes.ranked()])
    lines += ["", f"store: {report.folder}", f"content: {report.content_hash}"]
    return "\n".join(lines)


def _outcomes(report: ExtractReport) -> list[str]:
    """Return a table of outcomes by label, and below each label by attack type.

    The last column is the failure to acquire: clips without a usable face among those that could be decoded.
    """
    rows = [f"{'':<14}{'usable':>8}{'no face':>9}{'failed':>8}{'no face, % of decoded':>24}"]
    labels = [*LABELS, *sorted({label for label, _, _ in report.outcomes} - set(LABELS))]
    for label in labels:
        types = sorted({type_ for its_label, type_, _ in report.outcomes if its_label == label})
        if label in LABELS or types:
            rows.append(_row(label, report.counts(label)))
        if label != BONAFIDE and types != ["unknown"]:
            rows += [_row(f"  {type_}", report.counts(label, type_)) for type_ in types]
    return rows


def _ways(report: ExtractReport) -> str:
    """Return how videos were read, and why in order."""
    by_groups, others = report.ways[BY_GROUPS], report.ways.total() - report.ways[BY_GROUPS]
    why = [f"{n} x {way.partition(': ')[2]}" for way, n in report.ways.most_common() if ": " in way]
    words = [
        f"of {by_groups} only the groups of pictures were decoded that hold wanted frames (--read all looks for damage "
        "in the others)" if by_groups else "",
        f"{others} were read in order" + (f" ({', '.join(why)})" if why else "") if others else "",
    ]  # fmt: skip
    return "; ".join(filter(None, words))


def _row(name: str, counts: tuple[int, int, int]) -> str:
    usable, faceless, failed = counts
    decoded = usable + faceless
    rate = f"{100 * faceless / decoded:.1f}" if decoded else "-"
    return f"{name:<14}{usable:>8}{faceless:>9}{failed:>8}{rate:>24}"


def _detector(settings: ExtractSettings) -> str:
    if settings.takes_whole_image:
        return f"{settings.detector}: every image is a face" + (
            ", black borders are cut" if settings.cuts_borders else ""
        )
    return settings.detector + (f", tracking {settings.tracking}" if settings.tracking != "off" else "")


def _some(lines: list[str], where: str = "clips.parquet") -> list[str]:
    all_in = f" ({where} has all)" if where else ""
    rest = [f"  … and {len(lines) - SHOWN} more{all_in}"] if len(lines) > SHOWN else []
    return [f"  {line}" for line in lines[:SHOWN]] + rest
