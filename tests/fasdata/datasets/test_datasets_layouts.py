"""Trees of frames: which layout they are in, what belongs together, and the errors of wrong layouts."""

from __future__ import annotations

import pytest

from fasdata.datasets.layouts import find_layout
from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths, scan
from fasdata.errors import UserError
from tests.fabricate import plant

CLIP = "Training/fake_part/CLKJ_BS0329/04_en_b.rssdk"


def test_frames_join_their_folder_and_modalities_their_clip():
    frames = [f"{CLIP}/{modality}/{frame}.jpg" for modality in ("color", "depth", "ir") for frame in (1, 11, 101)]
    sample = [f"Val/0000/000007-{modality}.jpg" for modality in ("color", "depth", "ir")]
    result = parse_paths(find_card("SURF"), [*frames, *sample])
    folder, single = sorted(result.clips, key=lambda clip: clip.split, reverse=True)
    assert folder.relpaths == {"rgb": f"{CLIP}/color", "depth": f"{CLIP}/depth", "ir": f"{CLIP}/ir"}
    assert single.relpaths == {"rgb": sample[0], "depth": sample[1], "ir": sample[2]}
    assert (result.frames[folder.clip_id], result.frames[single.clip_id]) == (3, 1)
    spec = result.layout_spec
    assert (result.layout, spec.reader, spec.registered, spec.precropped) == ("challenge", "frames", "none", True)
    assert spec.modality_words == ("rgb", "depth", "ir")


def test_a_file_of_another_shape_in_a_folder_of_frames_is_seen():
    result = parse_paths(
        find_card("SURF"), [f"{CLIP}/color/{name}" for name in ("1.jpg", "2.jpg", "x1.jpg", "._1.jpg")]
    )
    assert result.unmatched == [f"{CLIP}/color/x1.jpg"] and result.junk == [f"{CLIP}/color/._1.jpg"]
    assert list(result.frames.values()) == [2]


def test_missing_members_are_named():
    result = parse_paths(find_card("SURF"), ["Val/0000/000007-color.jpg", "Val/0000/000007-ir.jpg"])
    assert result.incomplete == {"val__000007": ["depth"]}


def test_the_second_file_of_one_clip_and_modality_is_listed():
    result = parse_paths(find_card("SURF"), ["a/Val/0000/000007-ir.jpg", "b/Val/0000/000007-ir.jpg"])
    assert [clip.relpaths for clip in result.clips] == [{"ir": "a/Val/0000/000007-ir.jpg"}]
    assert result.second_files == ["b/Val/0000/000007-ir.jpg (the clip is a/Val/0000/000007-ir.jpg)"]


def test_the_layout_is_the_one_that_explains_most():
    rerelease = [f"{CLIP}/color/{frame:04}.jpg" for frame in range(1, 9)]
    result = parse_paths(find_card("SURF"), [*rerelease, "Val/0000/000007-color.jpg"])
    # Frames of the re-release have four digits; the challenge's rules take any number of them.
    assert result.layout == "challenge" and result.rates == {
        "crop": 0.0, "rerelease": pytest.approx(8 / 9), "challenge": 1.0,
    }  # fmt: skip
    assert parse_paths(find_card("SURF"), rerelease).layout == "rerelease"


def test_a_wrong_layout_says_what_was_seen_and_what_was_expected(tmp_path):
    plant(tmp_path, *(f"Val/0000/00000{at}-color.jpg" for at in range(9)))
    card = find_card("SURF")
    assert len(scan(card, tmp_path, layout="challenge").clips) == 9
    with pytest.raises(UserError) as error:
        scan(card, tmp_path, layout="crop")
    text = str(error.value)
    assert "real_part/real_train_part/CLKJ_AS0030/real.rssdk/color/191.jpg" in text  # expected
    assert text.count("'Val/0000/") == 3 and "found 9 files" in text
    assert "challenge 100 %" in text and "\n" not in text
    with pytest.raises(UserError, match="did you mean 'challenge'"):
        scan(card, tmp_path, layout="chalenge")


def test_layouts_have_the_names_people_use():
    assert find_layout(find_card("SURF"), "re-release").name == "rerelease"
    assert find_layout(find_card("CeFA"), "MMDG").name == "race"
    assert find_layout(find_card("WMCA"), "CDIT").name == "preprocessed"


def test_a_root_in_no_layout_shows_one_example_of_each(tmp_path):
    plant(tmp_path, "x/1.jpg", "x/2.jpg")
    with pytest.raises(UserError) as error:
        scan(find_card("CASIA-SURF"), tmp_path)
    for name in ("(crop)", "(rerelease)", "(challenge)", "'x/1.jpg'"):
        assert name in str(error.value)
