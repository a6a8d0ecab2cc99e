"""Show the worst mistakes on the unseen domain, with their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.page.figures import PICTURE, Gallery, Picture, data_uri
from fasdata.page.page import Section
from fasdata.page.parts import Notice, Paragraph
from fasdata.page.spelling import score
from fasdata.records import BONAFIDE
from fasdata.species import species_of
from fastrain.evaluation.results_lookup import HONEST, TEST
from fastrain.report.error_tables import shown_threshold
from fastrain.report.run_folder import SCORES, RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from fasdata.store.reader import Store

WORST = 10
LEFT_OUT = "Pictures of people are shown only when asked for (--faces)."


def mistakes_section(run: RunFolder, *, faces: bool, why: str = LEFT_OUT) -> Section:
    """Return the target clips furthest on the wrong side of the honest threshold.

    `faces` False leaves pictures out, and `why` is the reason that the page gives.
    """
    title, anchor = "Worst mistakes", "mistakes"
    threshold, note = shown_threshold(run)
    if run.scores is None or threshold is None:
        reason = run.results.threshold_row("clip", HONEST).get("reason") or f"there is no threshold {HONEST}"
        return Section(anchor, title, [Paragraph(f"No list of mistakes: {run.missing.get(SCORES, reason)}.")])
    clips = run.scores.clips().frame
    worst = worst_mistakes(clips, threshold)
    scored = int((clips["part"].eq(TEST) & clips["score"].notna()).sum())
    wrong = len(worst)
    lead = (
        f"{note}{wrong} of {scored} scored clips of the {run.results.named(TEST, pooled=True)} are on the wrong side "
        f"of the honest threshold ({HONEST}, {score(threshold)}). "
    )
    missed = int((clips["part"].eq(TEST) & clips["label"].eq(BONAFIDE) & clips["score"].isna()).sum())
    if missed:
        lead += f"Another {missed} bona fide without a usable face have no score and are not listed. "
    shown = worst.head(WORST)
    if shown.empty:
        return Section(anchor, title, [Paragraph(f"{lead}There is nothing to show.")])
    lead += f"Shown: the {len(shown)} furthest from it, worst first." if wrong > WORST else "Shown: all, worst first."
    thumbnails = _Thumbnails(run) if faces else None
    pictures = [_picture(run.scores.frame, row, thumbnails) for _, row in shown.iterrows()]
    parts: list[Any] = [Gallery(pictures)]
    if thumbnails is None:
        parts.insert(0, Notice("Pictures left out", [why]))
    elif thumbnails.problems:
        parts.insert(0, Notice("Some pictures are missing", list(thumbnails.problems), "mixed"))
    return Section(anchor, title, parts, lead)


def shows_people(page: Path) -> bool:
    """Tell whether a report that was written before shows pictures of people; one that is not there shows none."""
    return page.is_file() and PICTURE in page.read_text(encoding="utf-8")


def worst_mistakes(clips: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return the target clips on the wrong side, furthest first, with their distance as `margin`.

    A clip is accepted as bona fide when its score is at least `threshold`; clips without a score are left out.
    """
    scored = clips[clips["part"].eq(TEST) & clips["score"].notna()]
    scores, live = scored["score"].astype(float), scored["label"].eq(BONAFIDE)
    margin = np.where(live, threshold - scores, scores - threshold)
    wrong = np.where(live, scores < threshold, scores >= threshold)
    mistakes = scored.assign(margin=margin)[wrong]
    return mistakes.sort_values(["margin", "dataset", "clip_id"], ascending=[False, True, True], kind="stable")


def _picture(scores: pd.DataFrame, row: pd.Series[Any], thumbnails: _Thumbnails | None) -> Picture:
    bonafide = row["label"] == BONAFIDE
    frame = _frame(scores, row, lowest=bonafide)
    facts = [
        ("label", "bona fide" if bonafide else "attack"),
        *([] if bonafide else [("attack type", species_of(row["attack_type"], row["pai"]))]),
        ("clip score", f"{score(row['score'])} ({score(row['margin'])} from the threshold)"),
        ("sample", str(frame["sample_id"])),
    ]
    title = "Bona fide, rejected" if bonafide else "Attack, accepted"
    source, absent = "", "left out"
    if thumbnails is not None:
        source = thumbnails.source(str(row["dataset"]), str(row["clip_id"]), int(frame["frame_index"]))
        absent = "not available"
    return Picture(title, facts, source, alt=f"Face of sample {frame['sample_id']}", absent=absent)


def _frame(scores: pd.DataFrame, row: pd.Series[Any], *, lowest: bool) -> pd.Series[Any]:
    """Return the clip's frame that is furthest on the wrong side."""
    frames = scores[(scores["dataset"] == row["dataset"]) & (scores["clip_id"] == row["clip_id"])]
    furthest: pd.Series[Any] = frames.sort_values("score", ascending=lowest, kind="stable").iloc[0]
    return furthest


class _Thumbnails:
    """Thumbnails from the stores of a run's library; `problems` holds a sentence for each reason why one is absent."""

    def __init__(self, run: RunFolder) -> None:
        self._library = Library(Path(run.run.library or "."))
        self._stores: dict[str, Store | None] = {}
        self.problems: dict[str, None] = {}

    def source(self, dataset: str, clip_id: str, frame_index: int) -> str:
        """Return a data URI, or "" where there is no picture."""
        store = self._store(dataset)
        if store is None:
            return ""
        try:
            return data_uri(store.crop(clip_id, frame_index))
        except (UserError, ValueError, OSError) as error:
            self.problems[f"{error}."] = None
            return ""

    def _store(self, dataset: str) -> Store | None:
        if dataset not in self._stores:
            from fasdata.store.reader import Store

            try:
                self._stores[dataset] = Store.open(self._library.require_store(dataset))
            except (UserError, OSError) as error:
                self._stores[dataset] = None
                self.problems[f"{error}."] = None
        return self._stores[dataset]
