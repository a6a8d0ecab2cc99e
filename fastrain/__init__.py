"""Face anti-spoofing methods, trained, evaluated and compared from a manifest and a store.

`fastrain.load("pad.fasb").predict("face.jpg")` answers with a bundle, or with a run folder; `fastrain.FaceDataset` has
the faces of a manifest for torch, and `fastrain.metrics` the metrics as functions. Nothing is imported before it is
asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasdata.lazy_names import lazy_names

if TYPE_CHECKING:
    from fastrain import metrics
    from fastrain.api.face_dataset import FaceDataset
    from fastrain.bundle.answers import Decision, NoAnswer
    from fastrain.bundle.loading import load
    from fastrain.bundle.predictor import Predictor
    from fastrain.evaluation.results import evaluate
    from fastrain.evaluation.score_files import read_scores
    from fastrain.evaluation.scores import ScoreTable

__all__ = [
    "Decision", "FaceDataset", "NoAnswer", "Predictor", "ScoreTable", "evaluate", "load", "metrics", "read_scores",
]  # fmt: skip

_HOMES = {
    "Decision": "fastrain.bundle.answers:Decision",
    "FaceDataset": "fastrain.api.face_dataset:FaceDataset",
    "NoAnswer": "fastrain.bundle.answers:NoAnswer",
    "Predictor": "fastrain.bundle.predictor:Predictor",
    "ScoreTable": "fastrain.evaluation.scores:ScoreTable",
    "evaluate": "fastrain.evaluation.results:evaluate",
    "load": "fastrain.bundle.loading:load",
    "metrics": "fastrain.metrics",
    "read_scores": "fastrain.evaluation.score_files:read_scores",
}

__getattr__, __dir__ = lazy_names(__name__, globals(), _HOMES)
