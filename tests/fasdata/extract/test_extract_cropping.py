"""Clips of several modalities extracted: regions, borders, statuses, hashes, what is left out."""

from dataclasses import replace

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import make_detector
from fasdata.media.frame import Frame, IndexedSource, UnreadableMedia
from fasdata.media.readers import MediaForm
from fasdata.protocols.sampling import choose, parse_rules
from fasdata.records import Clip, Face
from fasdata.store.codec import decode
from fasdata.store.hashes import content_hash, perceptual_hash
from fasdata.store.keys import crop_key
from tests.fabricate import noise

CLIP = Clip("d", "c", {"rgb": "c/color", "depth": "c/depth", "ir": "c/ir"}, "train", "bonafide", "bonafide", "", "01")
WHOLE = MediaForm("frames", "exact", True, "relative")
POINTS = ((20.0, 20.0), (28.0, 20.0), (24.0, 25.0), (20.0, 30.0), (28.0, 30.0))


class FrameList(IndexedSource):
    """Frames given as dictionaries of images; None stands for one that cannot be read."""

    def __init__(self, frames):
        super().__init__([f"{10 * i:04d}" for i in range(len(frames))], ("a note",))
        self.pictures = frames

    def _read(self, handle, index):
        if self.pictures[index] is None:
            raise UnreadableMedia("broken")
        return Frame(index, -1.0, self.pictures[index], self.names[index])


class Fixed:
    """Sees the same face on every frame but those whose first pixel is black."""

    name, fingerprint, settings = "fixed", "0", {}

    def detect(self, frames, indices=()):
        face = Face((16.0, 16.0, 32.0, 32.0), POINTS, 0.9)
        return [[face] if frame[0, 0].any() else [] for frame in frames]


def triplet(seed, size=(40, 50), depth=None, ir=None, deep=False):
    kind = np.uint16 if deep else np.uint8
    rgb = noise(seed, *size, 3) | 1
    return {"rgb": rgb, "depth": noise(seed + 1, *(depth or size), kind=kind), "ir": noise(seed + 2, *(ir or size))}


def extract(frames, form=WHOLE, rules="all", detector=None, **options):
    settings = ExtractSettings(tuple(parse_rules(rules)), detector="none" if detector is None else "mtcnn", **options)
    settings = settings.settled(form)
    return ClipExtractor(settings, detector or make_detector(settings.detector, settings.detector_request)).extract(
        CLIP, FrameList(frames)
    )


def test_a_precropped_frame_is_given_whole_and_counts_as_a_face():
    frames = [triplet(i, deep=True) for i in range(3)]
    record, crops = extract(frames, rules="all + linspace(2)@with_face", borders="keep")
    assert (record.status, record.registered, record.depth_unit) == ("ok", "exact", "relative")
    assert record.selections["linspace(2)@with_face"] == (0, 2)
    assert sorted(crops) == sorted(crop_key("c", i, name) for i in range(3) for name in ("rgb", "depth", "ir"))
    for frame in record.frames:
        assert (frame.status, frame.score, frame.n_faces, frame.landmarks) == ("given", 1.0, 1, None)
        assert frame.box == (0, 0, 50, 40) and frame.crop.region == (0, 0, 50, 40) and frame.face_observed
        assert frame.crop.modalities == ("rgb", "depth", "ir") and frame.name == f"{10 * frame.index:04d}"
        for name, image in frames[frame.index].items():
            stored = decode(crops[crop_key("c", frame.index, name)])
            assert stored.dtype == image.dtype and np.array_equal(stored, image)
        assert frame.phash == perceptual_hash(frames[frame.index]["rgb"]) and len(frame.phash) == 16
    assert choose(parse_rules("first(1)@with_face")[0], record) == (0,)
    assert record.notes[0] == "a note"


def test_the_content_hash_covers_the_perceptual_hash():
    record, _ = extract([triplet(0)])
    other = replace(record, frames=(replace(record.frames[0], phash="0" * 16),))
    assert content_hash(record) != content_hash(other)


def test_a_registered_clip_is_cut_alike_in_all_modalities():
    frame = triplet(5, deep=True)
    record, crops = extract([frame], MediaForm("frames", "exact"), detector=Fixed(), context=1.5)
    x0, y0, x1, y1 = record.frames[0].crop.region
    assert (x1 - x0, y1 - y0) != (50, 40) and record.frames[0].status == "ok"
    for name, image in frame.items():
        assert np.array_equal(decode(crops[crop_key("c", 0, name)]), image[y0:y1, x0:x1])


def test_a_scaled_clip_is_cut_at_the_same_place_in_its_own_pixels():
    frame = triplet(5, size=(40, 52), depth=(20, 26), ir=(80, 104))
    record, crops = extract([frame], MediaForm("frames", "scaled"), detector=Fixed(), context=1.5)
    x0, y0, x1, y1 = record.frames[0].crop.region
    assert record.registered == "scaled"
    half = frame["depth"][round(y0 / 2) : round(y1 / 2), round(x0 / 2) : round(x1 / 2)]
    assert np.array_equal(decode(crops[crop_key("c", 0, "depth")]), half)
    assert np.array_equal(decode(crops[crop_key("c", 0, "ir")]), frame["ir"][2 * y0 : 2 * y1, 2 * x0 : 2 * x1])


def test_an_unregistered_modality_is_kept_whole():
    frame = triplet(5, ir=(33, 11))
    record, crops = extract([frame], MediaForm("frames", "none"), detector=Fixed())
    assert np.array_equal(decode(crops[crop_key("c", 0, "ir")]), frame["ir"])
    assert record.registered == "none"


