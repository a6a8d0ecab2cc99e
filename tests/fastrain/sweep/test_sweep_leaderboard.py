"""The pages of a leaderboard: every number leads somewhere that is there, and claims stand beside ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

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
