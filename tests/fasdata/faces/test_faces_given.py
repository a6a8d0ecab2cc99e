"""What releases say about faces: every form, hostile text, and the detector made of it."""

from pathlib import Path

import numpy as np
import pytest

from fasdata.faces.given import GivenDetector, given_faces
from fasdata.records import Clip
from tests.fabricate import noise, write_still, write_threedmad


def clip(dataset: str, relpath: str, **facts: object) -> Clip:
    return Clip(dataset, "c", {"rgb": relpath}, **facts)


def put(root: Path, relpath: str, text: str | bytes) -> Path:
    path = root / relpath
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


RECTANGLES = "0 100 80 50 60\n1 0 0 0 0\n2 102 81 50 60\n"
ENLARGED = (95.0, 74.0, 155.0, 146.0)  # of 100 80 50 60, by 1.2 about its centre


@pytest.mark.parametrize("above", ["", "Replay-Attack/", "sets/idiap/"])
@pytest.mark.parametrize(
    ("dataset", "video", "tree"),
    [
        (
            "replay-attack",
            "train/attack/fixed/attack_print_client001_session01_highdef_photo_adverse.mov",
            "face-locations",
        ),
        ("casia-fasd", "train_release/1/HR_1.avi", "face-locations"),
        ("replay-mobile", "devel/real/client009_session01_authenticate_mobile_adverse.mov", "faceloc/rect"),
    ],
)
def test_rectangles_of_a_tree_beside_the_videos(tmp_path, above, dataset, video, tree):
    put(tmp_path, f"{above}{tree}/{Path(video).with_suffix('.face')}", RECTANGLES)
    given = given_faces(clip(dataset, above + video), tmp_path)
    assert list(given) == [0, 2] and given.notes == ()
    assert (given[0].box, given[0].landmarks, given[0].score) == (ENLARGED, (), 1.0)


def test_corners_and_eyes_of_msu(tmp_path):
    stem = "scene01/attack/attack_client001_laptop_SD_printed_photo_scene01"
    put(
        tmp_path,
        f"{stem}.face",
        "0, 100, 80, 150, 140, 135, 95, 115, 96\n1, 100, 80, 150, 140, 0, 0, 0, 0\n2,0,0,0,0,0,0,0,0\n",
    )
    given = given_faces(clip("msu-mfsd", f"{stem}.mov"), tmp_path)
    assert list(given) == [0, 1] and given[0].box == ENLARGED
    assert given[0].landmarks == ((115.0, 96.0), (135.0, 95.0))  # image-left eye first, whoever's left the file means
    assert given[1].landmarks == ()


def test_boxes_of_msu_that_were_found_upside_down_are_not_used(tmp_path):
    stem = "scene01/real/real_client005_android_SD_scene01"
    put(tmp_path, f"{stem}.face", "0,100,80,150,140,135,95,115,96\n")
    facts = {"label": "bonafide", "subject": "005"}
    turned = given_faces(clip("msu-mfsd", f"{stem}.mp4", **facts, fields={"camera": "android"}), tmp_path)
    assert len(turned) == 0 and "upside-down" in turned.notes[0]
    assert len(given_faces(clip("msu-mfsd", f"{stem}.mp4", **facts, fields={"camera": "laptop"}), tmp_path)) == 1


@pytest.mark.parametrize("video", ["Train/live/017/017-1-1-2-1.mov", "Test/live/161/161-2-1-1-2.m.mov"])
def test_corners_of_siw_go_by_their_line(tmp_path, video):
    put(tmp_path, video.replace(".m.mov", ".mov").replace(".mov", ".face"), "100 80 150 140\n0 0 0 0\n100 80 150 140\n")
    given = given_faces(clip("siw", video), tmp_path)
    assert list(given) == [0, 2] and given[2].box == ENLARGED


