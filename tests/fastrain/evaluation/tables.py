"""Small score tables made in code."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fastrain.evaluation.scores import ScoreTable


def row(clip: str, score: float | None, label: str = "bonafide", **more: Any) -> dict[str, Any]:
    """One frame; `attack_type` is taken from a label like `attack:print`, status from an absent score."""
    label, _, species = label.partition(":")
    frame = more.pop("frame_index", 0 if score is not None else -1)
    dataset = more.pop("dataset", "OULU-NPU")
    plain = {
        "sample_id": f"{dataset}/{clip}/{frame}",
        "dataset": dataset,
        "domain": "O",
        "part": "test",
        "clip_id": clip,
        "subject": clip[:2],
        "label": label,
        "attack_type": species or ("bonafide" if label == "bonafide" else ""),
        "pai": "",
        "frame_index": frame,
        "status": "fta" if score is None else "ok",
        "score": float("nan") if score is None else score,
    }
    return plain | more


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    """The rows as they come, unchecked."""
    return pd.DataFrame(list(rows))


def twelve() -> ScoreTable:
    """Twelve test clips of one frame: two species, ties at 0.5, one bona fide failure to acquire; and four of val."""
    live = [row(f"b{i}", score) for i, score in enumerate([0.9, 0.8, 0.5, 0.5, 0.3, None])]
    print_ = [row(f"p{i}", score, "attack:print") for i, score in enumerate([0.5, 0.4, 0.1])]
    replay = [row(f"r{i}", score, "attack:replay") for i, score in enumerate([0.7, 0.6, 0.2])]
    source = {"part": "val", "dataset": "MSU-MFSD", "domain": "M"}
    val = [row("v0", 0.8, **source), row("v1", 0.6, **source)]
    val += [row("v2", 0.4, "attack:print", **source), row("v3", 0.2, "attack:replay", **source)]
    return ScoreTable(frame(*live, *print_, *replay, *val))
