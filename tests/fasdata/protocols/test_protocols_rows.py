"""The rows of a manifest: what they carry, and modalities that are masked or absent."""

from __future__ import annotations

import pytest

from fasdata.protocols.manifest_text import describe
from tests.fasdata.protocols.building import build, rows


def test_a_row_carries_what_the_store_knows(stores):
    row = rows(build(stores), sample_id="casia-fasd/train__train-00__attack_1/6")[0]
    assert row["key_rgb"] == "crop/train__train-00__attack_1/000006/rgb"
    assert (row["key_depth"], row["key_ir"], row["modalities_available"]) == ("", "", "rgb")
    assert (row["box"], row["region"], row["scale"]) == ([20.5, 30.0, 60.0, 80.0], [0, 5, 80, 105], 1.0)
    assert row["landmarks"] == [30.0, 40.0, 35.0, 41.0, 40.0, 42.0, 45.0, 43.0, 50.0, 44.0]
    assert row["det_score"] == pytest.approx(0.99)
    assert (row["detector"], row["face_status"], row["frame_shift"], row["n_frames"]) == ("mtcnn", "ok", 0, 20)
    assert (row["subject"], row["label"], row["attack_type"]) == ("train-00", "attack", "print")
    assert (row["protocol"], row["protocol_alias"], row["recipe"]) == ("mcio:CIO2M", "CIO-M", "standard")


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
