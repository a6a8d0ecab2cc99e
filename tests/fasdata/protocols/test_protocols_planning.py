"""Several modalities, taken away at test; few-shot; protocols inside a dataset; leakage that is let through; lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from fasdata.errors import UserError
from fasdata.manifest import Manifest
from fasdata.protocols.build import Options, assemble
from fasdata.protocols.describe import describe
from fasdata.protocols.diff import diff_text
from fasdata.protocols.grammar import parse
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import load_recipe


def build(stores, name, recipe="standard", **options) -> Manifest:
    manifest = assemble(make_plan(parse(name), load_recipe(recipe)), stores, Options(**options))
    manifest.check()
    return manifest


def rows(manifest: Manifest, **where: object) -> list[dict]:
    return [row for row in manifest.table.to_pylist() if all(row[key] == value for key, value in where.items())]


def test_three_modalities_stand_in_every_row(mm_stores):
    manifest = build(mm_stores, "SCP2W")
    assert {row["modalities_available"] for row in rows(manifest)} == {"rgb,depth,ir"}
    assert {row["missing_reason"] for row in rows(manifest)} == {""}
    row = rows(manifest, part="test")[0]
    assert row["key_depth"] == row["key_rgb"].replace("/rgb", "/depth") and row["key_ir"].endswith("/ir")
    splits = {(row["part"], row["split_official"]) for row in rows(manifest)}
    assert splits == {("train", "train"), ("val", "dev"), ("test", "test")}
    assert manifest.meta["modalities"] == ["rgb", "depth", "ir"]
    assert {row["face_status"] for row in rows(manifest)} == {"given"}


@pytest.mark.parametrize(("variant", "lost"), [("miss-D", "depth"), ("miss-I", "ir"), ("miss-DI", "depth,ir")])
def test_a_modality_is_taken_away_at_test_and_no_row_with_it(mm_stores, variant, lost):
    whole, masked = build(mm_stores, "SCP2W"), build(mm_stores, f"SCP2W@{variant}")
    assert [row["sample_id"] for row in rows(masked)] == [row["sample_id"] for row in rows(whole)]
    gone = lost.split(",")
    for before, after in zip(rows(whole), rows(masked), strict=True):
        if after["part"] != "test":
            assert {**before, "protocol": "", "protocol_alias": ""} == {**after, "protocol": "", "protocol_alias": ""}
            continue
        assert after["modalities_available"] == ",".join(m for m in ("rgb", "depth", "ir") if m not in gone)
        assert after["missing_reason"] == ",".join(f"{m}:masked" for m in gone)
        assert all(after[f"key_{m}"] == "" for m in gone) and after["key_rgb"] == before["key_rgb"]
    assert masked.meta["masked"] == gone
    assert "masked" in describe(masked) and masked.meta["canonical"] == f"mm:CPS2W@{variant}"


def test_what_a_dataset_does_not_have_is_absent_and_not_masked(mm_stores, make):
    mm_stores["wmca"] = make.mm_dataset("wmca", modalities=("rgb", "depth"))
    manifest = build(mm_stores, "SCP2W@miss-D")
    assert {row["missing_reason"] for row in rows(manifest, part="test")} == {"depth:masked,ir:absent"}
    assert {row["modalities_available"] for row in rows(manifest, part="test")} == {"rgb"}
    assert {row["missing_reason"] for row in rows(manifest, part="train")} == {""}


def test_a_recipe_in_colour_shows_colour_alone(mm_stores, make):
    manifest = build(
        {**mm_stores, "casia-fasd": make.mm_dataset("casia-fasd"), "msu-mfsd": make.mm_dataset("msu-mfsd")}, "C2M"
    )
    assert {(row["modalities_available"], row["key_depth"]) for row in rows(manifest)} == {("rgb", "")}


def test_frames_of_the_benchmark_differ_by_dataset(mm_stores):
    manifest = build(mm_stores, "SCP2W", "mmdg")
    assert {row["frame_index"] for row in rows(manifest, dataset="wmca")} == {12, 24, 36}
    assert {row["frame_index"] for row in rows(manifest, dataset="casia-surf", part="train")} == {0, 13, 26}
    assert {row["frame_index"] for row in rows(manifest, dataset="padisi-face")} == {0}
    assert manifest.meta["frame_rules"]["test"] == "three(12,24,36)@decoded"
    assert "padisi-face first(1)@decoded" in manifest.meta["frame_rules"]["train"]


def test_domain_order_and_repeats_are_those_of_the_recipe(mm_stores):
    manifest = build(mm_stores, "SCP2W", "mmdgfas")
    assert [(one["dataset"], one["domain_id"], one["repeats"]) for one in manifest.meta["domains"]] == [
        ("casia-surf", 0, 1), ("casia-surf-cefa", 1, 1), ("padisi-face", 2, 10),
    ]  # fmt: skip
    assert "SUBSTITUTED" in describe(manifest) and "PADISI-Face (P) x10" in describe(manifest)


def test_several_targets(mm_stores):
    manifest = build(mm_stores, "CW2PS")
    assert {row["dataset"] for row in rows(manifest, part="test")} == {"padisi-face", "casia-surf"}
    assert {row["domain_id"] for row in rows(manifest, part="test")} == {-1}


def test_shots_train_and_their_people_are_not_tested(stores):
    manifest = build(stores, "CIO-M@shot1")
    shots = rows(manifest, domain="msu-mfsd-shots")
    assert Counter(row["label"] for row in shots) == {"bonafide": 1, "attack": 1}
    assert {(row["part"], row["domain_id"], row["dataset"]) for row in shots} == {("train", 3, "msu-mfsd")}
    assert not {row["subject"] for row in shots} & {row["subject"] for row in rows(manifest, part="test")}
    assert manifest.meta["shots"] == 1 and len({row["clip_id"] for row in rows(manifest, part="test")}) == 18
    other = build(stores, "CIO-M@shot1", seed=5)
    assert {row["subject"] for row in rows(other, domain="msu-mfsd-shots")} != {row["subject"] for row in shots}
    assert [one["dataset"] for one in manifest.meta["validation"]["datasets"]] == [
        "casia-fasd",
        "replay-attack",
        "oulu-npu",
    ]


def test_inside_one_dataset(stores):
    store = stores["oulu-npu"]
    for place, record in enumerate(store.clip_records):
        fields = {"phone": "1", "session": "3" if record.clip.split == "test" else "1"}
        store.change(place, clip=replace(record.clip, fields=fields))
    manifest = build(stores, "oulu:P1")
    used = {(row["part"], row["split_official"]) for row in rows(manifest)}
    assert used == {("train", "train"), ("val", "dev"), ("test", "test")}
    assert (manifest.meta["canonical"], manifest.meta["pool"]) == ("oulu:P1", "")
    assert manifest.meta["left_out"] == []
    assert "report ACER at the threshold of dev" in describe(manifest)
    with pytest.raises(UserError, match=r"uses no clip of OULU-NPU.*phone not 1"):
        build(stores, "oulu:P3.1")


def test_only_the_first_frames_of_siw(make):
    store = make.dataset("oulu-npu")
    store.clip_records = [
        make.record(
            replace(record.clip, dataset="siw", split="train" if record.clip.split == "dev" else record.clip.split),
            n=70,
        )
        for record in store.clip_records
    ]
    plan = make_plan(parse("siw:P1"), load_recipe("standard"))
    [domain] = plan.sources
    far = replace(domain.takes[0], frames="linspace(2)@decoded")
    plan = replace(plan, sources=(replace(domain, takes=(far, domain.takes[1])),))
    manifest = assemble(plan, {"siw": store})
    assert {row["frame_index"] for row in rows(manifest, part="train")} == {0}  # frame 69 lies past the sixtieth
    assert {row["frame_index"] for row in rows(manifest, part="test")} == {6, 41}


def test_leakage_needs_a_reason_which_stays_in_the_manifest(stores, tmp_path):
    copied = stores["casia-fasd"].clip_records[0].pixel_hash
    stores["msu-mfsd"].change(4, pixel_hash=copied)
    held = stores["oulu-npu"].clip_records[-1]
    stores["oulu-npu"].change(-1, clip=replace(held.clip, subject="de00"))
    with pytest.raises(UserError, match="--allow-leakage"):
        build(stores, "CIO-M")
    with pytest.raises(UserError, match="leakage"):
        build(stores, "CIO-M", allow_leakage="  ")
    manifest = build(stores, "CIO-M", allow_leakage="the paper has it so")
    assert manifest.meta["leakage"]["reason"] == "the paper has it so"
    assert {one["kind"]: one["number"] for one in manifest.meta["leakage"]["found"]} == {"person": 1, "content": 1}
    again = Manifest.read(manifest.write(tmp_path))
    assert "let through: the paper has it so" in describe(again)
    clean = Manifest(manifest.table, {**manifest.meta, "leakage": None})
    with pytest.raises(UserError, match="the same person is in two parts"):
        clean.check()


def test_a_reason_without_leakage_is_not_kept(stores):
    assert build(stores, "CIO-M", allow_leakage="to be sure").meta["leakage"] is None


def test_contradictions_and_uneven_losses_are_told_in_the_build(stores, make):
    first = stores["oulu-npu"].clip_records[1].clip
    stores["oulu-npu"].change(1, clip=replace(first, pai="display-1"))
    lost = make.record(stores["msu-mfsd"].clip_records[0].clip, dict.fromkeys(range(20), "skip"))
    stores["msu-mfsd"].change(0, frames=lost.frames, status=lost.status, reason=lost.reason)
    warnings = build(stores, "CIO-M").meta["warnings"]
    assert any("species display-1 with the attack type print" in one and first.clip_id in one for one in warnings)
    assert any(
        "uneven losses: 1 clips of msu-mfsd in test" in one and "1 of 7 bonafide and 0 of 14 attack" in one
        for one in warnings
    )


def test_lists_decide_which_clips_are_meant(mm_stores, tmp_path):
    kept = [record.clip.clip_id for record in mm_stores["wmca"].clip_records if record.clip.split == "test"][:5]
    paths = [f"R_CDIT/{name.replace('__', '/')}" for name in kept]
    lines = [f"{path}/color/0012.jpg {path}/ir/0012.jpg {int('bonafide' in path)}" for path in paths]
    (tmp_path / "W-test.txt").write_text(
        "\n".join([*lines, lines[0], "R_CDIT/999_01_000_0_00/color/0012.jpg 1"]) + "\n"
    )
    manifest = build(mm_stores, "SCP2W", "mmdg", lists=tmp_path)
    assert {row["clip_id"] for row in rows(manifest, part="test")} == set(kept)
    assert any("wmca test: only the 5 clips of W-test.txt" in said for said in manifest.meta["lists"])
    assert any("without mmdg's list P-train.txt; by rule instead" in said for said in manifest.meta["lists"])
    assert any("1 of 7 rows match no clip" in one and "999_01_000_0_00" in one for one in manifest.meta["warnings"])
    assert any("1 rows are repeated" in one for one in manifest.meta["warnings"])


def test_two_built_manifests_compare(stores, tmp_path):
    for recipe in ("standard", "hfn_mp"):
        build(stores, "CIO-M", recipe).write(tmp_path / recipe)
    text = diff_text(str(tmp_path / "standard"), str(tmp_path / "hfn_mp" / "manifest.parquet"))
    assert len(text.splitlines()) <= 40
    assert "mcio:CIO2M / standard (built)" in text and "21 / 42" not in text
    assert "test+train" in text and "dev+test+train" in text
    assert "test sets differ" in text
