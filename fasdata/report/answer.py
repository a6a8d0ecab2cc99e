"""Say in one sentence what a report of datasets comes to: how many clips have a face to use, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fasdata.page.parts import Answer, Notice
from fasdata.page.spelling import count, percent

if TYPE_CHECKING:
    from fasdata.report.dataset_section import DatasetSummary

LEVEL = 0.95


def dataset_answer(datasets: Sequence[DatasetSummary], boxes: Sequence[Sequence[Notice]]) -> Answer:
    """Return the answer of a page; `boxes` are the notices at the head of each dataset's section."""
    usable = [int((of.survey.clips["status"] == "ok").sum()) for of in datasets]
    clips = [len(of.survey.clips) for of in datasets]
    names = [of.survey.name for of in datasets]
    bad = [name for name, own in zip(names, boxes, strict=True) if any(box.kind == "bad" for box in own)]
    mixed = [name for name, own in zip(names, boxes, strict=True) if any(box.kind == "mixed" for box in own)]
    whole = names[0] if len(names) == 1 else f"{len(names)} datasets"
    total, of_all = sum(clips), sum(usable)
    title = f"{whole}: {count(of_all)} of {count(total)} clips have a face to use, {share(of_all, total)}."
    sentences = [f"The interval takes each clip for one of another person ({LEVEL:.0%}, Clopper-Pearson)."]
    if len(names) > 1 and of_all < total:
        least = min(range(len(names)), key=lambda at: usable[at] / clips[at])
        sentences.insert(0, f"The least of them is {names[least]}: {share(usable[least], clips[least])}.")
    if bad:
        return Answer(title, f"mend what stands under Problems of {' and '.join(bad)} before anything is trained.",
                      sentences, "bad")  # fmt: skip
    step = (
        "name it in a protocol: fasdata build-protocol NAME --data LIBRARY, then fastrain run METHOD --protocol NAME."
    )
    if mixed:
        return Answer(title, f"read the notes on {' and '.join(mixed)}; then {step}", sentences, "mixed")
    return Answer(title, step, sentences, "good")


def share(of: int, total: int) -> str:
    """Return a share of clips with its interval.

    >>> share(40, 40)
    '100.00 % [91.19, 100.00]'
    """
    from scipy.stats import binomtest

    ends = binomtest(of, total).proportion_ci(LEVEL, method="exact")
    return str(percent(of / total, ends=(float(ends.low), float(ends.high))))
