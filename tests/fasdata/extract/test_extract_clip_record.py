"""A clip extracted little by little, by rules in any order, has the record and the crops of one extracted at once."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.clip_record import recorded_frames
from fasdata.extract.settings import ExtractSettings
from fasdata.media.frame import Frame, turn
from fasdata.protocols.sampling import parse_rules
from fasdata.records import ClipRecord, Face
from tests.fasdata.extract.test_extract_clip_extractor import CLIP, FrameList, ReadsThePixel

RULES = (
    "ssdg(2)@decoded", "first(3)@decoded", "linspace(2)@with_face", "linspace(3)@with_face", "quarter@with_face",
    "every(7)@decoded", "first(2)@with_face", "random(3,1)@decoded", "equidistant(4)@decoded",
    "three(1,9,30)@with_face", "all@with_face", "linspace(5)@decoded", "quarter@decoded", "linspace(1)@with_face",
)  # fmt: skip


class OfManySizes(FrameList):
    """Pictures that grow from frame to frame, as those of a release that was cropped by hand."""

    def frames(self, indices=None, *, to_end=False):  # type: ignore[no-untyped-def]
        for frame in super().frames(indices, to_end=to_end):
            wider = np.pad(frame.rgb, ((0, 0), (0, frame.index), (0, 0)))
            yield Frame(frame.index, frame.pts, {"rgb": turn(wider, 0)}, frame.name)


def one_trial(chance: random.Random) -> None:
    n, density = chance.choice((1, 5, 20, 45, 60)), chance.choice((0, 0.05, 0.2, 0.5, 0.9, 1))
    faces = {index for index in range(n) if chance.random() < density}
    if chance.random() < 0.3:  # one stretch of them
        start = chance.randrange(n)
        faces = {index for index in faces if start <= index < start + 12}
    claimed = chance.choice((None, None, n + 3, max(1, n - 3), 0))
    fallbacks, turned = chance.random() < 0.8, chance.choice((0, 0, 0, 90))
    given = {index: Face((60.0, 2.0, 68.0, 10.0), (), 1.0) for index in range(n) if chance.random() < 0.2}
    clip = replace(CLIP, fields={"turned": str(turned)}) if turned and chance.random() < 0.5 else CLIP
    source = chance.choice((FrameList, OfManySizes)) if not turned else FrameList
    rules = chance.sample(RULES, chance.randint(2, 4))
    steps = [[rule] for rule in rules] if chance.random() < 0.5 else [rules[:1], rules[1:]]

    def extract(asked: list[str], earlier: ClipRecord | None = None) -> tuple[ClipRecord, dict[str, bytes]]:
        settings = ExtractSettings(tuple(parse_rules(" + ".join(asked))), fallbacks=fallbacks)
        listed = source(faces, n, hint=claimed, turned=turned)
        return ClipExtractor(settings, ReadsThePixel()).extract(clip, listed, given=given, earlier=earlier)

    asked: list[str] = []
    record, crops = None, {}
    for step in steps:
        asked += step
        before = set(crops)
        record, new = extract(asked, record)
        assert not before & set(new), "a crop was made twice"
        crops |= new
    assert (record, crops) == extract(rules), (n, sorted(faces), claimed, fallbacks, turned, steps)


@pytest.mark.parametrize("seed", range(8))
def test_in_any_steps(seed):
    chance = random.Random(seed)
    for _ in range(40):
        one_trial(chance)


def test_a_record_keeps_the_frames_that_decide_and_no_others():
    faces = {index: index in (3, 9) for index in range(12)}
    assert recorded_frames(12, faces, {"first(1)@with_face": [3]}, around_misses=False) == {0, 1, 2, 3}
    assert recorded_frames(12, faces, {"linspace(2)@with_face": [3, 9]}, around_misses=False) == {0, 1, 2, 3, 9, 10, 11}
    assert recorded_frames(12, faces, {"quarter@with_face": [3, 9]}, around_misses=False) == set(range(12))
    assert recorded_frames(12, faces, {"linspace(2)@decoded": [0, 11]}, around_misses=False) == {0, 11}
    assert recorded_frames(12, faces, {"linspace(1)@decoded": [5]}, around_misses=True) == set(range(3, 10))
    assert recorded_frames(12, {3: True}, {"linspace(1)@decoded": [3]}, around_misses=True) == {3}
