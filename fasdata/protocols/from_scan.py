"""Count the clips that each part of a protocol would have, from the paths of raw datasets, without a store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import ScanResult, scan
from fasdata.errors import UserError
from fasdata.manifests.leakage import find_crossing, require_no_crossing
from fasdata.manifests.meta import Deviation
from fasdata.manifests.table import PARTS
from fasdata.page.spelling import text_table
from fasdata.protocols.assign import UNUSED, Assignment
from fasdata.protocols.build import Options, all_deviations, assign_all, planned
from fasdata.protocols.gate import require_expected
from fasdata.protocols.plan import Plan
from fasdata.protocols.recipe import DEFAULT
from fasdata.protocols.recipe_lists import require_lists, select_clips
from fasdata.protocols.show import domain_text, judged_text
from fasdata.records import LABELS


@dataclass(frozen=True)
class ScanPlan:
    """What a build would hold, before any clip is dropped.

    `clips` and `files` (images of colour, or videos) count by part, dataset and label.
    """

    plan: Plan
    clips: Mapping[tuple[str, str, str], int]
    files: Mapping[tuple[str, str, str], int]
    deviations: tuple[Deviation, ...]
    notes: tuple[str, ...]

    def text(self) -> str:
        """Return the counts as text."""
        rows = [(*cell, number, self.files[cell]) for cell, number in self.clips.items()]
        lines = [
            self.plan.name.canonical,
            f"recipe   {self.plan.recipe.text}: {self.plan.recipe.title}",
            f"sources  {', '.join(map(domain_text, self.plan.sources))}",
            f"target   {', '.join(map(domain_text, self.plan.targets))}"
            + judged_text(self.plan.name.canonical, len(self.plan.targets)),
            "",
            "counted from paths, before clips without a face are dropped",
            *text_table(("part", "dataset", "label", "clips", "files"), rows),
        ]
        if self.deviations:
            header = ("role", "dataset", "label", "expected", "found")
            cells = [[getattr(deviation, key) for key in header] for deviation in self.deviations]
            lines += ["", "warning: counts differ from those of the full datasets", *text_table(header, cells)]
        else:
            lines += ["", "counts: as the recipe expects, where it states them"]
        return "\n".join([*lines, *self.notes])


def scan_roots(roots: Sequence[str], lists: Path | None = None) -> dict[str, ScanResult]:
    """Scan the datasets of `DATASET=ROOT` arguments; return the results by slug.

    Raises:
        UserError: an argument of another form, a dataset twice, or a root without the dataset.
    """
    scans: dict[str, ScanResult] = {}
    for text in roots:
        name, equals, root = text.partition("=")
        if not (name and equals and root):
            raise UserError(f"--from-scan {text!r}", expected="DATASET=ROOT, e.g. OULU-NPU=/mnt/oulu")
        card = find_card(name)
        if card.slug in scans:
            raise UserError(f"--from-scan names {card.name} twice", do="give each dataset once")
        scans[card.slug] = scan(card, Path(root), lists=lists)
    return scans


def check_plan(name: str, recipe: str, options: Options) -> Plan:
    """Return the plan, before any tree is walked.

    Raises:
        UserError: name or recipe unknown, or a list missing that the recipe cannot do without.
    """
    plan = planned(name, recipe, None, options)
    require_lists(plan, options.lists)
    return plan


def plan_from_scan(
    name: str, scans: Mapping[str, ScanResult], *, recipe: str = DEFAULT, options: Options | None = None
) -> ScanPlan:
    """Count what a build of the protocol would hold.

    Raises:
        UserError: as `build_protocol`, and a dataset of the protocol that was not scanned.
    """
    options = options or Options()
    plan = check_plan(name, recipe, options)
    lacking = [dataset for dataset in plan.datasets if dataset not in scans]
    if lacking:
        raise UserError(
            f"{plan.name.canonical} with the recipe {plan.recipe.name} needs {', '.join(plan.datasets)}",
            found=", ".join(scans),
            do=" ".join(f"add --from-scan {dataset}=ROOT" for dataset in lacking),
        )
    clips = {dataset: scans[dataset].clips for dataset in plan.datasets}
    sizes = {dataset: [scans[dataset].frames.get(clip.clip_id, 1) for clip in of] for dataset, of in clips.items()}
    selection = select_clips(plan, clips, options.lists, options.seed)
    assigned = assign_all(plan, clips, options, selection)
    deviating = all_deviations(assigned, clips, sizes, options.validation)
    if options.strict:
        require_expected(plan, deviating)
    notes = [f"list     {line}" for line in selection.notes] + [f"warning: {line}" for line in selection.warnings]
    for dataset in plan.datasets:
        notes += [f"warning: {dataset}: left out, since it cannot be read: {entry}" for entry in scans[dataset].skipped]
    notes = [f"note     {note}" for note in (plan.note, selection.sides) if note] + notes
    counted = _count(plan, assigned, scans, sizes, options.allow_leakage)
    return ScanPlan(plan, *counted, tuple(deviating), tuple(notes))


def _count(
    plan: Plan,
    assigned: Mapping[str, Sequence[Assignment]],
    scans: Mapping[str, ScanResult],
    sizes: Mapping[str, Sequence[int]],
    allowed: str,
) -> tuple[dict[tuple[str, str, str], int], dict[tuple[str, str, str], int]]:
    clips: Counter[tuple[str, str, str]] = Counter()
    files: Counter[tuple[str, str, str]] = Counter()
    people: defaultdict[str, list[str]] = defaultdict(list)
    for dataset in plan.datasets:
        for assignment in assigned[dataset]:
            for clip, part, size in zip(scans[dataset].clips, assignment.parts, sizes[dataset], strict=True):
                if part == UNUSED:
                    continue
                cell = (part, assignment.domain.label, clip.label)
                clips[cell] += 1
                files[cell] += size
                people["part"].append(part)
                people["subject"].append(f"{dataset}/{clip.subject}" if clip.subject else "")
                people["clip"].append(f"{dataset}/{clip.clip_id}")
    if not allowed.strip():
        require_no_crossing(find_crossing("clip", people["clip"], people["part"]))
        require_no_crossing(find_crossing("person", people["subject"], people["part"]))
    labels = [domain.label for domain in plan.domains]
    order = sorted(clips, key=lambda cell: (PARTS.index(cell[0]), labels.index(cell[1]), LABELS.index(cell[2])))
    return {cell: clips[cell] for cell in order}, {cell: files[cell] for cell in order}
