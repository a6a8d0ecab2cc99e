"""Rendered clips: where the face is, that it can be found, and that exposure gives nothing away."""

from __future__ import annotations

import numpy as np
import pytest

from fasdata.synth.layouts.dataset_plan import PlannedClip
from fasdata.synth.presentation.bona_fide import ClipSpec
from fasdata.synth.presentation.clip import render_clip
from fasdata.synth.scene.places import DOMAINS
from fasdata.synth.world import write_clips

PRESENTATIONS = ("bonafide", "print-flat", "print-warped", "print-cut", "display-photo", "display-video")


def spec(dataset: str, shown: str, subject: str = "7", frames: int = 1) -> ClipSpec:
    return ClipSpec(dataset, subject, f"{subject}-{shown}", shown, frames)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def detector():
    import torch
    from facenet_pytorch import MTCNN

    torch.set_num_threads(1)
    return MTCNN(min_face_size=40, select_largest=True)


@pytest.mark.parametrize("dataset", sorted(DOMAINS))
def test_the_told_eyes_are_where_a_detector_finds_them(dataset: str, detector) -> None:
    for shown in PRESENTATIONS:
        shot = next(render_clip(spec(dataset, shown), seed=3))
        assert shot.picture.dtype == np.uint8 and shot.picture.shape[:2] == DOMAINS[dataset].size[::-1]
        boxes, scores, landmarks = detector.detect(np.ascontiguousarray(shot.picture), landmarks=True)
        assert boxes is not None and scores[0] > 0.9, shown
        apart = np.hypot(*(shot.eyes[1] - shot.eyes[0]))
        assert np.abs(landmarks[0][:2] - shot.eyes).max() < 0.3 * apart, shown
        x0, y0, x1, y1 = shot.box
        assert x0 < shot.eyes[0, 0] < shot.eyes[1, 0] < x1 and y0 < shot.eyes[:, 1].min() < y1


def test_a_clip_can_be_made_alone_and_moves() -> None:
    frames = [shot.picture for shot in render_clip(spec("msu-mfsd", "display-video", frames=5), seed=0)]
    list(render_clip(spec("casia-fasd", "print-cut"), seed=0))  # what is made in between does not matter
    again = [shot.picture for shot in render_clip(spec("msu-mfsd", "display-video", frames=5), seed=0)]
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))
    assert np.abs(frames[0].astype(int) - frames[4]).mean() > 1


def test_two_people_two_seeds_and_two_clips_differ() -> None:
    def first(subject: str, name: str, seed: int) -> np.ndarray:
        return next(render_clip(ClipSpec("oulu-npu", subject, name, "bonafide", 1), seed)).picture.astype(int)

    reference = first("1", "a", 0)
    for other in (first("2", "a", 0), first("1", "b", 0), first("1", "a", 1)):
        assert np.abs(reference - other).mean() > 5


def test_mean_and_spread_of_a_face_do_not_tell_its_label() -> None:
    levels: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for subject in map(str, range(6)):
        for shown in ("bonafide", "print-flat", "display-photo"):
            shot = next(render_clip(spec("msu-mfsd", shown, subject), seed=0))
            x0, y0, x1, y1 = shot.box
            face = shot.picture[max(y0, 0) : y1, max(x0, 0) : x1] / 255
            levels[shown == "bonafide"].append(np.concatenate([face.mean((0, 1)), face.std((0, 1))]))
    live, attack = np.array(levels[True]), np.array(levels[False])
    # A tenth of the tonal range: without metering, screens are off by two tenths.
    assert np.abs(live.mean(0) - attack.mean(0)).max() < 0.1


def test_a_clip_stored_upside_down_is_told_as_it_is_stored(tmp_path) -> None:
    import av

    shown = spec("msu-mfsd", "bonafide")
    text: dict[str, np.ndarray] = {}

    def keep(shots) -> str:
        text["eyes"], text["picture"] = shots[0].eyes, shots[0].picture
        return ""

    write_clips([(tmp_path, PlannedClip("a.mp4", shown, "h264", ("a.face", keep), upside_down=True))], seed=0)
    upright = next(render_clip(shown, seed=0))
    assert np.array_equal(text["picture"], upright.picture[::-1, ::-1])
    assert np.allclose(text["eyes"], (319, 239) - upright.eyes[::-1])
    with av.open(str(tmp_path / "a.mp4")) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
    error = np.abs(stored.astype(int) - upright.picture[::-1, ::-1])
    assert error.mean() < 4
