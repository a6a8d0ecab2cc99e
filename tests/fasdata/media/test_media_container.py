"""What a container says is believed: the display matrix, the default stream, wide pixels; damage costs its frames."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from itertools import product

import av
import cv2
import numpy as np
import pytest

from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.whole_image import WholeImage
from fasdata.media.container import Orientation, squared_size
from fasdata.media.readers import MediaForm, Reading, open_source
from fasdata.media.video import VideoSource
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip
from tests.faulty_videos import flipped, lost, moving, overwritten, write_recording, zeroed

EARLIER = Reading.recorded_in({})  # how the first stores were read


def quarters() -> np.ndarray:
    """Return a picture whose corners differ: dark, red, green and blue."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, 32:] = (250, 0, 0)
    picture[24:, :32] = (0, 250, 0)
    picture[24:, 32:] = (0, 0, 250)
    return picture


def read(path, reading=None):
    source = open_source(MediaForm(), {"rgb": path}, reading)
    return source, list(source.frames(None, to_end=True))


@pytest.mark.parametrize(("degrees", "mirrored", "upturned"), list(product([0, 90, 180, 270], [False, True], [False])))
def test_each_of_the_eight_orientations_is_shown_as_ffmpeg_shows_it(tmp_path, degrees, mirrored, upturned):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")

    path = write_recording(
        tmp_path / "a.mp4", "h264", [quarters()] * 3,
        prepare=lambda stream: stream.set_display_rotation(degrees, hflip=mirrored, vflip=upturned),
    )  # fmt: skip
    source, frames = read(path)
    raw = subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-i",
            str(path),
            "-frames:v",
            "1",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-",
        ],
        capture_output=True,
        timeout=60,
    ).stdout
    shown = np.frombuffer(raw, np.uint8).reshape(frames[0].rgb.shape)
    assert frames[0].rgb.shape[:2] == ((48, 64) if degrees % 180 == 0 else (64, 48))
    assert np.abs(shown.astype(int) - frames[0].rgb).mean() < 3
    assert source.orientation.mirrored == mirrored
    assert ("the container shows the recording mirrored" in source.notes) == mirrored


def test_a_mirrored_recording_is_not_turned_upside_down_as_the_first_stores_have_it(tmp_path):
    path = write_recording(
        tmp_path / "a.mp4", "h264", [quarters()] * 2, prepare=lambda stream: stream.set_display_rotation(0, hflip=True)
    )
    source, (frame, _) = read(path)
    assert source.rotation == 0 and frame.rgb[4, 4, 0] > 200  # the red corner is on the left now, still above
    before, (frame, _) = read(path, EARLIER)
    assert before.rotation == 180 and before.notes == () and frame.rgb[4, 4, 2] > 200


def test_a_matrix_of_zeros_means_nothing():
    assert Orientation.of_matrix([0] * 9) == Orientation()


@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(2), (96, 256)), (Fraction(1, 2), (192, 128)), (Fraction(64, 45), (96, 182))]
)
def test_pixels_become_square_without_losing_one(tmp_path, aspect, size):
    def wide(stream):
        stream.codec_context.sample_aspect_ratio = aspect

    source, frames = read(write_recording(tmp_path / "a.mp4", "h264", moving(3), prepare=wide))
    assert {frame.rgb.shape[:2] for frame in frames} == {size}
    across, down = size[1], size[0]
    note = f"pixels of {aspect.numerator}:{aspect.denominator} were made square: 128x96 became {across}x{down}"
    assert source.notes == (note,)
    assert {frame.rgb.shape[:2] for frame in read(tmp_path / "a.mp4", EARLIER)[1]} == {(96, 128)}


