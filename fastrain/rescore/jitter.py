"""`fastrain eval RUN --jitter 0.1,0.2`: move and scale the boxes of the target, and count the decisions that flip.

A deployed network sees a face through whichever detector stands before it. A decision that a few pixels of another box
turn round is none. Each clip is scored again in ten moves of every amount: the box shifted by that share of its longer
side to eight sides, once larger and once smaller by it; landmarks go with the box. The threshold is that of the
held-out sources.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fasdata.page.spelling import text_table
from fasdata.progress import progress
from fasdata.records import BONAFIDE
from fasdata.store.atomic import write_text
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.proportions import EXACT, proportion_interval, rules_note
from fastrain.rundir.result_facts import JITTER, JitterFacts, JitterRow

if TYPE_CHECKING:
    import pandas as pd

    from fastrain.data.samples import Samples

LARGEST = 0.5
_SIDES = tuple((x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y)


@dataclass(frozen=True)
class Move:
    """A shift right and down in shares of the box's longer side, and a factor of its size."""

    right: float = 0.0
    down: float = 0.0
    factor: float = 1.0

    def of(self, samples: Samples) -> Samples:
        """Return the samples with boxes and landmarks moved, and scaled around the middle of the box."""
        box = samples.box.astype(np.float64)
        middle = (box[:, :2] + box[:, 2:]) / 2
        side = (box[:, 2:] - box[:, :2]).max(axis=1, keepdims=True)
        shift = side * np.array([self.right, self.down])

        def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
            return (points - middle) * self.factor + middle + shift

        corners = np.concatenate([moved(box[:, :2]), moved(box[:, 2:])], axis=1)
        landmarks = np.stack([moved(samples.landmarks[:, point].astype(np.float64)) for point in range(5)], axis=1)
        return replace(samples, box=corners.astype(np.float32), landmarks=landmarks.astype(np.float32))


def moves(amount: float) -> tuple[Move, ...]:
    """Return the ten moves of an amount: eight sides, and larger and smaller.

    >>> len(moves(0.1)), moves(0.1)[-1].factor
    (10, 0.9)
    """
    shifts = tuple(Move(x * amount, y * amount) for x, y in _SIDES)
    return (*shifts, Move(factor=1 + amount), Move(factor=1 - amount))


def parse_amounts(text: str) -> tuple[float, ...]:
    """Return the amounts of `0.1,0.2`.

    Raises:
        UserError: one is no number from above 0 to 0.5.
    """
    amounts = []
    for word in re.split(r"[,\s]+", text.strip()):
        try:
            amount = float(word)
        except ValueError:
            amount = float("nan")
        if not 0 < amount <= LARGEST:
            raise UserError(f"--jitter {text!r}", expected="shares of the box's side up to 0.5, as 0.1,0.2", found=word)
        amounts.append(amount)
    return tuple(dict.fromkeys(amounts))


def jitter_run(folder: Path, amounts: Sequence[float]) -> str:
    """Score a run's target with moved boxes; write `jitter.json` and the report again, return the table as text.

    Raises:
        UserError: no finished run, its data are gone, no held-out source to take a threshold from, or a view that
            reaches past what is stored once it is moved.
    """
    from fastrain.evaluation.thresholds import held_out_threshold
    from fastrain.rescore.finished_run import FinishedRun
    from fastrain.rundir import RunDir

    run = FinishedRun.opened(folder)
    clean = run.table(run.scored(run.images))
    threshold = held_out_threshold(clean)
    if np.isnan(threshold):
        raise UserError(f"the run {folder} has no held-out source of both labels", do="train it with --val auto")
    images = run.images["test"]
    target = clean.clips().part("test")
    assert target is not None
    acquired = target.frame[target.frame["status"] == "ok"].reset_index(drop=True)
    facts = []
    with progress(f"jitter {folder.name}", 10 * len(amounts), "moves") as bar:
        for amount in amounts:
            flips = np.zeros(len(acquired))
            for move in moves(amount):
                table = run.table({"test": (images, run.scorer.scores(images.relabelled(move.of(images.samples))))})
                flips += flipped(acquired, table.clips().frame, threshold)
                bar.advance()
            facts += rows_of(acquired, flips / len(moves(amount)), amount)
    written = JitterFacts(threshold=float(threshold), clips=len(acquired), moves=len(moves(0.1)), rows=facts)
    directory = RunDir(folder)
    with directory.locked():
        write_text(directory.file(JITTER), json.dumps(written.model_dump(mode="json"), indent=2) + "\n")
        _report(directory)
    return jitter_text(written)