def test_eyes_of_oulu_place_the_box(tmp_path):
    put(tmp_path, "Train_files/1_1_01_1.txt", "0,300,200,340,200\n1,0,0,0,0\n2,340,230,340,230\n3,330,200,300,240\n")
    given = given_faces(clip("oulu-npu", "Train_files/1_1_01_1.avi"), tmp_path)
    assert list(given) == [0, 3] and given.notes == ()
    assert given[0].landmarks == ((300.0, 200.0), (340.0, 200.0))
    assert given[0].box == (276.0, 158.0, 364.0, 268.0)  # 40 pixels apart: 1.1 to the sides, 1.05 up, 1.7 down
    assert given[3].landmarks == ((300.0, 240.0), (330.0, 200.0))
    assert given[3].box == (260.0, 167.5, 370.0, 305.0)  # by distance and mid-point alone: it does not lean


def test_boxes_of_celeba_are_for_224_pixels(tmp_path):
    write_still(tmp_path / "Data/train/1/live/000184.png", noise(0, 448, 336, 3))
    put(tmp_path, "Data/train/1/live/000184_BB.txt", "61 45 60 100 0.9970805\n")
    given = given_faces(clip("celeba-spoof", "Data/train/1/live/000184.png"), tmp_path)
    assert list(given) == [0] and given[0].score == 0.99708
    assert given[0].box == (
        91.5 - 9,
        90.0 - 20,
        181.5 + 9,
        290.0 + 20,
    )  # x by 1.5 and y by 2, then 1.2 about the centre


def test_a_celeba_image_whose_size_is_unknown_is_noted(tmp_path):
    put(tmp_path, "Data/train/1/live/000184.png", b"no image")
    put(tmp_path, "Data/train/1/live/000184_BB.txt", "61 45 60 100 0.99\n")
    given = given_faces(clip("celeba-spoof", "Data/train/1/live/000184.png"), tmp_path)
    assert len(given) == 0 and "size of its image is unknown (cannot identify image file)" in given.notes[0]


def test_eyes_of_3dmad_stand_in_the_recording(tmp_path):
    eyes = np.array([[10, 8, 20, 8], [0, 0, 0, 0], [11, 8, 21, 8], [20, 8, 10, 8]], np.int32)
    write_threedmad(tmp_path / "01_01_01.hdf5", n=4, Eye_Pos=eyes)
    given = given_faces(clip("3dmad", "01_01_01.hdf5"), tmp_path)
    assert list(given) == [0, 2, 3] and given[0].landmarks == given[3].landmarks == ((10.0, 8.0), (20.0, 8.0))
    write_threedmad(tmp_path / "01_01_02.hdf5", Eye_Pos=None)
    assert len(given_faces(clip("3dmad", "01_01_02.hdf5"), tmp_path)) == 0
    write_threedmad(tmp_path / "01_01_03.hdf5", Eye_Pos=np.zeros((4, 3), np.int32))
    assert "Eye_Pos is not used" in given_faces(clip("3dmad", "01_01_03.hdf5"), tmp_path).notes[0]
    put(tmp_path, "01_01_04.hdf5", b"no file")
    assert "not a readable HDF5" in given_faces(clip("3dmad", "01_01_04.hdf5"), tmp_path).notes[0]


HOSTILE = [
    "0 100 80 50",
    "0 100 80 50 60 70",
    "zero 100 80 50 60",
    "0 100 80 -50 60",
    "0 1e9 80 50 60",
    "0 99999999999 80 50 60",
    "0 nan 80 50 60",
    "0 inf 80 50 60",
    "-1 100 80 50 60",
    "0.5 100 80 50 60",
    "9999999 100 80 50 60",
    "0,100,80,50,60",
    "0 1_0 80 50 60",
    "0 ٣ 80 50 60",
    "0 0x10 80 50 60",
    "\x00\x00\x00",
    "=cmd()\x1b[31m" + "A" * 10_000,
]


@pytest.mark.parametrize("line", HOSTILE)
def test_a_line_that_is_not_understood_is_noted_and_the_others_stand(tmp_path, line):
    put(tmp_path, "face-locations/train_release/1/1.face", f"{line}\n7 100 80 50 60\n")
    given = given_faces(clip("casia-fasd", "train_release/1/1.avi"), tmp_path)
    assert list(given) == [7]
    (note,) = given.notes
    assert note.startswith("1.face: 1 line is not understood and left out, such as line 1: ")
    assert note.isprintable() and len(note) < 160


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x00" * 50, bytes(range(256)) * 20, b"7 " * 3_000_000, b""])
def test_no_content_raises_an_error(tmp_path, content):
    for dataset, video, place in (
        ("casia-fasd", "train_release/1/1.avi", "train_release/1/1.face"),
        ("msu-mfsd", "scene01/real/a.mov", "scene01/real/a.face"),
        ("siw", "Train/live/017/a.mov", "Train/live/017/a.face"),
        ("oulu-npu", "Train_files/a.avi", "Train_files/a.txt"),
        ("celeba-spoof", "a.png", "a_BB.txt"),
    ):
        put(tmp_path, place, content)
        given = given_faces(clip(dataset, video), tmp_path)
        assert len(given) == 0 and bool(given.notes) == (bool(content) or dataset == "celeba-spoof")


