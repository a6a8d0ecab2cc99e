"""Frames added later: whatever the steps and their order, the store is the one that asking at once would have made."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from fasdata.extract.text import describe_plan, describe_report
from fasdata.store.info import StoreInfo
from fasdata.store.reader import Store
from tests.commands import Called
from tests.faults.world import extract, planned, sound_hash, store_of, write_raw

RULES = ("ssdg(2)@decoded", "linspace(2)@with_face", "quarter@with_face + every(5)@decoded")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("added") / "raw"
    write_raw(root, takes=2)
    return root


@pytest.fixture(scope="module")
def at_once(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("once")
    extract(raw, out, " + ".join(RULES))
    return out


@pytest.mark.parametrize("order", permutations(range(3)), ids=str)
def test_in_any_steps_and_order(raw, at_once, tmp_path, order):
    for step, number in enumerate(order):
        report = extract(raw, tmp_path, RULES[number], workers=2 if step == 1 and order[0] == 0 else 1)
        assert report.widened == (0 if step == 0 else 10)  # of twelve clips two cannot be decoded
    assert sound_hash(tmp_path) == sound_hash(at_once)
    assert list(Store.open(store_of(tmp_path)).records()) == list(Store.open(store_of(at_once)).records())
    assert Store.open(store_of(tmp_path)).info.config == Store.open(store_of(at_once)).info.config


def test_the_order_of_the_rules_does_not_matter(raw, at_once, tmp_path):
    extract(raw, tmp_path, " + ".join(reversed(RULES)))
    assert sound_hash(tmp_path) == sound_hash(at_once)
    assert (store_of(tmp_path) / "store.json").read_bytes() == (store_of(at_once) / "store.json").read_bytes()


def test_without_a_detector_too(raw, tmp_path):
    for rules in RULES:
        extract(raw, tmp_path / "steps", rules, detector="none")
    extract(raw, tmp_path / "once", " + ".join(RULES), detector="none")
    assert sound_hash(tmp_path / "steps") == sound_hash(tmp_path / "once")


def test_fewer_rules_are_no_work_and_new_clips_get_all_of_them(raw, at_once, tmp_path):
    extract(raw, tmp_path, " + ".join(RULES))
    report = extract(raw, tmp_path, RULES[0])
    assert (report.widened, report.already) == (0, 12)
    part = sorted(path for path in raw.rglob("*.avi"))[0]
    hidden = part.rename(raw / "hidden")
    extract(raw, tmp_path / "later", " + ".join(RULES))
    hidden.rename(part)
    extract(raw, tmp_path / "later", RULES[1])
    assert sound_hash(tmp_path / "later") == sound_hash(at_once)


def test_the_plan_says_what_would_be_added(raw, tmp_path):
    extract(raw, tmp_path, RULES[0])
    before = StoreInfo.read(store_of(tmp_path))
    plan = planned(raw, tmp_path, RULES[2])
    assert (plan.new, plan.wider, plan.failed) == (0, 10, 2)
    shown = describe_plan(plan)
    assert "to do: 0 clips and frames for 10 of those" in shown and "ssdg(2)@decoded" in shown
    assert "--retry-failed" in shown
    assert planned(raw, tmp_path, RULES[0]).frames == 0 < plan.frames
    assert StoreInfo.read(store_of(tmp_path)) == before
    assert "10 of them have frames of further rules now" in describe_report(extract(raw, tmp_path, RULES[2]))


def test_a_dry_run_tells_of_another_configuration_too(raw, tmp_path):
    options = ("--root", raw, "--out", tmp_path, "--detector", "none", "--frames", "first(1)")
    assert Called("fasdata", "extract", "folder", *options, "-j", 1).code == 3
    other = Called("fasdata", "extract", "folder", *options, "--codec", "webp", "--dry-run")
    assert 'codec="png"' in other.line and 'codec="webp"' in other.line


@pytest.mark.parametrize(("codec", "begins"), [("jpeg:90", b"\xff\xd8\xff"), ("webp", b"RIFF"), ("png", b"\x89PNG")])
def test_the_codec_is_recorded_and_used(raw, tmp_path, codec, begins):
    from fasdata.store import shards

    options = ("--root", raw, "--out", tmp_path, "--detector", "none", "--frames", "first(1)", "--codec", codec)
    shown = Called("fasdata", "extract", "folder", *options, "-j", 1).out
    assert f"codec {codec}" in shown and ("loses traces" in shown) == (codec == "jpeg:90")
    store = Store.open(store_of(tmp_path))
    assert store.info.config["codec"] == codec
    records = [record for record in store.records() if record.status == "ok"]
    assert {frame.crop.codec for record in records for frame in record.frames if frame.crop} == {codec}
    with shards.reading(shards.shard_path(store.folder, 0)) as transaction:
        crops = [value for _, value in shards.entries(transaction, b"crop/")]
    assert len(crops) == 10 and all(value.startswith(begins) for value in crops)


def test_losses_are_told_by_label_and_attack_type(tmp_path):
    from tests.videos import flat_frames, write_video

    rows = ["path,label,attack_type"]
    for number, (label, type_) in enumerate(
        [("bonafide", "bonafide"), ("attack", "print"), ("attack", "print"), ("attack", "replay"), ("attack", "replay")]
    ):
        write_video(tmp_path / "raw" / f"{number}.avi", flat_frames(3))
        rows.append(f"{number}.avi,{label},{type_}")
    (tmp_path / "raw" / "4.avi").write_bytes(b"")
    (tmp_path / "mine.csv").write_text("\n".join(rows))
    box = {"frame": 0, "box": [4, 4, 20, 20]}
    lines = [f'{{"clip": "{n}", "faces": [{str(box).replace(chr(39), chr(34)) if n < 2 else ""}]}}' for n in range(5)]
    (tmp_path / "faces.json").write_text("\n".join(lines))
    done = Called(
        "fasdata", "extract", "mine", "--card", tmp_path / "mine.csv", "--root", tmp_path / "raw", "--out", tmp_path,
        "--frames", "first(1)", "--detector", "json", "--detector-model", tmp_path / "faces.json", "-j", 1,
    )  # fmt: skip
    table = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line and line[-1].isdigit()}
    assert table["bonafide"] == ["1", "0", "0", "0.0"]
    assert table["attack"] == ["1", "2", "1", "66.7"]
    assert table["print"] == ["1", "1", "0", "50.0"] and table["replay"] == ["0", "1", "1", "100.0"]
    assert "failures.csv" in done.out and done.code == 3
