"""The pages of a leaderboard: every number leads somewhere that is there, and claims stand beside ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fastrain.rundir.sweep_dir import MemberFacts, SweepDir
from fastrain.sweep.leaderboard import leaderboard
from tests.fastrain.compare.test_compare_compare import write_run


def test_pages_lead_to_one_another_and_to_reports(tmp_path: Path) -> None:
    sweep = SweepDir(tmp_path / "mcio")
    sweep.path.mkdir()
    for method, strength, seconds in (("erm", 1.0, 3600), ("hfn_mp", 4.0, 7200)):
        for seed in (0, 1):
            name = f"{method}-{seed}"
            cost = {"device_seconds": seconds, "peak_memory_bytes": 2**31, "images_per_second": 97.0}
            folder = write_run(sweep.run(name).path, method, strength, seed, cost=cost)
            row = {"part": "test", "level": "clip", "metric": "auc", "value": 0.5 + seed / 100}
            (folder / "results.json").write_text(json.dumps({"metrics": [row]}))
            (folder / "report.html").write_text("a report")
            facts = MemberFacts(method=method, protocol="mcio:CIO2M", recipe="standard", seed=seed, settings="aa")
            sweep.add({name: facts})
    pages = leaderboard([sweep.path], tmp_path / "site", resamples=100)
    index, *others = (page.read_text() for page in pages)
    assert index.index("hfn_mp.html") < index.index("erm.html") and "1.000" in index and "2.000" in index
    for page in pages:
        for target in re.findall(r'<a href="([^"#]+)', page.read_text()):
            assert (page.parent / target).is_file(), (page, target)
    method = (tmp_path / "site" / "hfn_mp.html").read_text()
    assert "../mcio/runs/hfn_mp-0/report.html" in method and ">0.510<" in method and "2.00" in method and "97" in method
    assert "What papers claim" in method and "threshold" in method and "<script" not in index
    by_cost = (tmp_path / "site" / "sorted-2.html").read_text()
    assert by_cost.index("erm.html") < by_cost.index("hfn_mp.html") and "Error against cost" in by_cost
    assert others


def test_runs_that_failed_stand_there_with_their_reasons(tmp_path: Path) -> None:
    sweep = SweepDir(tmp_path / "mcio")
    sweep.path.mkdir()
    finished = {"erm-M": ("erm", "mcio:CIO2M", "CIO-M"), "erm-I": ("erm", "mcio:COM2I", "COM-I")}
    finished |= {"hfn_mp-M": ("hfn_mp", "mcio:CIO2M", "CIO-M")}
    failed = {"hfn_mp-I": ("hfn_mp", "mcio:COM2I", ""), "flip-I": ("flip", "mcio:COM2I", "")}
    for name, (method, protocol, alias) in {**finished, **failed}.items():
        facts = MemberFacts(method=method, protocol=protocol, recipe="standard", seed=0, settings="aa")
        sweep.add({name: facts})
        if alias:
            cost, strength = {"device_seconds": 3600}, 4.0 if method == "hfn_mp" else 1.0
            write_run(sweep.run(name).path, method, strength, 0, protocol=protocol, protocol_alias=alias, cost=cost)
            (sweep.run(name).path / "results.json").write_text('{"metrics": []}')
    sweep.note_failure("hfn_mp-I", "the loss is not finite <at 12>", "now")
    sweep.note_failure("flip-I", "no weights at /home/alice/w/clip.safetensors", "now")
    sweep.note_failure("flip-I", "no weights at /home/alice/w/clip.safetensors", "later")
    pages = {page.name: page.read_text() for page in leaderboard([sweep.path], tmp_path / "site", resamples=50)}
    index = pages["index.html"]
    assert "3 of 5 runs are finished, the others are not shown; 2 failed" in index
    assert "Failed: 2 runs" in index and "the loss is not finite &lt;at 12&gt;" in index
    assert "no weights at …/clip.safetensors" in index and "alice" not in "".join(pages.values())
    assert index.count('<a href="#failed">failed</a>') == 1  # the number that hfn_mp lacks
    assert "Failed: 1 run<" in pages["hfn_mp.html"] and "Failed:" not in pages["erm.html"]
    row = re.search(r"<tr[^>]*>\s*<th[^>]*>flip on COM-I, recipe standard</th>(.*?)</tr>", index, re.S)
    assert row and "(2 attempts)" in row[1]
    assert str(tmp_path) not in index and "Not on all protocols: hfn_mp." in index
    assert index.index('href="erm.html"') < index.index('href="hfn_mp.html"')  # which lacks a protocol


def test_a_sweep_of_failed_runs_alone_has_no_pages(tmp_path: Path) -> None:
    sweep = SweepDir(tmp_path / "mcio")
    sweep.path.mkdir()
    sweep.add({"a": MemberFacts(method="erm", protocol="mcio:CIO2M", recipe="standard", seed=0, settings="aa")})
    sweep.note_failure("a", "no memory", "now")
    with pytest.raises(UserError, match="no finished run"):
        leaderboard([sweep.path], tmp_path / "site", resamples=50)
    assert not (tmp_path / "site").exists()
