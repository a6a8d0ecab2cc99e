"""`fastrain calibrate`: give a bundle a threshold for a place, from clips of some of its own people.

The sources' threshold is for the people, cameras and attacks of the sources. One for a place is taken from clips that
were made there, keeps a promise about people who were not among them, and is refused where these are too few to promise
anything (`fastrain.evaluation.place_threshold`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from fasdata.errors import UserError
from fasdata.store.atomic import require_writable
from fastrain.bundle.form import NAME, BundleFacts, PlaceFacts, Threshold
from fastrain.bundle.opened import Bundle
from fastrain.bundle.place_clips import PlaceClips, clips_of_scores, clips_of_store
from fastrain.bundle.signature import signer
from fastrain.bundle.writing import write_bundle
from fastrain.evaluation.place_threshold import CONFIDENCE, PlaceThreshold, Promise, place_threshold, threshold_interval
from fastrain.evaluation.score_columns import Reading


@dataclass(frozen=True)
class CalibrateRequest:
    """What `fastrain calibrate` is asked for: clips `on` a dataset of the library `data`, or a file of `scores`.

    `policy` is the promise that the threshold keeps; with `no_answer`, a promise of the other rate, clips that neither
    keeps get no answer. `page` is where the page goes, by default beside `out`.
    `sign` is the file of a private key: what signed `bundle` does not sign another one.
    """

    bundle: Path
    out: Path
    on: str = ""
    data: str = ""
    scores: Path | None = None
    reading: Reading = field(default_factory=Reading)
    subjects: Path | None = None
    policy: str = "bpcer<=0.05"
    no_answer: str = ""
    page: Path | None = None
    detector_model: str = ""
    sign: Path | None = None


def calibrate(request: CalibrateRequest) -> str:
    """Write a bundle with the threshold of a place, and the page of what it changes; return what they say as text.

    Raises:
        UserError: no bundle, no clips, clips of the network's own training, too few people for the promise, or two
            promises of one rate.
    """
    from fastrain.bundle.calibration_page import calibration_page
    from fastrain.bundle.text import about_bundle

    promises = _promises(request)
    require_writable(request.out.parent)
    if request.sign is not None:
        signer(request.sign)
    bundle = Bundle.read(request.bundle)
    clips = (
        clips_of_store(bundle, request.on, request.data, request.detector_model)
        if request.on
        else clips_of_scores(cast(Path, request.scores), request.reading, request.subjects)
    )
    kept = [place_threshold(promise, clips.scores, clips.bonafide, clips.people, clips.species) for promise in promises]
    threshold = combined(kept, clips.source)
    facts = _calibrated(bundle.facts, threshold, kept, clips)
    members = {name: data for name, data in bundle.members.items() if name != NAME}
    write_bundle(facts, members, request.out, request.sign)
    page = request.page or request.out.with_name(f"{request.out.stem}-calibration.html")
    calibration_page(facts, clips).write(page)
    return f"{about_bundle(Bundle.read(request.out))}\npage        {page}"


def combined(kept: Sequence[PlaceThreshold], source: str) -> Threshold:
    """Return the threshold of one promise; of two, both, where there is no answer between them, else one in between.

    The highest threshold that rejects few enough bona fide may be above the lowest that accepts few enough attacks:
    then every threshold from one to the other keeps both.
    """
    policy = ", ".join(str(promised.promise) for promised in kept)
    data = f"the place's own clips, {source}"
    if len(kept) == 1:
        return Threshold(value=kept[0].value, policy=policy, data=data)
    bona_fide = next(promised.value for promised in kept if promised.promise.rate == "bpcer")
    attacks = next(promised.value for promised in kept if promised.promise.rate == "apcer")
    if bona_fide >= attacks:
        return Threshold(value=(bona_fide + attacks) / 2, policy=policy, data=data)
    return Threshold(value=attacks, attack_below=bona_fide, policy=policy, data=data)


def _promises(request: CalibrateRequest) -> list[Promise]:
    if bool(request.on) == (request.scores is not None):
        raise UserError("which clips are the place's?", expected="one of --on DATASET and --scores FILE")
    if request.subjects and request.on:
        raise UserError("--subjects is for --scores", do="a dataset's card says who is who")
    promises = [Promise.parse(text) for text in (request.policy, request.no_answer) if text]
    if len({promise.rate for promise in promises}) < len(promises):
        raise UserError(
            f"--policy and --no-answer are both about {promises[0].rate}", expected="one about bpcer, one about apcer"
        )
    return promises


def _calibrated(
    facts: BundleFacts, threshold: Threshold, kept: Sequence[PlaceThreshold], clips: PlaceClips
) -> BundleFacts:
    """Return what the new bundle says: both thresholds, and the self-test with the decisions of the new one."""
    place = []
    for promised in kept:
        low, high = threshold_interval(promised.promise, clips.scores, clips.bonafide, clips.people, clips.species)
        place.append(
            PlaceFacts(
                promise=str(promised.promise), value=promised.value, low=low, high=high, confidence=CONFIDENCE,
                people=promised.people, presentations=promised.presentations, observed=promised.observed,
                bound=promised.bound, data=clips.source,
            )
        )  # fmt: skip
    tests = [
        expected.model_copy(update={"threshold": threshold.value, "bonafide": bool(expected.score >= threshold.value)})
        for expected in facts.self_test
    ]
    before = facts.source_threshold or facts.threshold
    update: Mapping[str, Any] = {
        "threshold": threshold, "source_threshold": before, "place": place, "self_test": tests,
    }  # fmt: skip
    return facts.model_copy(update=dict(update))
