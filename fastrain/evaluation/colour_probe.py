"""Measure how far brightness alone gets: a classifier that sees nothing but the average colour of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fastrain.evaluation.metrics.curve import auc

FEATURES = ("mean_r", "mean_g", "mean_b", "sd_r", "sd_g", "sd_b")


def colour_probe(
    train_images: Sequence[NDArray[np.uint8]],
    train_labels: Sequence[int],
    parts: Mapping[str, tuple[Sequence[NDArray[np.uint8]], Sequence[int]]],
) -> dict[str, Any]:
    """Fit a logistic regression on mean and deviation of the colour channels and return its AUC on each part.

    Images are HxWx3 RGB uint8 of any size, labels 1 = bona fide. An AUC near that of the network means that the network
    may have learned no more than exposure. Returns {"features", "n_train", "n": {part: images}, "auc": {part: value or
    None}, "reason": {part: why None}}, plain JSON.

    Raises:
        UserError: the training images do not hold both classes, an image has another form, or counts differ.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(set(train_labels)) != 2:
        raise UserError(
            "the colour probe cannot be fitted", expected="training images of both classes", found="one class"
        )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(_features(train_images, train_labels, "train"), np.asarray(train_labels))
    result: dict[str, Any] = {
        "features": list(FEATURES),
        "n_train": len(train_labels),
        "n": {},
        "auc": {},
        "reason": {},
    }
    for part, (images, labels) in parts.items():
        result["n"][part] = len(labels)
        if len(set(labels)) == 2:
            result["auc"][part] = auc(model.decision_function(_features(images, labels, part)), labels)
        else:
            result["auc"][part] = None
            result["reason"][part] = "one class only" if len(labels) else "no image"
    return result


def _features(images: Sequence[NDArray[np.uint8]], labels: Sequence[int], part: str) -> NDArray[np.float64]:
    if len(images) != len(labels):
        raise UserError(
            f"colour probe, part {part}: images and labels differ", found=f"{len(images)} and {len(labels)}"
        )
    rows = np.empty((len(images), len(FEATURES)))
    for row, image in zip(rows, images, strict=True):
        if image.ndim != 3 or image.shape[2] != 3:
            raise UserError(f"colour probe, part {part}", expected="images HxWx3", found=f"shape {image.shape}")
        pixels = image.reshape(-1, 3).astype(np.float64)
        row[:3], row[3:] = pixels.mean(axis=0), pixels.std(axis=0)
    return rows
