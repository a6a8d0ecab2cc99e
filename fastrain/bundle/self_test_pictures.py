"""Choose the pictures of a bundle's self-test and write down what it says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.detectors import make_detector
from fasdata.store.codec import encode
from fastrain.bundle import scenes
from fastrain.bundle.finding import PictureFinder
from fastrain.bundle.form import Expected
from fastrain.bundle.opened import Bundle
from fastrain.bundle.predictor import Predictor
from fastrain.bundle.self_test import answer_of


def pictures_with_answers(
    bundle: Bundle, predictor: Predictor, scenery: Sequence[np.ndarray]
) -> tuple[list[Expected], dict[str, bytes]]:
    """Return pictures for the self-test with what the bundle says of them: two about the threshold, and pairs."""
    settings = predictor.finding.settings()
    finder = PictureFinder(predictor.finding)
    chosen: list[np.ndarray] = []
    if settings.looks_at_pixels:
        detector = make_detector(settings.detector, settings.detector_request)
        chosen += scenes.pairs(detector, settings.choice, list(scenery[:8]))
    chosen += _about_threshold(bundle, predictor, finder, scenery)
    expected, members = [], {}
    for number, picture in enumerate(chosen):
        images = scenes.with_modalities(picture, predictor.modalities)
        names = {name: f"test{number}-{name}.png" for name in images}
        answer = answer_of(bundle, predictor, finder, images, names)
        if answer is not None:
            expected.append(answer)
            members.update({names[name]: encode(image, "png") for name, image in images.items()})
    if not expected:
        raise UserError("no picture made in code shows the detector a face: there is nothing to test the bundle with")
    return expected, members


def _about_threshold(
    bundle: Bundle, predictor: Predictor, finder: PictureFinder, scenery: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return the pictures whose scores are next to the threshold, one on each side where there is one."""
    limit = predictor.threshold.value if predictor.threshold else None
    scored: list[tuple[float, np.ndarray]] = []
    for picture in _more(scenery):
        answer = answer_of(bundle, predictor, finder, scenes.with_modalities(picture, predictor.modalities), {})
        if answer is not None:
            scored.append((answer.score, picture))
        above = [pair for pair in scored if limit is not None and pair[0] >= limit + 1e-3]
        below = [pair for pair in scored if limit is not None and pair[0] < limit - 1e-3]
        if len(scored) >= len(scenery) and (limit is None or (above and below)):
            break
    if limit is None or not (above and below):
        ends = sorted(scored, key=lambda pair: pair[0])
        return [ends[0][1], ends[-1][1]] if len(ends) > 1 else [picture for _, picture in ends]
    return [min(above, key=lambda pair: pair[0])[1], max(below, key=lambda pair: pair[0])[1]]


def _more(scenery: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    yield from scenery
    for picture in scenery:
        yield from scenes.worse(picture)
