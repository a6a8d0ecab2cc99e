"""How often the intervals beside a number hold what they should, in studies made by chance, and how wide they are.

Run: python benchmarks/coverage.py [--studies 10000] [--curve-studies 1000] [--resamples 1000] [--log coverage.jsonl]
A study draws people, each with a rate of its own, and their presentations; its truth is known. Two tables:

rates  Proportions, `statistics.proportions`: 15, 30, 60, 200 people with 1, 4, 10, 40 or a random 1 to 40 clips each;
       true rates 0, 0.1, 1, 5, 20, 50 %; correlation within people 0, 0.2, 0.5 (beta-binomial).
curve  HTER at a fixed threshold, EER and AUC, `evaluation.measures`: scores of both classes of the same people, normal,
       as far apart as the rate asks, with a person's own shift of that share of the variance. 1, 4 or 10 clips a class.

Beside each stands the percentile interval of resampled people alone. Every cell is written to `--log` as it is done,
with its own seed; the same command goes on where it was stopped. Nothing but processor time is shared between cells.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from fastrain.evaluation.measures import measured
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.proportions import clopper_pearson, effective_size
from fastrain.evaluation.statistics.weighted import ScoreOrder, Weighted

PEOPLE = (15, 30, 60, 200)
CLIPS: tuple[int | str, ...] = (1, 4, 10, 40, "1-40")
CURVE_CLIPS = (1, 4, 10)
ALIKE = (0.0, 0.2, 0.5)
RATES = (0.0, 0.001, 0.01, 0.05, 0.2, 0.5)
Cell = dict[str, Any]


def main() -> None:
    """Run the cells that the log lacks, then print the tables of all that it has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=500, help="of each cell of proportions")
    parser.add_argument("--curve-studies", type=int, default=50, help="of each cell of HTER, EER and AUC")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--people", type=int, nargs="*", default=PEOPLE)
    parser.add_argument("--log", type=Path, default=Path("coverage.jsonl"))
    parser.add_argument("--only", choices=["rates", "curve"], help="one of the tables")
    given = parser.parse_args()
    logged = given.log.read_text().splitlines() if given.log.is_file() else []
    done = {_key(cell): cell for cell in map(json.loads, logged)}
    wanted = [
        {"table": table, "people": people, "clips": clips, "alike": alike, "rate": rate, "resamples": given.resamples}
        | {"studies": given.studies if table == "rates" else given.curve_studies}
        for table, clips_of in (("rates", CLIPS), ("curve", CURVE_CLIPS))
        if given.only in (None, table)
        for people, clips, alike, rate in product(given.people, clips_of, ALIKE, RATES)
    ]
    for cell in wanted:
        if _key(cell) in done:
            continue
        rng = np.random.default_rng(zlib.crc32(_key(cell).encode()))
        done[_key(cell)] = cell | (rates_cell if cell["table"] == "rates" else curve_cell)(cell, rng)
        with given.log.open("a") as log:
            log.write(json.dumps(done[_key(cell)]) + "\n")
    cells = [done[_key(cell)] for cell in wanted]
    for table in dict.fromkeys(cell["table"] for cell in cells):
        print("\n".join(lines([cell for cell in cells if cell["table"] == table])))


def _key(cell: Cell) -> str:
    return " ".join(str(cell[name]) for name in ("table", "people", "clips", "alike", "rate", "studies", "resamples"))


# -- Proportions -------------------------------------------------------------------------------------------------------


def rates_cell(cell: Cell, rng: np.random.Generator) -> Cell:
    """Return the coverage and mean width of the exact interval and of percentiles, over all studies at once."""
    shape, rate, alike = (cell["studies"], cell["people"]), cell["rate"], cell["alike"]
    clips = rng.integers(1, 41, shape) if cell["clips"] == "1-40" else np.full(shape, cell["clips"])
    own: Any = rate
    if alike and rate:
        own = rng.beta(rate * (1 / alike - 1), (1 - rate) * (1 / alike - 1), shape)
    errors = rng.binomial(clips, own, shape)
    size = effective_size(errors, clips)
    exact = clopper_pearson(size * (errors.sum(axis=1) / clips.sum(axis=1)), size)
    drawn = rng.multinomial(cell["people"], np.full(cell["people"], 1 / cell["people"]), cell["resamples"]).T
    shares = (errors.astype(float) @ drawn) / (clips.astype(float) @ drawn)
    percentiles = np.quantile(shares, [0.025, 0.975], axis=1)
    return {"exact": _held(*exact, rate), "percentiles": _held(*percentiles, rate)}


