"""Extraction that decodes only what it needs: the store is the same, and says how its videos were read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.extract.face_search import FaceSearch
from fasdata.extract.settings import ExtractSettings
from fasdata.extract.text import describe_plan, describe_report
from fasdata.media.video import VideoSource
from fasdata.protocols.sampling import parse_rules
from fasdata.store.info import StoreInfo
from fasdata.store.reader import Store
from tests.faults.world import extract, planned, scanned, sound_hash, store_of
from tests.faulty_videos import flipped, moving, write_recording

N = 40
TWO = "ssdg(2)@decoded"  # frames 6 and 26, in groups that begin at 0 and 20
FACE = {"score": 0.99, "box": [20.0, 15.0, 60.0, 50.0], "landmarks": [[30, 25], [50, 25], [40, 33], [32, 42], [48, 42]]}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, one of them without a face on frame 26, and one with damage where neither rule needs a frame."""
    root = tmp_path_factory.mktemp("sparse") / "raw"
    options = {"g": "10", "bf": "0"}
    for name, fault in (("whole", list), ("faceless", list), ("damaged", flipped(35))):
        path = root / "train" / "bonafide" / "anna" / f"{name}.mp4"
        write_recording(path, "h264", moving(N, 64, 80), fault=fault, options=options)
    write_recording(root / "train" / "attack" / "bert" / "old.mkv", "ffv1", moving(N, 64, 80))
    lines = []
    for clip in scanned(root):
        at = [index for index in range(N) if "faceless" not in clip.relpaths["rgb"] or abs(index - 26) > 2]
        lines.append(json.dumps({"clip": clip.clip_id, "faces": [{"frame": index, **FACE} for index in at]}) + "\n")
    (root / "faces.json").write_text("".join(lines))
    return root


def test_the_store_is_that_of_reading_everything_but_for_damage_that_was_not_looked_for(raw, tmp_path):
    for read in ("needed", "all"):
        extract(raw, tmp_path / read, TWO, read=read)
    needed, everything = (
        {record.clip.clip_id: record for record in Store.open(store_of(tmp_path / read)).records()}
        for read in ("needed", "all")
    )
    for clip_id, record in needed.items():
        if "damaged" not in clip_id:
            assert record == everything[clip_id]
        else:
            assert record.pixel_hash == everything[clip_id].pixel_hash and not record.notes
            assert "hide damage" in everything[clip_id].notes[0] or "skipped" in everything[clip_id].notes[0]
    assert sound_hash(tmp_path / "needed") and needed.keys() == everything.keys()


def test_the_ways_are_counted_in_the_store_and_told(raw, tmp_path):
    report = extract(raw, tmp_path, TWO)
    assert StoreInfo.read(store_of(tmp_path)).videos_read == {"groups": 3, "in order: codec ffv1": 1}
    shown = describe_report(report)
    assert "of 3 only the groups of pictures" in shown and "1 were read in order (1 x codec ffv1)" in shown
    extract(raw, tmp_path, TWO)  # nothing to do: the counts stay
    assert StoreInfo.read(store_of(tmp_path)).videos_read["groups"] == 3
    assert "--read all" in describe_plan(planned(raw, tmp_path / "b", TWO))
    assert "--read all" not in describe_plan(planned(raw, tmp_path / "b", TWO, read="all"))
    extract(raw, tmp_path / "b", TWO, read="all")
    assert StoreInfo.read(store_of(tmp_path / "b")).videos_read == {"in order": 4}


def test_frames_added_from_a_damaged_group_never_get_the_numbers_of_others(raw, tmp_path):
    extract(raw, tmp_path, TWO)
    report = extract(raw, tmp_path, "three(34,37,39)")
    (record,) = [r for r in Store.open(store_of(tmp_path)).records() if "damaged" in r.clip.clip_id]
    if record.notes:  # counted as before: damaged frames are left out
        assert not report.not_widened and record.way.startswith("in order")
    else:
        assert "can be decoded in order, stored ones are numbered among" in report.not_widened[0]
    extract(raw, tmp_path / "once", f"{TWO} + three(34,37,39)")
    assert [r.pixel_hash for r in Store.open(store_of(tmp_path)).records() if "damaged" not in r.clip.clip_id] == [
        r.pixel_hash for r in Store.open(store_of(tmp_path / "once")).records() if "damaged" not in r.clip.clip_id
    ]


@pytest.mark.parametrize(
    ("rules", "options", "sparse"),
    [
        (TWO, {}, True), ("quarter + linspace(2)@with_face", {}, True), ("every(5)", {}, False),
        ("quarter@with_face", {}, False), (TWO, {"read": "all"}, False), (TWO, {"on_damage": "stop"}, False),
        (TWO, {"container": 1}, False),
    ],
)  # fmt: skip
def test_what_needs_all_frames_or_the_first_damage_is_read_in_order(rules, options, sparse):
    assert ExtractSettings(tuple(parse_rules(rules)), **options).reading.sparse is sparse


def test_another_word_is_refused():
    with pytest.raises(UserError, match="needed"):
        ExtractSettings(tuple(parse_rules(TWO)), read="some")


@pytest.mark.parametrize("guess", [42, 80, 300])
def test_a_wrong_guess_of_the_length_costs_a_second_pass_only_where_nothing_proves_it(
    raw, tmp_path, monkeypatch, guess
):
    """The guess asks for other frames than the true length does: those are decoded in the same pass, and come later."""
    opened, shown, search = VideoSource.__init__, VideoSource.frames, FaceSearch._search_batch
    passes, order = [], []

    def guessing(self, *of, **options):
        opened(self, *of, **options)
        self.n_hint, self.n_claimed, self._n_claimed_at_first = guess, 0, 0

    def counted(self, *of, **options):
        passes.append(self.way)
        return shown(self, *of, **options)

    def searched(self, batch, **options):
        order.extend((self.clip.clip_id, frame.index) for frame in batch)
        return search(self, batch, **options)

    monkeypatch.setattr(FaceSearch, "_search_batch", searched)
    monkeypatch.setattr(VideoSource, "__init__", guessing)
    monkeypatch.setattr(VideoSource, "frames", counted)
    rules = f"{TWO} + quarter + linspace(2)@with_face"
    orders = []
    for read in ("needed", "all"):
        extract(raw, tmp_path / read, TWO, read=read)
        orders.append([place for place in order if "damaged" not in place[0]])  # a tracker goes from face to face
        number = [sum(way.startswith(kind) for way in passes) for kind in ("groups", "in order")]
        assert number == {"needed": [5, 2], "all": [0, 10]}[read]  # two of them around a miss
        passes.clear()
        extract(raw, tmp_path / f"more-{read}", rules, read=read)
        passes.clear()
        order.clear()
    assert orders[0] == orders[1]
    for folder in ("", "more-"):
        hashes = [
            {record.clip.clip_id: record for record in Store.open(store_of(tmp_path / f"{folder}{read}")).records()
             if "damaged" not in record.clip.clip_id}
            for read in ("needed", "all")
        ]  # fmt: skip
        assert hashes[0] == hashes[1]
