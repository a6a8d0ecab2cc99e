"""Check what `fastrain calibrate` promises, on people of the procedural world whom neither network nor threshold saw.

    python benchmarks/place_promise.py pad.fasb --out scores

People are rendered at one place, each in two bona fide pictures, a print and a display, and scored by the bundle as
`predict` scores them. Every repetition calibrates it on sixty of them, drawn with its number as the seed, and judges
its threshold on all others. Where there are as many people as all repetitions take together, each has its own, and the
repetitions are independent; with fewer they share some people, which is printed. Scores are kept in `--out`, a few
people at a time, and not made again. Several bundles that find faces alike may be named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import beta

from fasdata.errors import UserError
from fasdata.synth.presentation.bona_fide import ClipSpec
from fasdata.synth.presentation.clip import render_clip
from fastrain.bundle.answers import CHOOSE, without_score
from fastrain.bundle.calibrate import CalibrateRequest, calibrate
from fastrain.bundle.finding import PictureFinder
from fastrain.bundle.found import FoundClip
from fastrain.bundle.loading import load
from fastrain.bundle.opened import Bundle
from fastrain.evaluation.place_threshold import Promise, place_threshold

PLACE, SEED = "msu-mfsd", 2026
SHOWN = (("bonafide", "a"), ("bonafide", "b"), ("print-flat", "a"), ("display-photo", "a"))
POLICIES = ("bpcer<=0.05", "bpcer<=0.1", "apcer<=0.1")
AT_ONCE = 20  # people a task


def main() -> None:
    """Render, score, calibrate a hundred times, and print how often the promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the scores")
    parser.add_argument("--world", type=int, default=6000, help="people in all")
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--people", type=int, default=60, help="of each repetition")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--array", type=Path, help="keep the last bundle's scores here, float32 (people, pictures)")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    tables = scored(asked.bundles, asked.world, asked.out, asked.workers)
    draws = drawn(asked.world, asked.repetitions, asked.people)
    shared = np.mean([len(np.intersect1d(a, b)) for place, a in enumerate(draws) for b in draws[:place]])
    print(f"{asked.repetitions} repetitions of {asked.people} people; two of them share {shared:.1f} people on average")
    for bundle, table in zip(asked.bundles, tables, strict=True):
        lost = int(table["score"].isna().sum())
        print(f"{bundle.name}: {table['subject'].nunique()} people, {len(table)} pictures, {lost} without a face")
        for policy in POLICIES:
            print(kept(bundle, table, Promise.parse(policy), draws))
        print(few(bundle, table))
    if asked.array:
        np.save(asked.array, array_of(tables[-1]))


def array_of(table: pd.DataFrame) -> np.ndarray:
    """Return the scores of a table as float32 (people, pictures), pictures in the order of `SHOWN`."""
    return table.sort_values("subject", kind="stable")["score"].to_numpy(np.float32).reshape(-1, len(SHOWN))


def drawn(world: int, repetitions: int, people: int) -> list[np.ndarray]:
    """Return the people of each repetition, numbers below `world`: none twice where there are enough."""
    if repetitions * people <= world:
        return np.split(np.random.default_rng(SEED).permutation(world)[: repetitions * people], repetitions)
    return [np.random.default_rng(seed).choice(world, people, replace=False) for seed in range(repetitions)]


# -- The people and their scores ---------------------------------------------------------------------------------------


def scored(bundles: list[Path], people: int, out: Path, workers: int) -> list[pd.DataFrame]:
    """Return the scores of people by each bundle, from `out` where they are there."""
    tasks = [range(start, min(start + AT_ONCE, people)) for start in range(0, people, AT_ONCE)]
    lacking = [task for task in tasks if not all(_file(out, bundle, task).is_file() for bundle in bundles)]
    with ProcessPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(_score, lacking, [tuple(bundles)] * len(tasks), [out] * len(tasks)), 1):
            print(f"{done} of {len(lacking)} groups of {AT_ONCE} people", file=sys.stderr, flush=True)
    return [pd.concat([pd.read_csv(_file(out, bundle, task)) for task in tasks]) for bundle in bundles]


def _file(out: Path, bundle: Path, task: range) -> Path:
    return out / f"{bundle.stem}-{task.start:05d}.csv"


def _score(people: range, bundles: tuple[Path, ...], out: Path) -> None:
    for bundle, rows in zip(bundles, zip(*pictures_of(people, bundles), strict=True), strict=True):
        pd.DataFrame(list(rows)).to_csv(_file(out, bundle, people), index=False)


