"""What a grid spreads out to, and what in it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasdata.errors import UserError
from fastrain.sweep.grid import Grid, protocols_in, read_grid, seeds_in, settings_in, spread

GRID = """
methods: [erm, gac_fas]
protocols: [CIO-M, OMI-C]
seeds: 0-1
presets: {gac_fas: {CIO-M: ocim-M}}
set: {max_iterations: 5, gac_fas: {rho: 0.2}}
grid: {erm: {lr: [0.1, 0.01]}}
exclude: [{method: gac_fas, protocol: OMI-C, seed: [1]}, {lr: 0.01, protocol: CIO-M}]
"""


def test_a_grid_file_spreads_out_to_runs(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    wishes = spread(read_grid(tmp_path / "grid.yaml", {"seeds": None}))
    erm = [(w.protocol, w.seed, w.varied) for w in wishes if w.method == "erm"]
    assert erm == [
        *(("CIO-M", seed, ("lr=0.1",)) for seed in (0, 1)),
        *(("OMI-C", seed, (f"lr={lr}",)) for lr in (0.1, 0.01) for seed in (0, 1)),
    ]
    gac = [(w.protocol, w.seed, w.preset, w.overrides) for w in wishes if w.method == "gac_fas"]
    own = ("max_iterations=5", "rho=0.2")
    assert gac == [("CIO-M", 0, "ocim-M", own), ("CIO-M", 1, "ocim-M", own), ("OMI-C", 0, None, own)]


def test_options_lie_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    given = {"seeds": "7", "set": settings_in(["max_iterations=9"], "--set"), "grid": None}
    grid = read_grid(tmp_path / "grid.yaml", given)
    assert grid.seeds == (7,) and grid.set == {"max_iterations": 9, "gac_fas": {"rho": 0.2}}


def test_commas_separate_protocols_and_datasets_of_one() -> None:
    names = "B2C+I+O+M,CelebA-Spoof to each of CASIA-SURF, mylab,mcio:CIO2M,A -> B,C2I@limited,mine.yaml"
    assert protocols_in(names) == (
        "B2C+I+O+M", "CelebA-Spoof to each of CASIA-SURF, mylab", "mcio:CIO2M", "A -> B", "C2I@limited", "mine.yaml",
    )  # fmt: skip
    assert read_grid(None, {"methods": "erm", "protocols": names}).protocols == protocols_in(names)


def test_seeds_are_numbers_and_ranges() -> None:
    assert seeds_in("0-2,5") == (0, 1, 2, 5)
    for text in ("a", "3-1", "0-99999999", "-1"):
        with pytest.raises(ValueError):
            seeds_in(text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 1}, "did you mean 'seeds'"),
        ({"methods": ""}, "methods"),
        ({"seeds": "x"}, "seeds are written 0-4"),
        ({"grid": {"lr": 0.1}}, "expected a list"),
        ({"presets": {"hfn_mp": "demo"}}, "presets: a method of the grid is meant; expected erm; found hfn_mp"),
        ({"exclude": [{"protocol": "OMI-C"}]}, "exclude: a protocol of the grid is meant"),
        ({"exclude": [{"lr": 1}]}, "exclude: lr; expected method, protocol"),
        ({"exclude": [{"method": "erm"}]}, "excludes all of its runs"),
    ],
)
def test_a_slip_in_a_grid_is_told(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        spread(read_grid(None, {"methods": "erm", "protocols": "CIO-M", **changes}))


def test_a_grid_needs_methods_and_protocols() -> None:
    with pytest.raises(UserError, match="methods"):
        read_grid(None, {})
    assert spread(Grid(methods=("erm",), protocols=("CIO-M",)))[0].recipe == "standard"