@pytest.mark.parametrize(
    ("registered", "size", "words"),
    [("exact", (20, 25), "not pixel to pixel"), ("scaled", (20, 27), "another aspect ratio")],
)
def test_a_modality_that_does_not_lie_as_stated_is_left_out_and_noted(registered, size, words):
    frames = [triplet(0), triplet(1, depth=size)]
    record, crops = extract(frames, MediaForm("frames", registered), detector=Fixed())
    assert [frame.crop.modalities for frame in record.frames] == [("rgb", "depth", "ir"), ("rgb", "ir")]
    assert crop_key("c", 1, "depth") not in crops
    assert any(words in note and "(1 of the stored frames)" in note for note in record.notes)


def test_an_aspect_within_two_per_cent_is_scaled():
    frames = [triplet(0, size=(100, 100), depth=(100, 101))]
    record, _ = extract(frames, MediaForm("frames", "scaled"), detector=Fixed())
    assert record.frames[0].crop.modalities == ("rgb", "depth", "ir")


def bordered(size, box, seed=0, channels=3):
    x0, y0, x1, y1 = box
    image = np.full((*size, channels), 5, np.uint8)  # what compression makes of black
    image[y0:y1, x0:x1] = noise(seed, y1 - y0, x1 - x0, channels) | 8
    return image if channels == 3 else image[:, :, 0]


def test_black_borders_are_cut_once_for_all_where_sizes_and_boxes_agree():
    box = (10, 4, 40, 30)
    frame = {"rgb": bordered((40, 50), box), "depth": bordered((40, 50), (11, 4, 40, 30), 1, 1)}
    record, crops = extract([frame])
    assert record.frames[0].box == box and record.frames[0].crop.region == box
    assert np.array_equal(decode(crops[crop_key("c", 0, "depth")]), frame["depth"][4:30, 10:40])
    kept, _ = extract([frame], borders="keep")
    assert kept.frames[0].crop.region == (0, 0, 50, 40)


def test_black_borders_are_cut_by_their_own_boxes_where_they_do_not():
    apart = {"rgb": bordered((40, 50), (10, 4, 40, 30)), "depth": bordered((40, 50), (0, 20, 20, 40), 1, 1)}
    _, crops = extract([apart])
    assert np.array_equal(decode(crops[crop_key("c", 0, "depth")]), apart["depth"][20:40, 0:20])
    other_size = {"rgb": bordered((40, 50), (10, 4, 40, 30)), "ir": bordered((30, 30), (2, 3, 28, 27), 1, 1)}
    _, crops = extract([other_size], replace(WHOLE, registered="scaled"))
    assert np.array_equal(decode(crops[crop_key("c", 0, "ir")]), other_size["ir"][3:27, 2:28])


def test_a_dark_frame_is_kept_whole_and_flagged():
    frames = [{"rgb": np.full((40, 50, 3), 2, np.uint8)}, {"rgb": bordered((40, 50), (1, 1, 12, 12))}, triplet(1)]
    record, _ = extract(frames)
    assert [frame.crop.region for frame in record.frames[:2]] == [(0, 0, 50, 40)] * 2  # 11 pixels are no face
    assert [frame.dark for frame in record.frames] == [True, False, False]


def test_a_detector_may_be_run_on_precropped_images_and_misses_become_central_squares():
    black = triplet(1)
    black["rgb"][0, 0] = 0
    record, crops = extract([triplet(0), black], detector=Fixed())
    assert [frame.status for frame in record.frames] == ["ok", "center"]
    assert record.frames[1].box == (5, 0, 45, 40) and record.frames[1].landmarks is None
    assert not record.frames[1].face_observed and crop_key("c", 1, "ir") in crops
    record, _ = extract([triplet(0), black], detector=Fixed(), fallbacks=False)
    assert [frame.status for frame in record.frames] == ["ok", "skip"]


def test_an_unreadable_frame_is_skipped_and_the_clip_stands():
    record, crops = extract([triplet(0), None, triplet(2)])
    assert [frame.status for frame in record.frames] == ["given", "skip", "given"]
    assert (record.status, record.n_frames, len(crops)) == ("ok", 3, 6)
    assert "1 frames cannot be read (0010: broken)" in record.notes
    record, crops = extract([None, triplet(1)], rules="first(1)")
    assert (record.status, crops) == ("failed", {}) and "0000: broken" in record.reason


def test_large_depth_is_thinned_and_never_averaged():
    depth = np.where(noise(1, 64, 64) > 128, 500, 4000).astype(np.uint16)
    frame = {"rgb": noise(0, 64, 64, 3), "depth": depth}
    record, crops = extract([frame], borders="keep", max_side=24)
    stored = decode(crops[crop_key("c", 0, "depth")])
    assert stored.shape == (24, 24) and set(np.unique(stored)) == {500, 4000}
    assert record.frames[0].crop.scale == pytest.approx(24 / 64)


def test_auto_becomes_none_where_the_release_is_precropped():
    auto = ExtractSettings(tuple(parse_rules("all")), detector="auto")
    assert auto.settled(WHOLE).detector == "none" and auto.settled(MediaForm()).detector == "mtcnn"
    assert replace(auto, detector="mtcnn").settled(WHOLE).detector == "mtcnn"
    recorded = auto.settled(WHOLE).recorded()
    assert (recorded["detector"], recorded["detector_weights_sha256"], recorded["borders"]) == ("none", "", "cut")
    assert (recorded["registered"], recorded["precropped"], recorded["reader"]) == ("exact", True, "frames")
    with pytest.raises(UserError, match="cut"):
        ExtractSettings(tuple(parse_rules("all")), borders="cute")