def pictures_of(people: range, bundles: tuple[Path, ...]) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield, of every picture of these people, the row that each bundle gives it; no score where it shows no face."""
    predictors = [_loaded(bundle) for bundle in bundles]
    finder = _finder(bundles[0])
    for person in people:
        for kind, take in SHOWN:
            name = f"p{person:05d}-{kind}-{take}"
            shot = next(render_clip(ClipSpec(PLACE, f"p{person:05d}", name, kind, 1), SEED))  # type: ignore[arg-type]
            record, crops = finder.record({"rgb": np.ascontiguousarray(shot.picture)})
            clip = FoundClip.of(record, crops, predictors[0].finding)
            none = without_score(name, clip, predictors[0].finding.smallest, CHOOSE)
            row = {
                "clip_id": name, "subject": f"p{person:05d}", "label": "attack" if kind != "bonafide" else kind,
                "attack_type": kind.split("-")[0],
            }  # fmt: skip
            scores = [np.nan if none else float(predictor.scores_of([clip])[0].mean()) for predictor in predictors]
            yield tuple({**row, "score": score} for score in scores)


@cache
def _loaded(bundle: Path) -> Any:
    return load(bundle, accelerator="cpu", self_test=False)


@cache
def _finder(bundle: Path) -> PictureFinder:
    return PictureFinder(_loaded(bundle).finding)


# -- The promise -------------------------------------------------------------------------------------------------------


def kept(bundle: Path, table: pd.DataFrame, promise: Promise, draws: list[np.ndarray]) -> str:
    """Return in how many repetitions the rate of everybody else is within the limit, and how the rates lie."""
    number = table["subject"].str[1:].astype(int)
    rates = []
    for place, draw in enumerate(draws):
        own = number.isin(draw)
        threshold = threshold_of(table[own], promise)
        if place == 0:
            assert threshold == _calibrated(bundle, table[own], str(promise))
        rates.append(np.nan if threshold is None else rate(table[~own], promise, threshold))
    held, n = int((np.array(rates) <= promise.limit).sum()), len(draws)
    low = beta.ppf(0.025, held, n - held + 1) if held else 0.0
    high = beta.ppf(0.975, held + 1, n - held) if held < n else 1.0
    ends = ", ".join(f"{100 * value:.2f} %" for value in np.nanpercentile(rates, (0, 50, 100)))
    return (
        f"{promise}: held in {held} of {n} [{100 * low:.0f} %, {100 * high:.0f} %], refused in "
        f"{int(np.isnan(rates).sum())}; least, median and highest rate of the others {ends}"
    )


def threshold_of(table: pd.DataFrame, promise: Promise) -> float | None:
    """Return the threshold that `calibrate` takes for these people; None where it refuses."""
    bonafide = (table["label"] == "bonafide").to_numpy()
    arrays = (table["score"].to_numpy(np.float64), bonafide, list(table["subject"]), list(table["attack_type"]))
    try:
        return place_threshold(promise, *arrays).value
    except UserError:
        return None


def _calibrated(bundle: Path, table: pd.DataFrame, policy: str) -> float | None:
    """Return the threshold of the bundle that `calibrate` writes."""
    with tempfile.TemporaryDirectory() as folder:
        scores, out = Path(folder) / "scores.csv", Path(folder) / "place.fasb"
        table.to_csv(scores, index=False)
        try:
            calibrate(CalibrateRequest(bundle, out, scores=scores, policy=policy))
        except UserError:
            return None
        threshold = Bundle.read(out).facts.threshold
    assert threshold is not None
    return threshold.value


def rate(table: pd.DataFrame, promise: Promise, threshold: float) -> float:
    """Return BPCER, or the APCER of the worst species; a picture without a score is rejected."""
    accepted = table["score"].to_numpy() >= threshold
    if promise.rate == "bpcer":
        return float(1 - accepted[table["label"] == "bonafide"].mean())
    kinds = table["attack_type"].to_numpy()
    return max(float(accepted[kinds == kind].mean()) for kind in set(kinds) - {"bonafide"})


def few(bundle: Path, table: pd.DataFrame) -> str:
    """Return what five people are told."""
    with tempfile.TemporaryDirectory() as folder:
        scores = Path(folder) / "scores.csv"
        table[table["subject"].isin(sorted(table["subject"].unique())[:5])].to_csv(scores, index=False)
        try:
            calibrate(CalibrateRequest(bundle, Path(folder) / "place.fasb", scores=scores))
        except UserError as error:
            return f"five people: {error}"
    return "five people: taken"


if __name__ == "__main__":
    main()
