"""The landscape's section of a report: its numbers, its pictures, and two runs on one scale."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

from fasdata.page.page import Page
from fastrain.landscape.surfaces import FILE, Domain, Landscape
from fastrain.report.landscape_charts import Scale, levels_between
from fastrain.report.landscape_section import landscape_section
from fastrain.report.run_folder import RunFolder
from fastrain.report.run_report import write_report
from tests.fasdata.page.markup import Markup
from tests.fastrain.report.fabricate import fabricate_run

pytestmark = pytest.mark.charts

DOMAINS = (Domain("CASIA-FASD", False, 20, 19), Domain("MSU-MFSD", True, 10, 10))
REQUEST = {"range": 1.0, "steps": 5, "batchnorm": "ignore", "images": 40, "seed": 0}


def bowl(steepness: float = 1.0, *, points: int = 25, **request: object) -> Landscape:
    """Return a landscape whose loss is a bowl around the network; the target's lies to the side."""
    landscape = Landscape.blank({**REQUEST, **request}, DOMAINS, reach=1, steps=5, rho=[0.05, 0.1])
    for i, j in landscape.points_left()[:points]:
        x, y = landscape.axis[i], landscape.axis[j]
        source, target = 0.25 + steepness * (x**2 + y**2), 0.5 + (x - 0.5) ** 2 + y**2
        landscape.put((i, j), [(source, 0.9), (target, 0.75)], 0.1)
    landscape.sharpness[:] = [[0.0125, 0.05], [0.1, 0.4]]
    landscape.gradient[:] = [0.25, 2.0]
    return landscape


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = fabricate_run(tmp_path_factory.mktemp("runs") / "erm-0")
    (folder / "landscape").mkdir()
    bowl().write(folder / "landscape" / FILE)
    return folder


def shown(*runs) -> tuple[Markup, str]:
    """Return a page of the section alone: drawing the rest of a report takes most of the time."""
    section = landscape_section([RunFolder.read(run) for run in runs])
    assert section is not None
    html = Page("report", [section]).html()
    return Markup(html), html


def test_the_section_has_each_domain_s_numbers_and_both_pictures(run, tmp_path) -> None:
    write_report([run], tmp_path / "report.html", faces=False)
    html = (tmp_path / "report.html").read_text("utf-8")
    page = Markup(html)
    rows = page.table("At the network and on the way up")
    assert [list(row.values()) for row in rows] == [
        ["CASIA-FASD", "20 + 19", "0.25", "90.00 %", "0.25", "(0, 0)", "0.25", "+0.0125", "+0.0500"],
        ["MSU-MFSD (target)", "10 + 10", "0.75", "75.00 %", "0.5", "(0.5, 0)", "2", "+0.1000", "+0.4000"],
    ]
    named = [value for _, name, value in page.attributes if name == "aria-label"]
    for title in ("CASIA-FASD", "MSU-MFSD (target)"):
        assert any(label.startswith(f"{title}: contours of the loss") for label in named)
        assert f"{title}: the loss as a surface" in named
    section = page.sections["landscape"]
    assert "target chooses nothing" in section and "Not finished" not in section
    assert len(html) < 1_500_000 and "NaN" not in page.text
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_two_runs_stand_on_one_scale(run, tmp_path) -> None:
    """The bar of every contour chart has the same ticks; those of the shallow run alone would end at 2."""
    other = shutil.copytree(run, tmp_path / "erm-1")
    bowl(100.0).write(other / "landscape" / FILE)
    page, html = shown(run, other)
    rows = page.table("At the network and on the way up")
    assert [row["Run"] for row in rows] == ["erm-0", "erm-0", "erm-1", "erm-1"]
    assert "the first run stands left" in page.sections["landscape"]
    ticks = [bar_ticks(svg) for svg in re.findall(r"<svg[^>]*: contours of the loss.*?</svg>", html, flags=re.S)]
    assert len(ticks) == 4 and len(set(ticks)) == 1
    assert {"0.5", "200"} < set(ticks[0])


def bar_ticks(svg: str) -> tuple[str, ...]:
    """Return the words at the scale of a contour chart: the second axes of its figure."""
    return tuple(re.findall(r">([\d.]+)</text>", svg[svg.index("axes_2") :]))


def test_runs_measured_otherwise_are_named(run, tmp_path) -> None:
    other = shutil.copytree(run, tmp_path / "erm-1")
    bowl(batchnorm="move", seed=3).write(other / "landscape" / FILE)
    section = shown(run, other)[0].sections["landscape"]
    assert "erm-1 was measured otherwise" in section
    assert "batchnorm: ignore -> move" in section and "seed: 0 -> 3" in section


def test_a_half_finished_and_a_broken_landscape_are_said(run, tmp_path) -> None:
    half = shutil.copytree(run, tmp_path / "half")
    landscape = bowl(points=9)
    landscape.loss[:, 1, 1] = np.inf
    landscape.write(half / "landscape" / FILE)
    page, _ = shown(half)
    assert "16 of 25 points are missing" in page.sections["landscape"]
    (half / "landscape" / FILE).write_bytes(b"PK")
    page, _ = shown(half)
    assert "A landscape that could not be read" in page.sections["landscape"]
    assert "At the network" not in page.sections["landscape"]


def test_a_run_without_one_has_no_such_section(tmp_path) -> None:
    assert landscape_section([RunFolder.read(fabricate_run(tmp_path / "erm-0"))]) is None


def test_a_scale_holds_every_finite_loss_and_has_round_levels() -> None:
    landscape = bowl()
    landscape.loss[0, 0, 0] = np.nan
    landscape.loss[1, 0, 0] = 0.0
    scale = Scale.over([landscape])
    assert scale is not None and scale.low == 1e-6 and scale.high == landscape.loss[np.isfinite(landscape.loss)].max()
    assert len(scale.levels) <= 14
    assert scale.shown(landscape.loss[0]).mask.sum() == 1
    assert levels_between(0.02, 3) == (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
    empty = Landscape.blank({}, DOMAINS, reach=1, steps=3, rho=[0.1])
    assert Scale.over([empty]) is None
