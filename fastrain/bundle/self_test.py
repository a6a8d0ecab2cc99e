"""The self-test of a bundle: pictures made in code, with the faces, views, scores and decisions that they have to give.

No picture of any dataset is among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from fasdata.errors import UserError
from fasdata.store.codec import decode
from fastrain.bundle.finding import PictureFinder
from fastrain.bundle.form import Expected, GraphFacts
from fastrain.bundle.found import FoundClip, FoundFaces
from fastrain.bundle.graph import view_of
from fastrain.bundle.opened import Bundle
from fastrain.bundle.predictor import Predictor

BOX = 0.01  # pixels
SCORE = 1e-3  # other processors add up in another order


def answer_of(
    bundle: Bundle, predictor: Predictor, finder: PictureFinder, images: Mapping[str, np.ndarray],
    names: Mapping[str, str],
) -> Expected | None:  # fmt: skip
    """Return what a bundle says of a picture, None where it sees no face there; `names` are those of its files."""
    record, crops = finder.record(images)
    clip = FoundClip.of(record, crops, predictor.finding)
    if not clip.frames:
        return None
    frame = clip.frames[0]
    score = float(predictor.scores_of([clip])[0][0])
    limit = bundle.facts.threshold
    return Expected(
        pictures=dict(names),  # type: ignore[arg-type]
        faces=frame.n_faces,
        box=list(frame.box or (0.0,) * 4),
        views=[
            _digest(faces, facts)
            for faces, facts in zip(_seen(bundle, predictor, clip), bundle.facts.networks, strict=True)
        ],
        score=score,
        threshold=limit.value if limit else None,
        bonafide=score >= limit.value if limit else None,
    )


def failures(bundle: Bundle, predictor: Predictor) -> list[str]:
    """Return what a bundle says now of its pictures and did not say when it was written; none is as it should be."""
    finder = PictureFinder(predictor.finding)
    wrong = []
    for number, expected in enumerate(bundle.facts.self_test, 1):
        names: dict[str, str] = {str(name): member for name, member in expected.pictures.items()}
        images = {name: _picture(bundle, member) for name, member in names.items()}
        now = answer_of(bundle, predictor, finder, images, names)
        difference = _difference(expected, now)
        if difference:
            wrong.append(f"picture {number}: {difference}")
    return wrong


def require_passed(bundle: Bundle, predictor: Predictor) -> None:
    """Stop where a bundle does not answer as it did when it was written.

    Raises:
        UserError: it does not; says in what.
    """
    if not bundle.facts.self_test:
        raise UserError(f"{bundle.where} has no self-test", do="export it again")
    wrong = failures(bundle, predictor)
    if wrong:
        raise UserError(
            f"{bundle.where} fails its self-test: it is not what was exported, or this machine computes otherwise",
            found="; ".join(wrong[:3]),
            do="export it again; --no-self-test answers all the same",
        )


def _picture(bundle: Bundle, member: str) -> np.ndarray:
    try:
        return decode(bundle.members[member])
    except ValueError as error:
        raise UserError(f"{bundle.where}: {member} is no picture", found=str(error)) from None


def _seen(bundle: Bundle, predictor: Predictor, clip: FoundClip) -> Sequence[FoundFaces]:
    faces = predictor.faces([clip])
    if bundle.facts.networks[0].kind == "method":
        return [faces]
    return [faces.with_view(view_of(facts, bundle.where)) for facts in bundle.facts.networks]


def _digest(faces: FoundFaces, facts: GraphFacts) -> str:
    """Return the hash of a view, and of how it is fed."""
    digest = hashlib.sha256(f"{facts.order} {facts.input} {sorted(facts.preparation.items())}".encode())
    if facts.by_dataset is not None:
        digest.update(facts.by_dataset.model_dump_json().encode())
    for name, image in faces.load(0).items():
        digest.update(f"{name} {image.dtype} {image.shape}".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def _difference(expected: Expected, now: Expected | None) -> str:
    if now is None:
        return "no face is found"
    if now.faces != expected.faces:
        return f"{now.faces} faces in place of {expected.faces}"
    if max(abs(a - b) for a, b in zip(now.box, expected.box, strict=True)) > BOX:
        return "another face, or another box"
    if now.views != expected.views:
        return "another view of the face"
    if abs(now.score - expected.score) > SCORE:
        return f"score {now.score:.4f} in place of {expected.score:.4f}"
    if now.threshold != expected.threshold:
        return f"threshold {now.threshold} in place of {expected.threshold}"
    return "" if now.bonafide == expected.bonafide else "the other decision"
