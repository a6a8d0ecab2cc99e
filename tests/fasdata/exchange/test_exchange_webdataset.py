"""Tar shards read back, and the same bytes every time."""

from __future__ import annotations

import tarfile

from fasdata.exchange import webdataset
from fasdata.exchange.sample import clips_of
from tests.fasdata.exchange import readers
from tests.fasdata.exchange.world import exported, tree


def test_shards_end_between_clips_and_are_the_same_bytes_twice(library, manifests, tmp_path, monkeypatch):
    monkeypatch.setattr(webdataset, "SHARD", 5)
    for name in ("one", "two"):
        exported(library, manifests["small"], "webdataset", tmp_path / name)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    shards = sorted(path.name for path in (tmp_path / "one").glob("train-*.tar"))
    assert len(shards) > 2 and shards[0] == "train-000000.tar"
    where = {}
    for shard in (tmp_path / "one").glob("*.tar"):
        with tarfile.open(shard) as archive:
            members = archive.getmembers()
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
        for member in members:
            assert where.setdefault(member.name.rpartition("/")[0], shard.name) == shard.name
    assert len(readers.shards(tmp_path / "one")) == sum(len(clip.frames) for clip in clips_of(manifests["small"]))
