"""The dataset `folder`: pictures as well as videos, and when a level below attack is an instrument."""

from __future__ import annotations

import pytest

from fasdata.datasets.parse import meanings
from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths, scan
from fasdata.errors import UserError
from tests.fabricate import plant


def facts(result) -> list[tuple[str, str, str, str]]:
    return [(clip.subject, clip.label, clip.attack_type, clip.pai) for clip in result.clips]


def folder(*paths: str, layout: str = ""):
    return parse_paths(find_card("folder"), list(paths), layout=layout)


def test_pictures_are_clips_like_videos():
    result = folder("train/bonafide/anna/1.jpg", "train/bonafide/anna/1.PNG", "train/bonafide/anna/1.mp4",
                    "dev/attack/bert/x.ppm", "test/attack/bert/x.gif")  # fmt: skip
    assert len(result.clips) == 4 and result.unmatched == ["test/attack/bert/x.gif"]


def test_folders_of_instruments_are_recognised_where_all_are_words_of_the_field():
    paths = [
        "train/attack/print_1/anna/a.mp4",
        "train/attack/Video_Replay/bert/b.mp4",
        "test/attack/silicone mask/c.jpg",
    ]
    result = folder("train/bonafide/anna/a.mp4", *paths)
    assert result.layout == "instrument" and not result.unmatched
    assert sorted(facts(result)) == [
        ("", "attack", "mask-3d", "silicone mask"), ("anna", "attack", "print", "print_1"),
        ("anna", "bonafide", "bonafide", ""), ("bert", "attack", "replay", "Video_Replay"),
    ]  # fmt: skip


def test_people_stay_people_where_one_folder_is_no_word_of_the_field():
    result = folder("train/attack/print/a.mp4", "train/attack/anna/a.mp4")
    assert result.layout == "split-label-subject"
    assert facts(result) == [("anna", "attack", "unknown", ""), ("print", "attack", "unknown", "")]
    assert folder("train/bonafide/print/a.mp4").layout == "split-label-subject"


def test_any_word_is_an_instrument_where_it_is_asked_for(tmp_path):
    paths = ["train/attack/latex face/anna/a.mp4", "train/attack/PA.F.1/bert/a.mp4", "train/bonafide/anna/a.mp4"]
    assert sorted(facts(folder(*paths, layout="instrument"))) == [
        ("anna", "attack", "mask-3d", "latex face"), ("anna", "bonafide", "bonafide", ""),
        ("bert", "attack", "unknown", "PA.F.1"),
    ]  # fmt: skip
    result = scan(find_card("folder"), plant(tmp_path / "a", *paths))
    assert len(result.unmatched) == 2 and any("--layout instrument" in note for note in result.notes)
    with pytest.raises(UserError, match="--layout instrument"):
        scan(find_card("folder"), plant(tmp_path / "b", *paths[:2]))


def test_a_clip_keeps_its_id_under_either_layout():
    path = "train/attack/print/a.mp4"
    assert [folder(path, layout=name).clips[0].clip_id for name in ("instrument", "split-label-subject")] == [
        "train__attack__print__a.mp4"
    ] * 2


def test_parse_recognises_instruments_from_the_whole_list():
    card = find_card("folder")
    assert [row.means.attack_type for row in meanings(card, ["train/attack/print/anna/a.mp4"])] == ["print"]
    assert [row.means.subject for row in meanings(card, ["train/attack/print/a.mp4", "train/attack/anna/a.mp4"])] == [
        "print", "anna"
    ]  # fmt: skip


def test_pictures_of_formats_that_are_not_read_are_named(tmp_path):
    result = scan(find_card("folder"), plant(tmp_path / "a", "train/attack/p/a.png", "train/attack/p/b.heic"))
    assert result.unmatched == ["train/attack/p/b.heic"]
    assert result.notes == ("1 HEIC pictures are not read: convert them to PNG",)
    with pytest.raises(UserError, match="2 GIF pictures are not read"):
        scan(find_card("folder"), plant(tmp_path / "b", "train/attack/p/a.gif", "train/attack/p/b.GIF"))
