"""Own data without code: a card in YAML, or a plain table."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasdata.datasets.parse import meanings
from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import scan
from fasdata.datasets.verify import verify
from fasdata.errors import UserError
from tests.fabricate import plant

CARD = """
name: Office
owner: us
licence: ours
modalities: [rgb]
subject_rule: the folder
layouts:
  - name: flat
    examples: [anna/real_1.avi]
    rules:
      - pattern: '(?P<who>\\w+)/(?P<kind>real|print)_(?P<n>\\d+)\\.avi'
        tail: '{who}/{kind}_{n}'
        label: {of: '{kind}', map: {real: bonafide, print: attack}}
        attack_type: {of: '{kind}', map: {real: bonafide, print: print}}
        subject: '{who}'
"""
TABLE = """path,label,split,subject,attack_type,lamp
anna/a.mp4,bonafide,train,anna,,on
anna/b.mp4,attack,training,anna,print,
sub/bert/c.mp4,attack,eval,bert,,off
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_card_of_ones_own_serves_like_a_shipped_one(tmp_path):
    card = find_card("office", write(tmp_path / "my.yaml", CARD))
    [meaning] = meanings(card, ["anna/print_3.avi"])
    assert (meaning.means.dataset, meaning.means.attack_type, meaning.means.subject) == ("office", "print", "anna")
    with pytest.raises(UserError, match="describes another dataset; expected the name Office; found home"):
        find_card("home", tmp_path / "my.yaml")


def test_a_card_cannot_name_other_code(tmp_path):
    with pytest.raises(UserError, match="hook is not one of"):
        find_card("Office", write(tmp_path / "my.yaml", CARD + "hook: os\n"))


def test_a_plain_table_makes_clips(tmp_path):
    card = find_card("office", write(tmp_path / "my.csv", TABLE))
    root = plant(tmp_path / "raw", "anna/a.mp4", "anna/b.mp4", "sub/bert/c.mp4", "new.mp4", "notes.txt")
    result = scan(card, root)
    assert [(clip.clip_id, clip.split, clip.label, clip.attack_type, clip.subject) for clip in result.clips] == [
        ("anna__a.mp4", "train", "bonafide", "bonafide", "anna"),
        ("anna__b.mp4", "train", "attack", "print", "anna"),
        ("sub__bert__c.mp4", "test", "attack", "unknown", "bert"),
    ]
    assert result.clips[0].fields == {"lamp": "on"} and result.clips[0].dataset == "office"
    assert (result.layout_spec.reader, result.unmatched) == ("video", ["new.mp4"])
    # The same tree from a folder above.
    assert [clip.clip_id for clip in scan(card, tmp_path).clips] == [clip.clip_id for clip in result.clips]
    (root / "anna/b.mp4").unlink()
    comparison = verify(card, root)
    assert comparison.missing == ["anna__b.mp4"]
    assert [(line.split, line.label) for line in comparison.lines if line.deviates] == [("train", "attack")]


def test_a_table_holds_folders_of_frames_and_other_modalities(tmp_path):
    table = write(tmp_path / "my.csv", "path,label,depth,ir\nc/rgb,bonafide,c/depth,c/ir\nd/rgb,attack,d/depth,d/ir\n")
    paths = [
        f"{clip}/{modality}/{frame}.png" for clip in "cd" for modality in ("rgb", "depth", "ir") for frame in (1, 2)
    ]
    result = scan(find_card("mine", table), plant(tmp_path / "raw", *paths))
    assert result.clips[0].relpaths == {"rgb": "c/rgb", "depth": "c/depth", "ir": "c/ir"}
    assert (result.layout_spec.reader, result.layout_spec.modality_words) == ("frames", ("rgb", "depth", "ir"))
    assert result.frames == {"c__rgb": 2, "d__rgb": 2} and not result.incomplete


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("path,label", "file,label"), "lacks the column 'path'"),
        (("bonafide,train", "real,train"), "line 2: a label; expected bonafide or attack; found 'real'"),
        (("bonafide,train", "1,train"), "write the word"),
        (("eval", "later"), "line 4: a split"),
        (("anna,print", "anna,bonafide"), "label and attack_type contradict"),
        (("sub/bert/c.mp4", "../c.mp4"), "a path below the dataset root"),
        (("sub/bert/c.mp4", "/etc/c.mp4"), "a path below the dataset root"),
        (("sub/bert/c.mp4", "C:\\c.mp4"), "a path below the dataset root"),
        (("sub/bert/c.mp4", "anna/a.mp4"), "is in the table twice"),
        (("anna/b.mp4,attack,training,anna,print,", "anna/b.mp4"), "line 3: a label"),
    ],
)
def test_a_malformed_table_is_one_clear_line(tmp_path, change, message):
    with pytest.raises(UserError) as error:
        find_card("office", write(tmp_path / "my.csv", TABLE.replace(*change)))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_an_empty_table_and_a_strange_name_are_refused(tmp_path):
    with pytest.raises(UserError, match="has no rows"):
        find_card("office", write(tmp_path / "my.csv", "path,label\n"))
    with pytest.raises(UserError, match="does not make a folder name"):
        find_card("../up", tmp_path / "my.csv")


def test_a_folder_is_a_recording_by_its_pictures_and_other_files_are_refused(tmp_path):
    table = write(tmp_path / "t.csv", "path,label\na,bonafide\nb,attack\nc,attack\n")
    result = scan(find_card("own", table), plant(tmp_path / "raw", "a/1.png", "a/x.txt", "b/notes.txt", "c/1.gif"))
    assert [clip.clip_id for clip in result.clips] == ["a"] and result.unmatched == ["c/1.gif"]
    assert result.absent == ("b", "c") and [clip.clip_id for clip in result.promised] == ["b", "c"]
    table = write(tmp_path / "t.csv", "path,label\nx.mxf,bonafide\na,attack\n")
    with pytest.raises(UserError, match=r"is a video or a picture.*found 1, e\.g\. x\.mxf"):
        scan(find_card("own", table), plant(tmp_path / "raw", "x.mxf"))


def test_accents_match_in_either_spelling(tmp_path):
    table = write(tmp_path / "t.csv", "path,label\nJ\u00fcrgen/a.mp4,bonafide\nb\u0301.mp4,attack\n")
    result = scan(find_card("own", table), plant(tmp_path / "raw", "Ju\u0308rgen/a.mp4", "b\u0301.mp4"))
    assert len(result.clips) == 2 and not result.absent
    assert {clip.relpaths["rgb"] for clip in result.clips} == {"Ju\u0308rgen/a.mp4", "b\u0301.mp4"}
