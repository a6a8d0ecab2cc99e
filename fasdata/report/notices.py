"""What stands out in a dataset: the first thing its report says."""

from __future__ import annotations

from fasdata.audit.findings import Finding, contradictions, presenters_across, uneven_losses
from fasdata.datasets.verify import Verification
from fasdata.manifest.leakage import find_crossing
from fasdata.page.parts import Notice
from fasdata.records import ATTACK, BONAFIDE
from fasdata.report.duplicates import Duplicates
from fasdata.report.holdings import SPLIT_NAMES
from fasdata.report.measures import SHORTCUT, separations
from fasdata.report.pixels import PixelSample
from fasdata.report.survey import UNKNOWN, Survey, groups_of


def notices(survey: Survey, release: Verification | None, sample: PixelSample, found: Duplicates) -> list[Notice]:
    """Return what has to be dealt with, what should be known, and, where there is neither, that."""
    bad = [*_damage(survey, sample), *_crossings(survey, found)]
    mixed = [*_release(release), *_unlabelled(survey), *_uneven(survey), *_odd(survey), *_shortcuts(survey, sample)]
    said = []
    if bad:
        said.append(Notice("To be dealt with", bad, "bad"))
    if mixed:
        said.append(Notice("To be known", mixed, "mixed"))
    return said or [Notice("Nothing stands out", ["Counts, losses, labels and copies raise no question."], "good")]


def _damage(survey: Survey, sample: PixelSample) -> list[str]:
    said = []
    failed = int((survey.clips["status"] == "failed").sum())
    if failed:
        what = f"{_n(failed, 'recording')} could not be decoded"
        said.append(f"{what}: replace the files and extract with --retry-failed.")
    if sample.damaged:
        said.append(f"{len(sample.damaged)} of the sampled crops cannot be read, such as: {sample.damaged[0]}.")
    return said


def _crossings(survey: Survey, found: Duplicates) -> list[str]:
    clips = survey.clips
    splits = [SPLIT_NAMES[split] for split in clips["split"]]
    said = []
    people = find_crossing("person", list(clips["subject"]), splits)
    if people:
        said.append(f"People in two official splits: {people.number}, such as {people.examples[0]}.")
    across = found.crossing(survey, "split")
    if across:
        said.append(f"{_n(across, 'pair')} of clips in two splits alike: see near-duplicates.")
    both = sum(clips["label"].iloc[list(group)].nunique() > 1 for group in found.equal)
    if found.equal:
        as_both = f", {both} of them both as bona fide and as attack" if both else ""
        said.append(f"{_n(len(found.equal), 'recording')} there more than once, equal to the last bit{as_both}.")
    return said


def _release(release: Verification | None) -> list[str]:
    if release is None:
        return []
    said = []
    differing, incomplete = sum(line.deviates for line in release.lines), release.result.incomplete
    if differing:
        said.append(f"Counts differ from the release in {differing} of {len(release.lines)} places: see counts.")
    if release.missing:
        said.append(
            f"Missing by name: {_n(len(release.missing), 'clip')} of the release, such as {release.missing[0]}."
        )
    if incomplete:
        first, words = next(iter(incomplete.items()))
        said.append(f"Lacking a modality: {_n(len(incomplete), 'clip')}, such as {first} ({' and '.join(words)}).")
    return said


def _unlabelled(survey: Survey) -> list[str]:
    clips = survey.clips
    said = []
    for column, unknown, what in (("label", UNKNOWN, "label"), ("split", "", "split")):
        number = int((clips[column] == unknown).sum())
        if number:
            said.append(f"{_n(number, 'clip')} without a known {what}: a list file of the release may tell (--lists).")
    return said


def _uneven(survey: Survey) -> list[str]:
    clips, cells = survey.clips, {}
    for split, group in groups_of(clips, "split"):
        by_label = {label: group[group["label"] == label] for label in (BONAFIDE, ATTACK)}
        cells[SPLIT_NAMES[split], survey.slug] = {
            label: (int((of["status"] != "ok").sum()), len(of)) for label, of in by_label.items()
        }
    return [_sentence(one) for one in uneven_losses(cells)]


def _odd(survey: Survey) -> list[str]:
    splits = [SPLIT_NAMES[split] for split in survey.clips["split"]]
    findings = [*contradictions(survey.records), *presenters_across(survey.records, splits)]
    said = [_sentence(one) for one in findings]
    dark = int(survey.frames["dark"].sum())
    if dark:
        said.append(f"{dark} of {len(survey.frames)} stored frames are dark (mean colour under 5 of 255).")
    return said


def _shortcuts(survey: Survey, sample: PixelSample) -> list[str]:
    told = [f"{title.lower()} ({apart:.2f})" for title, apart in separations(survey, sample).items()
            if apart is not None and apart >= SHORTCUT]  # fmt: skip
    if not told:
        return []
    return [f"A single number nearly tells the labels apart (1 = completely): {', '.join(told)}."]


def _n(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else f'{noun}s'}"


def _sentence(finding: Finding) -> str:
    line = finding.line()
    return f"{line[:1].upper()}{line[1:]}."
