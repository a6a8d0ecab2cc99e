"""Names of complete datasets: what the papers call their videos, and what must never become a path."""

from __future__ import annotations

import re

import pytest

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.errors import UserError
from fasdata.exchange.flip import Names as FlipNames
from fasdata.exchange.metapattern import Names as MetaPatternNames
from fasdata.exchange.names import clip_path, fill, read_names, require_safe
from fasdata.exchange.safas import Names as SaFasNames
from fasdata.lists.match import match_rows
from fasdata.lists.read import ListRow
from fasdata.records import BONAFIDE
from tests.fasdata.exchange.readers import DEVICES
from tests.fasdata.protocols import trees

TREES = {
    "CASIA-FASD": trees.casia_fasd,
    "Replay-Attack": trees.replay_attack,
    "OULU-NPU": trees.oulu_npu,
    "MSU-MFSD": trees.msu_mfsd,
}
POOLED = {"CASIA-FASD": "CASIA_faceAntisp", "Replay-Attack": "Replay", "OULU-NPU": "OULU-NPU", "MSU-MFSD": "MSU-MFSD"}


@pytest.fixture(scope="module")
def clips():
    return {
        name: parse_paths(find_card(name), [path for path in paths() if "enroll" not in path]).clips
        for name, paths in TREES.items()
    }


@pytest.mark.parametrize("name", TREES)
def test_metapattern_names_every_video_as_its_release_does(clips, name):
    rules = read_names("metapattern", MetaPatternNames).datasets[find_card(name).slug].names
    for clip in clips[name]:
        assert fill(rules, clip.clip_id, {}) == clip.relpaths["rgb"]


@pytest.mark.parametrize("name", TREES)
def test_sa_fas_tells_label_device_and_person_of_every_video_from_its_name(clips, name):
    rules = read_names("safas", SaFasNames).datasets[find_card(name).slug].names
    live, spoof, person = DEVICES[POOLED[name]]
    seen = set()
    for clip in clips[name]:
        own = "live" if clip.label == BONAFIDE else "spoof"
        made = fill(rules, clip.clip_id, {"split": clip.split, "class": own})
        assert ("live" in made) == (own == "live") and ("spoof" in made) == (own == "spoof")
        assert sum(bool(re.findall(pattern, made)) for pattern in (live if own == "live" else spoof)) == 1, made
        assert re.findall(person, made)[0].lstrip("0") == clip.subject.rpartition("-")[2].lstrip("0")
        seen.add(made.casefold())
    assert len(seen) == len(clips[name])


@pytest.mark.parametrize("name", TREES)
def test_flip_names_are_understood_again(clips, name):
    rules = read_names("flip", FlipNames).datasets[find_card(name).slug].names
    rows = []
    for clip in clips[name]:
        own = "real" if clip.label == BONAFIDE else "fake"
        path = fill(rules, clip.clip_id, {"class": own, "split": clip.split, "ordinal": "0"})
        assert path.endswith("_frame0.png") and f"/{own}/" in path
        rows.append(ListRow((path,), clip.label, "here"))
    matched = match_rows(rows, clips[name])
    assert len(matched.clips) == len(clips[name]) and not matched.unmatched and not matched.contradicting


@pytest.mark.parametrize(
    "path",
    [
        "../x.png",
        "a/../x.png",
        "/etc/x.png",
        "a//x.png",
        "",
        ".hidden/x.png",
        "a\\x.png",
        "a/x\n.png",
        "a/" + "x" * 300,
    ],
)
def test_what_is_no_plain_path_below_the_folder_stops_the_export(path):
    with pytest.raises(UserError, match=r"would write a file .*a plain path inside its folder"):
        require_safe(["fine/x.png", path])


def test_names_that_differ_in_case_only_are_one_file_on_some_systems():
    require_safe(["a/X.png", "b/x.png"])
    with pytest.raises(UserError, match=r"would be the file a/x.png; found a/X.png before"):
        require_safe(["a/X.png", "a/x.png"])
    with pytest.raises(UserError, match="would be the file a/x"):
        require_safe(["a/x.png", "a/x.png"])


@pytest.mark.parametrize(
    ("clip_id", "path"),
    [("a__b__c", "a/b/c"), ("a__..__b", "a__..__b"), ("a____b", "a____b"), ("a__.b", "a__.b"), ("one", "one")],
)
def test_a_clip_id_becomes_folders_only_where_that_is_a_path(clip_id, path):
    assert clip_path(clip_id) == path
    require_safe([clip_path(clip_id)])
