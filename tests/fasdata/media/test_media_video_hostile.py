"""Videos that are damaged, odd, or no videos: each ends in frames or in a plain reason, never in a crash."""

from __future__ import annotations

import random
import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.whole_image import WholeImage
from fasdata.media.frame import UnreadableMedia
from fasdata.media.readers import MediaForm, open_source
from fasdata.media.video import VideoSource
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip
from tests.videos import flat_frames, write_video


def read(path: Path) -> VideoSource:
    """Decode all of it; return the source."""
    source = open_source(MediaForm(), {"rgb": path})
    list(source.frames(None, to_end=True))
    assert isinstance(source, VideoSource)
    return source


def write_sound(path: Path, picture: np.ndarray | None = None) -> Path:
    """Write a second of silence, with a cover picture if one is given."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=8000)
        sound.layout = "mono"
        if picture is not None:
            cover = container.add_stream("png", rate=1)
            cover.height, cover.width = picture.shape[:2]
            cover.pix_fmt = "rgb24"
            cover.disposition = av.stream.Disposition.attached_pic
            container.mux(cover.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(cover.encode())
        for number in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, 1024 * number
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
    return path


def test_sound_alone_is_no_video(tmp_path):
    with pytest.raises(UnreadableMedia, match="no video stream"):
        VideoSource(write_sound(tmp_path / "a.mp4"))


def test_a_cover_picture_is_no_video(tmp_path):
    path = write_sound(tmp_path / "a.mp4", np.zeros((16, 16, 3), np.uint8))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1  # for FFmpeg it is one
    with pytest.raises(UnreadableMedia, match="no video stream"):
        VideoSource(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_picture_called_a_video_is_reported_as_a_picture(tmp_path, suffix):
    _, data = cv2.imencode(suffix, np.zeros((24, 32, 3), np.uint8))
    (tmp_path / "a.avi").write_bytes(data.tobytes())
    with pytest.raises(UnreadableMedia, match="still picture"):
        VideoSource(tmp_path / "a.avi")


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile other.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nother.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>',
        "\x1b[31mtext\x1b[0m\n" * 300,
    ],
)
def test_a_file_that_only_names_another_opens_nothing(tmp_path, text):
    write_video(tmp_path / "other.mp4", flat_frames(4), codec="h264")
    (tmp_path / "a.mp4").write_text(text)
    with pytest.raises(UnreadableMedia):
        read(tmp_path / "a.mp4")


def test_names_mean_nothing_but_themselves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.avi|b.avi", "http:x.avi", "frame%03d.avi", "-i.avi", "Größe é 1.avi", "*.avi"):
        write_video(Path("written.avi"), flat_frames(3)).rename(name)
        assert read(Path(name)).n_decoded == 3


def test_a_container_under_another_name_is_read_alike(tmp_path):
    avi = write_video(tmp_path / "a.avi", flat_frames(7))
    (tmp_path / "b.mp4").write_bytes(avi.read_bytes())
    assert read(tmp_path / "b.mp4").n_decoded == 7


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "h264"), ("a.mkv", "h264"), ("a.avi", "mpeg4")])
def test_damaged_files_give_frames_or_a_reason(tmp_path, name, codec):
    pictures = [np.random.default_rng(i).integers(0, 255, (32, 48, 3), dtype=np.uint8) for i in range(12)]
    whole = write_video(tmp_path / name, pictures, codec=codec).read_bytes()
    chance, refused = random.Random(5), 0
    for trial in range(24):
        data = bytearray(whole[: chance.randrange(1, len(whole))] if trial % 2 else whole)
        for _ in range(chance.randrange(12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / f"damaged-{name}").write_bytes(data)
        try:
            source = read(tmp_path / f"damaged-{name}")
            assert source.n_decoded is not None and 0 < source.n_decoded <= 12 + 4
        except UnreadableMedia as error:
            refused += 1
            assert str(error) and "\n" not in str(error)
    assert refused >= 2  # some were damaged beyond reading


def test_unsteady_time_stamps_are_kept_and_frames_counted_as_they_come(tmp_path):
    stamps = [0, 1, 2, 9, 10, 40, 41, 60]
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("h264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for stamp, picture in zip(stamps, flat_frames(8), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    source = VideoSource(tmp_path / "a.mkv")
    frames = list(source.frames({0, 3, 5, 7}, to_end=True))
    assert source.n_decoded == 8 and [frame.index for frame in frames] == [0, 3, 5, 7]
    assert [frame.pts - frames[0].pts for frame in frames] == pytest.approx([0, 9 / 25, 40 / 25, 60 / 25], abs=0.002)
    assert abs(source.n_hint - 8) > 20  # what the container's length would make one believe


def test_a_header_that_claims_more_frames_than_fit_is_not_believed(tmp_path):
    data = bytearray(write_video(tmp_path / "a.avi", flat_frames(9)).read_bytes())
    struct.pack_into("<I", data, data.index(b"strh") + 8 + 32, 0x7FFFFFF0)  # the stream's length
    (tmp_path / "a.avi").write_bytes(data)
    source = VideoSource(tmp_path / "a.avi")
    assert source.n_hint == 0
    work = ClipExtractor(ExtractSettings(tuple(parse_rules("every(4)")), detector="none"), WholeImage())
    record, crops = work.extract(Clip("d", "c", {"rgb": "a.avi"}), source)
    assert (record.n_frames, record.selections["every(4)@decoded"], len(crops)) == (9, (0, 4, 8), 3)
    assert record.notes == ("the container claims 2147483632 frames, which is not believed",)


def test_a_header_without_frames_says_so(tmp_path):
    whole = write_video(tmp_path / "a.avi", flat_frames(5)).read_bytes()
    (tmp_path / "a.avi").write_bytes(whole[: whole.index(b"movi") + 4])
    with pytest.raises(UnreadableMedia):
        read(tmp_path / "a.avi")


def test_frames_beyond_any_camera_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("fasdata.media.video.MAX_PIXELS", 48 * 64 - 1)
    with pytest.raises(UnreadableMedia, match=r"64x48 pixels, more than the limit"):
        VideoSource(write_video(tmp_path / "a.avi", flat_frames(2)))


@pytest.mark.parametrize(
    ("codec", "name"), [("h264", "a.mp4"), ("mpeg4", "b.avi"), ("ffv1", "c.mkv"), ("vp9", "d.webm")]
)
def test_odd_sizes_are_read_whole(tmp_path, codec, name):
    pictures = [np.full((38, 50, 3), 90, np.uint8)] * 3
    source = VideoSource(write_video(tmp_path / name, pictures, codec=codec))
    assert {frame.rgb.shape for frame in source.frames(None)} == {(38, 50, 3)}


def test_a_picture_larger_than_any_camera_in_the_middle_is_not_decoded(tmp_path):
    """What came before it is kept; the header said 64x64."""
    large = cv2.imencode(".jpg", np.zeros((9000, 9000, 3), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 1])[1].tobytes()
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p"
        for image in flat_frames(3, 64, 64):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        packet = av.Packet(large)
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 3, 3, Fraction(1, 25)
        container.mux(packet)
    source = read(tmp_path / "a.avi")
    assert source.n_decoded == 3 and source.damage.startswith("decoding stopped after 3 frames")


def test_want_of_memory_is_no_fault_of_a_recording(tmp_path, monkeypatch):
    """Frames must not be left out for it: the store would keep that. A size that no memory has is the file's fault."""
    path = write_video(tmp_path / "a.mp4", flat_frames(3, 64, 48))

    def fail(*_: object) -> None:
        raise av.error.MemoryError(12, "Cannot allocate memory")

    monkeypatch.setattr(VideoSource, "_convert", fail)
    with pytest.raises(UnreadableMedia, match="cannot be converted"):
        read(path)
    monkeypatch.setattr("fasdata.errors.memory_is_short", lambda: True)
    with pytest.raises(MemoryError):
        read(path)
