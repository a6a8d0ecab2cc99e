"""The identity of own recordings: every path has an id of its own, whatever it is written in."""

from __future__ import annotations

import lmdb
from hypothesis import given
from hypothesis import strategies as st

from fasdata.datasets.layouts import earlier_ids
from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.datasets.tree import CLIP_ID, clip_id, own_id
from fasdata.store.keys import crop_key

# Letters that ids keep, that they replace, that join folders, that Windows refuses; and any other.
LETTERS = st.text(st.one_of(st.sampled_from('aA1._-+=@ _/é\u0301面\u202e:*?\\"<>|'), st.characters()), max_size=60)
PATHS = st.one_of(
    LETTERS, st.text(max_size=400), st.sampled_from(["con", "CON.mp4", "a.", "x-0123456789ab", "clip-e3b0c44298fc"])
)


def ids(*paths: str) -> list[str]:
    return [clip.clip_id for clip in parse_paths(find_card("folder"), list(paths)).clips]


@given(st.lists(PATHS, unique=True, max_size=12))
def test_any_paths_have_ids_of_their_own_that_are_names_and_keys(paths):
    made = [own_id(path) for path in paths]
    assert len(set(made)) == len(paths)
    assert made == [own_id(path) for path in reversed(paths)][::-1]  # of the path alone
    for id_ in made:
        assert CLIP_ID.fullmatch(id_) and len(id_.encode()) <= 200 and not id_.endswith(".")
        assert id_.split(".")[0].lower() not in ("con", "prn", "aux", "nul", "com1", "lpt9")
        assert len(crop_key(id_, 10**6, "depth").encode()) <= 511


@given(PATHS)
def test_an_id_is_not_that_of_a_path_spelled_like_an_id(path):
    assert own_id(own_id(path)) != own_id(path) or own_id(path) == path


def test_lmdb_and_the_file_system_take_an_id(tmp_path):
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 20) as env, env.begin(write=True) as transaction:
        for path in ("面具/é\u0301.MOV", "a" * 600, "con.mp4", "\udcff.mp4"):
            assert transaction.put(crop_key(own_id(path), 1, "rgb").encode(), b"x", overwrite=False)
            (tmp_path / own_id(path)).touch()


def test_endings_case_and_dots_tell_own_recordings_apart():
    person = "train/bonafide/p1"
    names = ["IMG_0001.MOV", "IMG_0001.MP4", "img_0001.mp4", "v1.0.mp4", "v1.mp4", "v1.mp4.mp4"]
    paths = [f"{person}/{name}" for name in names] + ["train/bonafide/p.1/v1.mp4", "train/bonafide/p/1.v1.mp4"]
    made = ids(*paths)
    assert len(set(made)) == len(paths)
    assert set(made) >= {"train__bonafide__p1__IMG_0001.MOV", "train__bonafide__p1__IMG_0001.MP4"}


def test_own_paths_tell_which_id_they_had_before_endings_were_kept():
    card = find_card("folder")
    result = parse_paths(card, ["x/train/attack/anna/a.b.MOV"])
    earlier = earlier_ids(card, result.layout_spec, result.clips)
    assert earlier == {"train__attack__anna__a.b.MOV": clip_id("train/attack/anna/a.b")}
    release = parse_paths(find_card("casia"), ["train_release/1/1.avi"])
    assert earlier_ids(find_card("casia"), release.layout_spec, release.clips) == {}