def flipped(clean: pd.DataFrame, moved: pd.DataFrame, threshold: float) -> NDArray[np.float64]:
    """Return, for every clip of `clean`, 1 where its decision is another one in `moved`, else 0."""
    keys = ["dataset", "clip_id"]
    both = clean[[*keys, "score"]].merge(moved[[*keys, "score"]], on=keys, how="left", suffixes=("", "_moved"))
    return np.asarray((both["score"] >= threshold) != (both["score_moved"] >= threshold), np.float64)


def rows_of(clips: pd.DataFrame, share: NDArray[np.float64], amount: float) -> list[JitterRow]:
    """Return the share of flipped decisions of all clips, of each label and of each species, with its interval."""
    from fasdata.species import species_of

    label = clips["label"].to_numpy(object)
    species = np.array([species_of(a, p) for a, p in clips[["attack_type", "pai"]].to_numpy(object)], object)
    groups: list[tuple[Literal["all", "label", "species"], str, NDArray[np.bool_]]] = [
        ("all", "", np.ones(len(clips), bool))
    ]
    groups += [("label", name, label == name) for name in dict.fromkeys(label)]
    attacks = label != BONAFIDE
    groups += [("species", name, attacks & (species == name)) for name in dict.fromkeys(species[attacks])]
    rows = []
    for group, name, members in groups:
        low, high = _interval(clips[members], share[members])
        rows.append(
            JitterRow(
                amount=amount, group=group, name=str(name), clips=int(members.sum()),
                share=float(share[members].mean()), ever=float((share[members] > 0).mean()), low=low, high=high,
            )
        )  # fmt: skip
    return rows


def _interval(clips: pd.DataFrame, share: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of a mean over clips, by the rule of proportions."""
    interval = proportion_interval(share, Clusters.of(clips.reset_index(drop=True)).unit, steps=len(moves(0.1)))
    return interval.low, interval.high


def jitter_text(facts: JitterFacts) -> str:
    """Return the table for a terminal."""
    lines = text_table(
        ("box moved by", "of", "clips", "flipped [95 %]", "clips that ever flip"), cells(facts), indent=""
    )
    return "\n".join([*lines, NOTE.format(moves=facts.moves, threshold=facts.threshold)])


NOTE = (
    "Share of decisions at the threshold of the held-out sources ({threshold:.4f}) that are other ones when the box is "
    "moved: {moves} moves an amount, in shares of its longer side. In brackets: 95 % interval over people ("
    f"{rules_note(EXACT)})."
)


def cells(facts: JitterFacts) -> list[tuple[str, str, str, str, str]]:
    """Return the rows of the table as text."""
    rows = []
    for row in facts.rows:
        name = {"all": "all clips", "label": row.name, "species": f"attack, {row.name}"}[row.group]
        ends = f" [{100 * row.low:.1f}, {100 * row.high:.1f}]" if row.low is not None and row.high is not None else ""
        rows.append(
            (f"{row.amount:g}", name, str(row.clips), f"{100 * row.share:.1f} %{ends}", f"{100 * row.ever:.1f} %")
        )
    return rows


def _report(directory: Any) -> None:
    from fastrain.report.mistakes import shows_people
    from fastrain.report.run_report import write_report

    page = directory.file("report.html")
    write_report([directory.path], page, faces=shows_people(page))