def test_wide_pixels_are_made_square_before_the_recording_is_turned(tmp_path):
    def wide(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        stream.set_display_rotation(90)

    _, frames = read(write_recording(tmp_path / "a.mp4", "h264", moving(2), prepare=wide))
    assert frames[0].rgb.shape[:2] == (256, 96)


def test_a_nonsensical_aspect_is_not_believed():
    assert squared_size(128, 96, Fraction(1)) == (128, 96)

    class Stream:
        sample_aspect_ratio = Fraction(1, 1000)

    from fasdata.media.container import pixel_aspect

    assert pixel_aspect(Stream(), Reading()) == 1


def two_streams(path, sizes, defaults):
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mjpeg", rate=25) for _ in sizes]
        for stream, side, default in zip(streams, sizes, defaults, strict=True):
            stream.width = stream.height = side
            stream.pix_fmt = "yuvj420p"
            stream.disposition = av.stream.Disposition.default if default else av.stream.Disposition(0)
        for stream, side in zip(streams, sizes, strict=True):
            for picture in moving(side // 8, side, side):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("sizes", "defaults", "chosen"),
    [((32, 64), (False, True), 1), ((64, 32), (False, True), 1), ((32, 64), (True, True), 1), ((32, 64), (0, 0), 1),
     ((64, 32), (True, True), 0), ((64, 64), (True, True), 0)],
)  # fmt: skip
def test_the_recording_is_the_default_stream_or_the_largest(tmp_path, sizes, defaults, chosen):
    path = two_streams(tmp_path / "a.mkv", sizes, defaults)
    source, frames = read(path)
    assert source.stream == chosen and len(frames) == sizes[chosen] // 8
    assert {frame.rgb.shape[:2] for frame in frames} == {(sizes[chosen], sizes[chosen])}
    assert source.notes == (
        (f"video stream 2 of 2 is the recording, the {'default' if defaults[1] else 'largest'} one",) if chosen else ()
    )
    assert read(path, EARLIER)[0].stream == 0


@pytest.mark.parametrize("byte", [0x00, 0x55, 0xFF])
@pytest.mark.parametrize(("codec", "suffix"), [("mjpeg", "mov"), ("hevc", "mp4"), ("h264", "mp4"), ("mpeg4", "avi")])
def test_a_damaged_packet_costs_its_frames_and_not_the_rest(tmp_path, codec, suffix, byte):
    path = overwritten(write_recording(tmp_path / f"a.{suffix}", codec, moving(20)), 5, byte)
    source, frames = read(path)
    assert source.n_decoded == 19 and len(frames) + len(source.left_out) == 19
    assert "1 damaged packet was skipped" in source.damage or "1 of 20 packets gave no picture" in source.damage
    assert [frame.index for frame in frames] == [i for i in range(19) if i not in source.left_out]


def test_stop_ends_the_recording_where_opencv_does(tmp_path):
    path = write_recording(tmp_path / "a.mov", "mjpeg", moving(20), fault=zeroed(5))
    capture, n = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        n += 1
    for reading in (Reading("stop"), EARLIER):
        source, frames = read(path, reading)
        assert len(frames) == source.n_decoded == n == 5
        assert source.damage.startswith("decoding stopped after 5 frames: ")


def test_a_concealed_frame_counts_and_is_never_cropped(tmp_path):
    path = write_recording(tmp_path / "a.mp4", "mpeg4", moving(20), fault=flipped(6))
    source, frames = read(path)
    concealed = sorted(source.left_out)
    assert concealed and source.n_decoded == 20 and len(frames) == 20 - len(concealed)
    settings = ExtractSettings(tuple(parse_rules("every(1)")), detector="none")
    work, clip = ClipExtractor(settings, WholeImage()), Clip("d", "c", {"rgb": "a.mp4"})
    record, crops = work.extract(clip, VideoSource(path))
    assert record.n_frames == 20 and len(crops) == 20 - len(concealed) and record.status == "ok"
    assert [frame.index for frame in record.frames if frame.status == "skip"] == concealed
    assert any("hide damage" in note for note in record.notes)
    # The first stores crop them like any other frame.
    assert len(work.extract(clip, VideoSource(path, reading=EARLIER))[1]) == 20


def test_frames_added_later_are_those_of_one_extraction(tmp_path):
    path = write_recording(tmp_path / "a.mp4", "mpeg4", moving(20), fault=flipped(6))
    clip = Clip("d", "c", {"rgb": "a.mp4"})

    def extract(rules, earlier=None):
        settings = ExtractSettings(tuple(parse_rules(rules)), detector="none")
        return ClipExtractor(settings, WholeImage()).extract(clip, VideoSource(path), earlier=earlier)[0]

    at_once = extract("every(1) + every(5)")
    assert extract("every(1) + every(5)", extract("every(5)")) == at_once
    assert any(frame.status == "skip" for frame in at_once.frames)


def test_frames_that_hang_on_a_lost_one_are_told_by_hevc(tmp_path):
    source, frames = read(write_recording(tmp_path / "a.mp4", "hevc", moving(20), fault=lost(1)))
    assert source.n_decoded == 19 and len(frames) == 1 and len(source.left_out) == 18
