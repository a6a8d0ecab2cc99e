"""Plans without a store: how many clips each part would have, from the paths of raw datasets alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import ScanResult, scan
from fasdata.errors import UserError
from fasdata.manifest.leakage import find_crossing, require_none
from fasdata.manifest.meta import Deviation
from fasdata.manifest.table import PARTS
from fasdata.page.spelling import text_table
from fasdata.protocols.assign import UNUSED, Assignment
from fasdata.protocols.build import Options, assign_all, off_counts, require_cards
from fasdata.protocols.gate import require_expected
from fasdata.protocols.grammar import parse
from fasdata.protocols.plan import Plan
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import DEFAULT, load_recipe
from fasdata.protocols.recipe_lists import require_lists, resolve_lists
from fasdata.protocols.show import domain_text
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
    said: tuple[str, ...]

    def text(self) -> str:
        """Return it for people."""
        rows = [(*cell, number, self.files[cell]) for cell, number in self.clips.items()]
        lines = [
            self.plan.name.canonical,
            f"recipe   {self.plan.recipe.name}: {self.plan.recipe.title}",
            f"sources  {', '.join(map(domain_text, self.plan.sources))}",
            f"target   {', '.join(map(domain_text, self.plan.targets))}",
            "",
            "from paths alone, before any clip is dropped for want of a face",
            *text_table(("part", "dataset", "label", "clips", "files"), rows),
        ]
        if self.deviations:
            cells = [(one.role, one.dataset, one.label, one.expected, one.found) for one in self.deviations]
            header = ("role", "dataset", "label", "expected", "found")
            lines += ["", "warning: not as many as in the full datasets", *text_table(header, cells)]
        else:
            lines += ["", "counts: as the recipe expects, where it says"]
        return "\n".join([*lines, *self.said])


def scan_roots(roots: Sequence[str], lists: Path | None = None) -> dict[str, ScanResult]:
    """Return the scans of `DATASET=ROOT` arguments, by slug.

    Raises:
        UserError: an argument of another form, a dataset twice, or a root without it.
    """
    found: dict[str, ScanResult] = {}
    for text in roots:
        name, equals, root = text.partition("=")
        if not (name and equals and root):
            raise UserError(f"--from-scan {text!r}", expected="DATASET=ROOT, e.g. OULU-NPU=/mnt/oulu")
        card = find_card(name)
        if card.slug in found:
            raise UserError(f"--from-scan names {card.name} twice", do="give each dataset once")
        found[card.slug] = scan(card, Path(root), lists=lists)
    return found


def check_plan(name: str, recipe: str, options: Options) -> Plan:
    """Return the plan, before any tree is walked.

    Raises:
        UserError: name or recipe unknown, or a list missing that the recipe cannot do without.
    """
    plan = make_plan(parse(name), load_recipe(recipe))
    require_cards(plan)
    require_lists(plan, options.lists)
    return plan


def plan_from_scan(
    name: str, scans: Mapping[str, ScanResult], *, recipe: str = DEFAULT, options: Options | None = None
) -> ScanPlan:
    """Return what a build of the protocol would hold.

    Raises:
        UserError: as `build_protocol`, and a dataset of the protocol that was not scanned.
    """
    chosen = options or Options()
    plan = check_plan(name, recipe, chosen)
    lacking = [dataset for dataset in plan.datasets if dataset not in scans]
    if lacking:
        raise UserError(
            f"{plan.name.canonical} with the recipe {plan.recipe.name} needs {', '.join(plan.datasets)}",
            found=", ".join(scans),
            do=" ".join(f"add --from-scan {dataset}=ROOT" for dataset in lacking),
        )
    clips = {dataset: scans[dataset].clips for dataset in plan.datasets}
    sizes = {dataset: [scans[dataset].frames.get(clip.clip_id, 1) for clip in of] for dataset, of in clips.items()}
    listed = resolve_lists(plan, clips, chosen.lists)
    assigned = assign_all(plan, clips, chosen, listed)
    off = off_counts(assigned, clips, sizes, chosen.validation)
    if chosen.strict:
        require_expected(plan, off)
    said = [f"list     {line}" for line in listed.said] + [f"warning: {line}" for line in listed.warnings]
    if plan.note:
        said.insert(0, f"note     {plan.note}")
    counted = _count(plan, assigned, scans, sizes, chosen.allow_leakage)
    return ScanPlan(plan, *counted, tuple(off), tuple(said))


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
        for one in assigned[dataset]:
            for clip, part, size in zip(scans[dataset].clips, one.parts, sizes[dataset], strict=True):
                if part == UNUSED:
                    continue
                cell = (part, one.domain.label, clip.label)
                clips[cell] += 1
                files[cell] += size
                people["part"].append(part)
                people["subject"].append(f"{dataset}/{clip.subject}" if clip.subject else "")
                people["clip"].append(f"{dataset}/{clip.clip_id}")
    if not allowed.strip():
        require_none(find_crossing("clip", people["clip"], people["part"]))
        require_none(find_crossing("person", people["subject"], people["part"]))
    labels = [domain.label for domain in plan.domains]
    order = sorted(clips, key=lambda cell: (PARTS.index(cell[0]), labels.index(cell[1]), LABELS.index(cell[2])))
    return {cell: clips[cell] for cell in order}, {cell: files[cell] for cell in order}
