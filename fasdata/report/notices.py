"""Return the notices at the head of a dataset's report: problems, and what deserves attention."""

from __future__ import annotations

from fasdata.audit.findings import Finding, contradictions, presenters_across, uneven_losses
from fasdata.datasets.verify import Verification
from fasdata.manifests.leakage import find_crossing
from fasdata.page.parts import Notice
from fasdata.page.spelling import begun
from fasdata.records import ATTACK, BONAFIDE
from fasdata.report.duplicates import Duplicates
from fasdata.report.holdings import SPLIT_NAMES
from fasdata.report.measures import SHORTCUT, separations
from fasdata.report.pixels import PixelSample
from fasdata.report.survey import UNKNOWN, Survey, groups_of
from fasdata.report.weighing import weigh


def notices(survey: Survey, release: Verification | None, sample: PixelSample, duplicates: Duplicates) -> list[Notice]:
    """Return a notice with the problems, one with the notes, or one that says that there are neither."""
    weighed = weigh(survey, sample)
    problems = [*_damage(survey, sample), *_crossings(survey, duplicates), *weighed.problems]
    notes = [*_release(release), *_unlabelled(survey), *_uneven(survey), *_odd(survey), *weighed.notes]
    notes += _shortcuts(survey, sample)
    boxes = []
    if problems:
        boxes.append(Notice("Problems", problems, "bad"))
    if notes:
        boxes.append(Notice("Notes", notes, "mixed"))
    return boxes or [
        Notice("Nothing stands out", ["Counts, losses, labels, duplicates and faces raise no questions."], "good")
    ]


def _damage(survey: Survey, sample: PixelSample) -> list[str]:
    sentences = []
    failed = int((survey.clips["status"] == "failed").sum())
    if failed:
        what = f"{_n(failed, 'recording')} could not be decoded"
        sentences.append(f"{what}: replace the files and extract with --retry-failed.")
    if sample.damaged:
        sentences.append(f"{len(sample.damaged)} of the sampled crops cannot be read, such as: {sample.damaged[0]}.")
    return sentences


def _crossings(survey: Survey, duplicates: Duplicates) -> list[str]:
    clips = survey.clips
    splits = [SPLIT_NAMES[split] for split in clips["split"]]
    sentences = []
    people = find_crossing("person", list(clips["subject"]), splits)
    if people:
        sentences.append(f"People in two official splits: {people.number}, such as {people.examples[0]}.")
    across = duplicates.crossing(survey, "split")
    if across:
        sentences.append(f"{_n(across, 'pair')} of similar clips in two splits: see near-duplicates.")
    both = sum(clips["label"].iloc[list(group)].nunique() > 1 for group in duplicates.equal)
    if duplicates.equal:
        as_both = f", {both} of them both as bona fide and as attack" if both else ""
        sentences.append(
            f"{_n(len(duplicates.equal), 'recording')} stored more than once, with identical pixels{as_both}."
        )
    return sentences


def _release(release: Verification | None) -> list[str]:
    if release is None:
        return []
    sentences = []
    differing, incomplete = sum(line.deviates for line in release.lines), release.result.incomplete
    if differing:
        sentences.append(f"Counts differ from the release in {differing} of {len(release.lines)} places: see counts.")
    if release.missing:
        sentences.append(f"Missing: {_n(len(release.missing), 'clip')} of the release, such as {release.missing[0]}.")
    if incomplete:
        first, words = next(iter(incomplete.items()))
        sentences.append(f"Without a modality: {_n(len(incomplete), 'clip')}, such as {first} ({' and '.join(words)}).")
    return sentences


def _unlabelled(survey: Survey) -> list[str]:
    clips = survey.clips
    sentences = []
    for column, unknown, what in (("label", UNKNOWN, "label"), ("split", "", "split")):
        number = int((clips[column] == unknown).sum())
        if number:
            sentences.append(
                f"{_n(number, 'clip')} without a known {what}: a list file of the release may have it (--lists)."
            )
    return sentences


def _uneven(survey: Survey) -> list[str]:
    clips, cells = survey.clips, {}
    for split, group in groups_of(clips, "split"):
        by_label = {label: group[group["label"] == label] for label in (BONAFIDE, ATTACK)}
        cells[SPLIT_NAMES[split], survey.slug] = {
            label: (int((of["status"] != "ok").sum()), len(of)) for label, of in by_label.items()
        }
    return [_sentence(finding) for finding in uneven_losses(cells)]


def _odd(survey: Survey) -> list[str]:
    splits = [SPLIT_NAMES[split] for split in survey.clips["split"]]
    findings = [*contradictions(survey.records), *presenters_across(survey.records, splits)]
    sentences = [_sentence(finding) for finding in findings]
    dark = int(survey.frames["dark"].sum())
    if dark:
        sentences.append(f"{dark} of {len(survey.frames)} stored frames are dark (mean colour under 5 of 255).")
    return sentences


def _shortcuts(survey: Survey, sample: PixelSample) -> list[str]:
    measures = [f"{title.lower()} ({apart:.2f})" for title, apart in separations(survey, sample).items()
                if apart is not None and apart >= SHORTCUT]  # fmt: skip
    if not measures:
        return []
    return [f"A single measure nearly tells the labels apart (1 = completely): {', '.join(measures)}."]


def _n(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else f'{noun}s'}"


def _sentence(finding: Finding) -> str:
    return f"{begun(finding.line())}."
