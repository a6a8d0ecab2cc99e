"""List files that decide which clips of a dataset are meant."""

from __future__ import annotations

from tests.fasdata.protocols.building import build, rows


def test_lists_decide_which_clips_are_meant(mm_stores, tmp_path):
    kept = [record.clip.clip_id for record in mm_stores["wmca"].clip_records if record.clip.split == "test"][:5]
    paths = [f"R_CDIT/{name.replace('__', '/')}" for name in kept]
    lines = [f"{path}/color/0012.jpg {path}/ir/0012.jpg {int('bonafide' in path)}" for path in paths]
    (tmp_path / "W-test.txt").write_text(
        "\n".join([*lines, lines[0], "R_CDIT/999_01_000_0_00/color/0012.jpg 1"]) + "\n"
    )
    manifest = build(mm_stores, "SCP2W", "mmdg", lists=tmp_path)
    assert {row["clip_id"] for row in rows(manifest, part="test")} == set(kept)
    assert any("wmca test: only the 5 clips of W-test.txt" in note for note in manifest.meta["lists"])
    assert any("without mmdg's list P-train.txt; by rule instead" in note for note in manifest.meta["lists"])
    assert any("1 of 7 rows match no clip" in line and "999_01_000_0_00" in line for line in manifest.meta["warnings"])
    assert any("1 rows are repeated" in line for line in manifest.meta["warnings"])
