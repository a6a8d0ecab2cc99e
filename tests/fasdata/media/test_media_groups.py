"""Decoding only the groups of pictures that are needed gives what reading in order gives, or is not done."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

import av
import pytest

from benchmarks.sparse_sweep import LENGTH, compare, damaged, drawn, forms, opened, written
from fasdata.media.frame import BY_GROUPS, Unproven, UnreadableMedia, watched
from fasdata.media.readers import Reading
from fasdata.media.video import VideoSource
from tests.faulty_videos import cut, flipped, moving, write_recording

# One form of each kind, and the way in which it is read; benchmarks/sparse_sweep.py goes over all of them.
FORMS = {
    "h264 plain avi even": BY_GROUPS,
    "h264 reordered avi even": "in order: the container knows no order but that of decoding",
    "h264 pyramid mov odd": BY_GROUPS,
    "h264 open mkv even": BY_GROUPS,
    "h264 fields mp4 even": "in order: fields may be coded apart",
    "h264 refresh ts even": BY_GROUPS,
    "hevc open mp4 odd": BY_GROUPS,
    "mpeg4 reordered mkv odd": BY_GROUPS,
    "mpeg4 plain avi even": BY_GROUPS,
    "mjpeg plain avi odd": BY_GROUPS,
    "vp9 hidden mp4 even": BY_GROUPS,
    "av1 plain mkv even": BY_GROUPS,
    "prores plain mov odd": BY_GROUPS,
}


@pytest.mark.parametrize("name", FORMS)
def test_frames_counts_and_words_are_those_of_reading_in_order(tmp_path, name):
    (form,) = forms(name)
    path, draw = written(form, tmp_path), random.Random(name)
    assert path is not None
    for _ in range(2):
        assert compare(path, drawn(draw)) == FORMS[name]
    for fault, other in islice(damaged(path, form, draw), draw.randrange(4), None, 4):
        compare(other, drawn(draw), path if fault not in ("late", "edited") else None)


def h264(path: Path, **options) -> Path:
    return write_recording(path, "h264", moving(LENGTH, 64, 80), options={"g": "10", "bf": "0"}, **options)


def test_only_the_groups_of_the_wanted_frames_are_decoded(tmp_path):
    source = opened(h264(tmp_path / "a.mp4"), sparse=True)
    beats = []
    with watched(lambda: beats.append(1)):
        frames = list(source.frames({12, 34}, to_end=True))
    assert [frame.index for frame in frames] == [12, 34] and source.n_decoded == source.n_proven == LENGTH
    assert len(beats) == 3 + 5


def test_damage_in_what_is_decoded_is_met_and_elsewhere_only_by_reading_in_order(tmp_path):
    path = h264(tmp_path / "a.mp4", fault=flipped(25))
    for wanted in ({3}, {21}, {38}):
        source = opened(path, sparse=True)
        assert [frame.index for frame in source.frames(wanted, to_end=True)] == [*wanted] and not source.damage
    source = opened(path, sparse=True)
    with pytest.raises(Unproven):
        list(source.frames({3, 27}, to_end=True))
    source.read_in_order("because")
    assert source.n_proven is None and source.n_decoded is None
    in_order = opened(path, sparse=False)
    for reader in (source, in_order):
        list(reader.frames({3, 27}, to_end=True))
    assert source.damage == in_order.damage != "" and source.way == "in order: because"


def test_damage_in_a_packet_that_is_decoded_for_another_frame_is_met(tmp_path):
    path, options = tmp_path / "a.mkv", {"g": "12", "bf": "2"}
    write_recording(path, "h264", moving(LENGTH, 64, 80), options=options)
    with av.open(str(path)) as container:
        stamps = [packet.pts for packet in container.demux(container.streams.video[0]) if packet.size]
    place = next(at for at in range(14, LENGTH) if stamps[at] > stamps[at + 1])  # comes before what is shown before it
    write_recording(path, "h264", moving(LENGTH, 64, 80), options=options, fault=cut(place))
    wanted = {sorted(stamps).index(stamps[place + 1])}
    with pytest.raises(Unproven):
        list(opened(path, sparse=True).frames(wanted))
    compare(path, wanted)


def test_a_file_that_changes_between_two_passes_is_not_believed(tmp_path):
    source = opened(h264(tmp_path / "a.mp4"), sparse=True)
    write_recording(tmp_path / "a.mp4", "h264", moving(LENGTH, 64, 80), stamps=[2 * i for i in range(LENGTH)])
    with pytest.raises((Unproven, UnreadableMedia)):
        list(source.frames({30}))


def test_a_codec_without_a_reader_is_read_in_order_and_by_default_every_video_is(tmp_path):
    path = write_recording(tmp_path / "a.mkv", "ffv1", moving(6))
    assert VideoSource(path, reading=Reading(sparse=True)).way == "in order: codec ffv1"
    assert VideoSource(h264(tmp_path / "a.mp4")).way == "in order"
