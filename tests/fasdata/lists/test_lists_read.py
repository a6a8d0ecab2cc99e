"""Other projects' lists: reading, finding the clips they mean, writing, and what must not pass."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.errors import UserError
from fasdata.lists.match import import_lists, match_rows, write_matched
from fasdata.lists.read import FORMATS, ListRow, read_list
from fasdata.lists.write import export_lists
from tests.commands import Called
from tests.fasdata.protocols import trees


def clips_of(name: str, paths, **more):
    return parse_paths(find_card(name), list(paths), **more).clips


@pytest.fixture(scope="module")
def clips() -> dict[str, list]:
    return {
        "casia": clips_of("CASIA-FASD", trees.casia_fasd()),
        "replay": clips_of("Replay-Attack", trees.replay_attack()),
        "oulu": clips_of("OULU-NPU", trees.oulu_npu()),
        "msu": clips_of("MSU-MFSD", trees.msu_mfsd()),
        "cefa": clips_of(
            "CeFA", ["Ethnicity/AF/AF-285/1_285_3_1_2/color/0001.jpg", "Ethnicity/EA/EA-499/3_499_1_1_1/color/0001.jpg"]
        ),
        "surf": clips_of(
            "SURF", ["Val/0002/002769-color.jpg", "Training/fake_part/CLKJ_CS0110/06_enm_b.rssdk/color/91.jpg"]
        ),
        "wmca": clips_of(
            "WMCA", ["face-station/23.05.18/098_07_006_3_11.hdf5", "face-station/31.01.18/035_01_000_0_01.hdf5"]
        ),
        "celeb": clips_of("CelebA-Spoof", ["Data/train/167/live/096546.jpg", "Data/test/197/spoof/420156.jpg"]),
        "padisi": clips_of("PADISI-Face", [f"ID_{'1' * 40}_ded5f9b6_FACE_SMILE_WITH_GLASS.npz"]),
        "crop": clips_of(
            "SURF",
            [
                "fake_part/fake_test_part/CLKJ_BS0087/06_enm_b.rssdk/color/161.jpg",
                "fake_part/fake_test_part/CLKJ_BS0197/06_enm_b.rssdk/color/141.jpg",
            ],
        ),
        "race": clips_of(
            "CeFA",
            [
                "CeFA-Race/AF/AF-022/1_022_3_1_4/profile/0026.jpg",
                "CeFA-Mask/3D-Mask/022/1_022_1_1_2_1_1/profile/0001.jpg",
            ],
        ),
    }


@pytest.mark.parametrize(
    ("dataset", "path", "clip", "frame"),
    [
        ("casia", "casia/train/fake/19_7_frame0.png", "train_release__19__7", "0"),
        ("casia", "casia/test/fake/11_HR_4_frame1.png", "test_release__11__hr_4", "1"),
        ("casia", "/+CASIA-FASD/test_release/11/1.avi.zip", "test_release__11__1", ""),
        ("casia", "/data/CASIA-FASD/train_release/1/1.avi/10.png", "train_release__1__1", "10"),
        (
            "replay",
            "replay/test/fake/fixed_attack_mobile_client013_session01_mobile_video_adverse_frame0.png",
            "test__attack__fixed__attack_mobile_client013_session01_mobile_video_adverse",
            "0",
        ),
        (
            "replay",
            "replay/train/real/real_client001_session01_webcam_authenticate_adverse_1_frame0.png",
            "train__real__client001_session01_webcam_authenticate_adverse_1",
            "0",
        ),
        (
            "replay",
            "replay/train/real/client001_session01_webcam_authenticate_adverse_1_frame1.png",
            "train__real__client001_session01_webcam_authenticate_adverse_1",
            "1",
        ),
        ("oulu", "oulu/train/real/2_2_12_1_frame0.png", "train_files__2_2_12_1", "0"),
        (
            "msu",
            "msu/train/fake/attack_client007_laptop_SD_printed_photo_scene01_frame0.png",
            "scene01__attack__attack_client007_laptop_sd_printed_photo_scene01",
            "0",
        ),
        (
            "msu",
            "/+MSU-MFSD/scene01/real/real_client028_laptop_SD_scene01.mov.zip",
            "scene01__real__real_client028_laptop_sd_scene01",
            "",
        ),
        ("cefa", "cefa/test/fake/1_285_3_1_2_01.jpg", "AF-285__1_285_3_1_2", "01"),
        ("surf", "surf/test/fake/Val_0002_002769-color.jpg", "val__002769", ""),
        (
            "surf",
            "surf/train/fake/Training_fake_part_CLKJ_CS0110_06_enm_b.rssdk_color_91.jpg",
            "training__fake_part__clkj_cs0110__06_enm_b",
            "91",
        ),
        ("wmca", "wmca/test/fake/23.05.18_098_07_006_3_11_01.jpg", "098_07_006_3_11", "01"),
        ("wmca", "WMCA-Image/R_CDIT/035_01_000_0_01/color/0012.jpg", "035_01_000_0_01", "0012"),
        ("celeb", "celeb/real/167_live_096546.jpg", "train__167__live__096546", ""),
        ("padisi", "ded5f9b6.npz", "ded5f9b6", ""),
        (
            "crop",
            "CASIA-SURF/fake_part/fake_test_part/CLKJ_BS0197/06_enm_b.rssdk/ir/141.jpg",
            "fake_part__fake_test_part__clkj_bs0197__06_enm_b",
            "141",
        ),
        ("race", "CeFA-Race/AF/AF-022/1_022_3_1_4/depth/0026.jpg", "AF-022__1_022_3_1_4", "0026"),
        ("race", "CeFA-Mask/3D-Mask/022/1_022_1_1_2_1_1/profile/0001.jpg", "3D-Mask-022__1_022_1_1_2_1_1", "0001"),
    ],
)
def test_names_of_papers_mean_clips(clips, dataset, path, clip, frame):
    matched = match_rows([ListRow((path,), "", "list:1")], clips[dataset])
    assert {name.lower(): frames for name, frames in matched.clips.items()} == {clip.lower(): [frame]}


@pytest.mark.parametrize(
    ("dataset", "path"),
    [
        ("casia", "casia/train/fake/99_7_frame0.png"),
        ("casia", "train_release/99/7.avi"),
        ("casia", "7.avi"),
        ("crop", "06_enm_b.rssdk"),
        ("oulu", "oulu/train/real/9_9_99_9_frame0.png"),
        ("msu", ""),
        ("casia", "../../etc/passwd"),
    ],
)
def test_what_fits_no_clip_or_several_is_reported(clips, dataset, path):
    matched = match_rows([ListRow((path,), "attack", "list:3")], clips[dataset])
    assert matched.clips == {} and len(matched.unmatched) == 1
    assert "1 of 1 rows match no clip" in matched.report("list")[0] and "(list:3)" in matched.report("list")[0]


def test_columns_of_two_clips_are_no_clip(clips):
    row = ListRow(
        ("CeFA-Race/AF/AF-022/1_022_3_1_4/profile/0026.jpg", "CeFA-Mask/3D-Mask/022/1_022_1_1_2_1_1/ir/0001.jpg"),
        "",
        "x:1",
    )
    assert match_rows([row], clips["race"]).unmatched == (row,)


@pytest.mark.parametrize(
    ("form", "name", "text", "bonafide_is", "labels"),
    [
        (
            "metapattern",
            "a.csv",
            "/+CASIA-FASD/test_release/11/1.avi.zip,0,107,107\nx/3.avi.zip,2,1,1\n\n",
            0,
            ["bonafide", "attack"],
        ),
        ("metapattern", "a.csv", "a,1\r\nb,0\r\n", 1, ["bonafide", "attack"]),
        ("flip", "casia_real_train.txt", "casia/train/real/1_1_frame0.png\n", 1, ["bonafide"]),
        ("flip", "x.txt", "casia/train/fake/1_3_frame0.png\ncelebs/real/1_live_000001.jpg", 1, ["attack", "bonafide"]),
        ("flip", "celeb_fake_train.txt", "celeb/fake/7_live_000001.jpg", 1, ["attack"]),  # the list is believed
        (
            "flip",
            "x.json",
            '[{"photo_path": "a/1.png", "photo_label": 1}, {"photo_path": "b/1.png", "photo_label": 0}]',
            1,
            ["bonafide", "attack"],
        ),
        (
            "columns",
            "x.txt",
            "a/color/1.jpg a/depth/1.jpg a/ir/1.jpg 1\nb.npz 0\nc/1.jpg\n",
            1,
            ["bonafide", "attack", ""],
        ),
        ("columns", "x.txt", "a.npz 1\n", 0, ["attack"]),
        ("bob", "train.csv", "filename,subject,attack_type\na.hdf5,7,\nb.hdf5,8,print\n", 1, ["bonafide", "attack"]),
        ("bob", "train.csv", "path,label\na,0\nb,1\n", 0, ["bonafide", "attack"]),
    ],
)
def test_the_four_formats(tmp_path, form, name, text, bonafide_is, labels):
    (tmp_path / name).write_text(text)
    assert [row.label for row in read_list(tmp_path / name, form, bonafide_is)] == labels


@pytest.mark.parametrize(
    ("form", "name", "content", "message"),
    [
        ("metapattern", "a.csv", b"only-a-path\n", "line 1; expected path,label"),
        ("metapattern", "a.csv", b"a,b\n", "a number as label"),
        ("columns", "a.txt", b"a b c d e\n", "color depth ir label"),
        ("columns", "a.txt", b"a b c d\n", "a number as label in the last column"),
        ("flip", "a.json", b"{}", "expected a list of objects"),
        ("flip", "a.json", b"[{}]", "an object with photo_path"),
        ("flip", "a.json", b"[" * 100000, "too deeply"),
        ("flip", "a.txt", b"a\x00b\n", "control characters"),
        ("flip", "a.txt", b"\xff\xff", "no UTF-8"),
        ("flip", "a.txt", b"x" * 5000, "at most 4096 characters"),
        ("flip", "a.txt", b"\n \n", "has no rows"),
        ("bob", "a.csv", b"x,y\n1,2\n", "a header with filename"),
        ("bob", "a.csv", b"filename,label\n1\n", "2 columns"),
        ("tarball", "a.csv", b"x", "unknown list format"),
        ("flip", "missing.txt", None, "cannot be read"),
    ],
)
def test_what_is_no_list_is_refused_in_one_line(tmp_path, form, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read_list(tmp_path / name, form, 1)
    assert message in str(error.value) and "\n" not in str(error.value)


@given(content=st.binary(max_size=300), form=st.sampled_from(list(FORMATS)))
def test_any_bytes_are_rows_or_a_user_error(tmp_path_factory, content, form):
    path = tmp_path_factory.mktemp("hostile") / "list.txt"
    path.write_bytes(content)
    try:
        rows = read_list(path, form, 1)
    except UserError:
        return
    match_rows(rows, [])


def test_import_reports_contradictions_and_hints_at_the_polarity(clips, tmp_path):
    lines = [f"/+MSU-MFSD/scene01/real/real_client{n:03}_laptop_SD_scene01.mov.zip,0,1,1" for n in (1, 2, 3)]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(lines) + "\n")
    right = import_lists([path], "metapattern", 0, clips["msu"])
    assert (len(right.clips), right.contradicting, right.report("list")) == (3, (), [])
    wrong = import_lists([path], "metapattern", 1, clips["msu"])
    assert "3 rows have another label than their clip" in wrong.report("list")[0]
    assert "is the number for bona fide the other one?" in wrong.report("list")[0]
    write_matched(right, "msu-mfsd", tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert {(row["dataset"], row["label"], row["frames"]) for row in rows} == {("msu-mfsd", "bonafide", "")}


@pytest.mark.parametrize("form", list(FORMATS))
@pytest.mark.parametrize("bonafide_is", [0, 1])
def test_what_is_exported_is_found_again(stores, tmp_path, form, bonafide_is):
    from fasdata.protocols.build import assemble
    from fasdata.protocols.grammar import parse
    from fasdata.protocols.planning import make_plan
    from fasdata.protocols.recipe import load_recipe

    manifest = assemble(make_plan(parse("C2M"), load_recipe("standard")), stores)
    paths = export_lists(manifest, form, bonafide_is, tmp_path, "test")
    matched = import_lists(paths, form, bonafide_is, [record.clip for record in stores["msu-mfsd"].clip_records])
    assert (matched.unmatched, matched.contradicting, matched.repeated) == ((), (), 0)
    rows = [row for row in manifest.table.to_pylist() if row["part"] == "test"]
    assert set(matched.clips) == {row["clip_id"] for row in rows}
    assert matched.labels == {row["clip_id"]: row["label"] for row in rows}
    assert {path.stem.split("_")[0] for path in export_lists(manifest, form, bonafide_is, tmp_path / "all")} == {
        "train",
        "val",
        "test",
    }
    with pytest.raises(UserError, match="unknown part"):
        export_lists(manifest, form, bonafide_is, tmp_path, "dev")


def test_the_commands(tmp_path):
    root = trees.write(tmp_path / "msu", trees.msu_mfsd())
    (tmp_path / "a.csv").write_text(
        "x/scene01/real/real_client001_laptop_SD_scene01.mov.zip,0,1,1\nnowhere.zip,1,1,1\n"
    )
    common = (
        "fasdata",
        "lists",
        "import",
        "MSU-MFSD",
        tmp_path / "a.csv",
        "--format",
        "metapattern",
        "--root",
        root,
        "--out",
        tmp_path / "o.csv",
    )
    missing = Called(*common)
    assert missing.code == 2 and "bonafide-is" in missing.out
    done = Called(*common, "--bonafide-is", "0")
    assert done.code == 3 and "1 clips of MSU-MFSD from 2 rows" in done.out
    assert "1 of 2 rows match no clip" in done.out and "nowhere.zip" in done.out
    assert "scene01__real__real_client001_laptop_sd_scene01,bonafide," in (tmp_path / "o.csv").read_text()