def test_many_bad_lines_are_one_note_and_a_frame_keeps_its_first_line(tmp_path):
    put(tmp_path, "face-locations/a/b.face", "bad\n" * 3 + "4 100 80 50 60\n4 1 1 5 5\n\n5 0 0 0 0\n5 1 1 9 9\n")
    given = given_faces(clip("casia-fasd", "a/b.avi"), tmp_path)
    assert list(given) == [4] and given[4].box == ENLARGED
    assert given.notes == ("b.face: 3 lines are not understood and left out, such as line 1: 'bad'",)


@pytest.mark.parametrize("relpath", ["../b.avi", "/etc/b.avi", "x/../../b.avi", "a/*/b.avi", ""])
def test_paths_that_lead_elsewhere_are_not_followed(tmp_path, relpath):
    put(tmp_path, "b.txt", "0,300,200,340,200\n")
    assert len(given_faces(clip("oulu-npu", relpath), tmp_path / "root")) == 0


def test_other_releases_say_nothing(tmp_path):
    put(tmp_path, "a.face", RECTANGLES)
    given = given_faces(clip("rose-youtu", "a.mp4"), tmp_path)
    assert (len(given), given.notes, given.place) == (0, (), "")


def test_the_detector_answers_for_the_clip_it_is_bound_to(tmp_path):
    put(tmp_path, "face-locations/train_release/1/1.face", RECTANGLES)
    detector = GivenDetector()
    known = detector.for_clip(clip("casia-fasd", "train_release/1/1.avi"), tmp_path)
    frames = [np.zeros((200, 200, 3), np.uint8)] * 3
    assert [[face.box for face in faces] for faces in known.detect(frames, [1, 0, 9])] == [[], [ENLARGED], []]
    assert known.settings["enlarged"] == 1.2 and known.name == "given"
    boxes = {
        "absent": ("", "the release has no file of faces for this recording"),
        "strange": ("bad", "the release's file of faces is not understood"),
        "zero": ("0 0 0 0 0", "the release names no face: all its boxes are without width or height"),
        "flat": ("0 100 80 50 0", "the release names no face: all its boxes are without width or height"),
        "empty": (" \n", "the release's file of faces is empty"),
    }
    for name, (text, why) in boxes.items():
        if name != "absent":
            put(tmp_path, f"face-locations/{name}/1.face", text)
        without = detector.for_clip(clip("casia-fasd", f"{name}/1.avi"), tmp_path)
        assert without.why == why and without.detect(frames, [0, 1, 2]) == [[], [], []]
    assert not known.why


@pytest.mark.parametrize(
    ("line", "box", "score"),
    [
        ("61 45 60 100 .997", (55.0, 35.0, 127.0, 155.0), 0.997),
        ("-5 -10.5 60 100 1.", (-11.0, -20.5, 61.0, 99.5), 1.0),
        ("61. 45. 60 1e2 9.97e-01", (55.0, 35.0, 127.0, 155.0), 0.997),
        ("61 45 60 100", (55.0, 35.0, 127.0, 155.0), 1.0),
    ],
)
def test_spellings_of_boxes_that_people_report_are_read(tmp_path, line, box, score):
    write_still(tmp_path / "Data/train/1/live/000184.png", noise(0, 224, 224, 3))
    put(tmp_path, "Data/train/1/live/000184_BB.txt", line)
    given = given_faces(clip("celeba-spoof", "Data/train/1/live/000184.png"), tmp_path)
    assert given.notes == () and (given[0].box, given[0].score) == (box, score)