def _held(low: Any, high: Any, truth: float) -> list[float]:
    low, high = np.asarray(low), np.asarray(high)
    return [round(float(((low <= truth) & (truth <= high)).mean()), 5), round(float((high - low).mean()), 5)]


# -- HTER, EER and AUC -------------------------------------------------------------------------------------------------

APART = 60.0  # standard deviations between the classes where the rate is 0


def curve_cell(cell: Cell, rng: np.random.Generator) -> Cell:
    """Return the coverage and mean width of each metric's interval and of percentiles alone."""
    people, clips, alike, rate = (cell[name] for name in ("people", "clips", "alike", "rate"))
    labels = np.repeat([1, 0], people * clips)
    person = np.tile(np.repeat(np.arange(people), clips), 2)
    clusters = Clusters(person, np.zeros(people, np.int64), people, 0)
    weights = np.concatenate(list(clusters.weights(labels, cell["resamples"], 0)))
    gap = -2 * float(ndtri(rate)) if rate else APART
    truths = {"hter": rate, "eer": rate, "auc": float(ndtr(gap / np.sqrt(2)))}
    ends: dict[str, list[tuple[float, float]]] = {f"{name}{way}": [] for name in truths for way in ("", " alone")}
    for _ in range(cell["studies"]):
        shift = np.sqrt(alike) * rng.normal(size=people)[person]
        scores = gap * labels + shift + np.sqrt(1 - alike) * rng.normal(size=len(labels))
        samples = Samples(scores, labels, np.full(len(labels), "print", object), np.arange(len(labels)))
        for name, values in _resampled(samples, weights, gap / 2).items():
            interval = measured(name).interval([(samples, gap / 2)], clusters, values)
            ends[name].append((interval.low, interval.high))
            low, high = np.quantile(values, [0.025, 0.975])
            ends[f"{name} alone"].append((float(low), float(high)))
    return {name: _held(*np.array(both).T, truths[name.split()[0]]) for name, both in ends.items()}


def _resampled(samples: Samples, weights: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    weighted = Weighted(ScoreOrder(samples), weights)
    return {"hter": weighted.hter(threshold), "eer": weighted.eer(), "auc": weighted.auc()}


# -- Tables ------------------------------------------------------------------------------------------------------------


def lines(cells: list[Cell]) -> Iterator[str]:
    """Yield a Markdown table: for each number of people and true rate the least coverage, and the mean width."""
    names = [name for name in cells[0] if isinstance(cells[0][name], list)]
    first = cells[0]
    yield f"\n{first['table']}: {len(cells)} cells of {first['studies']} studies, {first['resamples']} resamples;"
    yield "the least coverage of 95 % intervals over clips and correlations, and their mean width, in percent\n"
    yield "| people | true rate | " + " | ".join(f"{name}: held | width" for name in names) + " |"
    yield "|" + "---|" * (2 + 2 * len(names))
    for people, rate in product(dict.fromkeys(cell["people"] for cell in cells), RATES):
        group = [cell for cell in cells if (cell["people"], cell["rate"]) == (people, rate)]
        numbers = []
        for name in names:
            numbers += [f"{100 * min(cell[name][0] for cell in group):.1f}",
                        f"{100 * np.mean([cell[name][1] for cell in group]):.2f}"]  # fmt: skip
        yield f"| {people} | {100 * rate:g} % | " + " | ".join(numbers) + " |"
    yield "\nleast coverage over all cells, and cells below 93 %: " + "; ".join(
        f"{name} {100 * min(cell[name][0] for cell in cells):.1f}, {sum(cell[name][0] < 0.93 for cell in cells)}"
        for name in names
    )


if __name__ == "__main__":
    main()
