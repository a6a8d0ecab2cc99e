"""Near-duplicates: found at four bits and three frames, against a plain comparison of all pairs."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fasdata.audit.near import ClipHashes, near_duplicates, near_pairs


def flipped(value: int, bits: int, seed: int = 0) -> int:
    """The value with so many of its bits changed."""
    for place in random.Random(seed).sample(range(64), bits):
        value ^= 1 << place
    return value


def hashes(n: int, seed: int) -> tuple[int, ...]:
    return tuple(random.Random(seed).getrandbits(64) for _ in range(n))


@pytest.mark.parametrize(
    ("bits", "frames", "near"), [(0, 3, True), (4, 3, True), (5, 3, False), (4, 2, False), (1, 5, True)]
)
def test_four_bits_on_three_frames(bits, frames, near):
    first = hashes(6, 1)
    second = (*(flipped(value, bits, seed) for seed, value in enumerate(first[:frames])), *hashes(6 - frames, 2))
    clips = [ClipHashes("a", "train", first), ClipHashes("b", "test", second)]
    assert near_pairs(clips).tolist() == ([[0, 1, frames]] if near else [])


def test_a_short_clip_counts_with_all_its_frames_and_one_part_is_no_matter():
    frame = hashes(1, 3)
    assert near_pairs([ClipHashes("a", "train", frame), ClipHashes("b", "test", hashes(5, 4) + frame)]).tolist() == [
        [0, 1, 1]
    ]
    assert near_pairs([ClipHashes("a", "train", frame), ClipHashes("b", "train", frame)]).tolist() == []
    assert near_pairs([ClipHashes("a", "train", ()), ClipHashes("b", "test", ())]).tolist() == []
    assert near_pairs([]).tolist() == []


def test_a_still_that_repeats_counts_once():
    # Three frames of one clip resemble one frame of the other: that is one frame in common.
    value = hashes(1, 5)[0]
    clips = [ClipHashes("a", "train", (value, value, value)), ClipHashes("b", "test", (value, *hashes(4, 6)))]
    assert near_pairs(clips).tolist() == []


def test_it_agrees_with_comparing_everything():
    draw = random.Random(7)
    stems = hashes(40, 8)
    clips = [
        ClipHashes(
            str(n),
            draw.choice(["train", "val", "test"]),
            tuple(flipped(draw.choice(stems), draw.randrange(7), n * 9 + k) for k in range(4)),
        )
        for n in range(120)
    ]
    pairs = {(a, b): frames for a, b, frames in near_pairs(clips).tolist()}
    for a in range(len(clips)):
        for b in range(a + 1, len(clips)):
            near = [[bin(x ^ y).count("1") <= 4 for y in clips[b].hashes] for x in clips[a].hashes]
            frames = min(sum(map(any, near)), sum(map(any, zip(*near, strict=True))))
            expected = frames >= 3 and clips[a].part != clips[b].part
            assert pairs.get((a, b), 0) == (frames if expected else 0)
    assert pairs


def test_the_finding_names_pairs_and_parts():
    same = hashes(3, 9)
    [finding] = near_duplicates([ClipHashes("x/a", "train", same), ClipHashes("y/b", "test", same)])
    assert (finding.severity, finding.number) == ("warning", 1)
    assert "x/a (train) and y/b (test) on 3 frames" in finding.line()
    assert near_duplicates([ClipHashes("x/a", "train", same)]) == []
    assert np.bitwise_count(np.uint64(7)) == 3
