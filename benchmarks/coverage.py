"""How often the intervals beside a number hold what they should, in studies made by chance, and how wide they are.

Run: python benchmarks/coverage.py [--studies 10000] [--curve-studies 1000] [--resamples 1000] [--log coverage.jsonl]
A study draws people, each with a rate of its own, and their presentations; its truth is known. Two tables:

rates  Proportions, `statistics.proportions`: 15, 30, 60, 200 people with 1, 4, 10, 40 or a random 1 to 40 clips each;
       true rates 0, 0.1, 1, 5, 20, 50 %; correlation within people 0, 0.2, 0.5 (beta-binomial).
curve  HTER at a fixed threshold, EER and AUC, `evaluation.measures`: scores of both classes of the same people, normal,
       as far apart as the rate asks, with a person's own shift of that share of the variance; as many clips of either
       class. A metric of a resample is computed from sums over people, which a part of each cell checks.

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
    parser.add_argument("--clips", type=_clips, nargs="*", default=CLIPS, help="of a person: 1 4 10 40 1-40")
    parser.add_argument("--log", type=Path, default=Path("coverage.jsonl"))
    parser.add_argument("--only", choices=["rates", "curve"], help="one of the tables")
    given = parser.parse_args()
    logged = given.log.read_text().splitlines() if given.log.is_file() else []
    done = {_key(cell): cell for cell in map(json.loads, logged)}
    wanted = [
        {"table": table, "people": people, "clips": clips, "alike": alike, "rate": rate, "resamples": given.resamples}
        | {"studies": given.studies if table == "rates" else given.curve_studies}
        for table in ("rates", "curve")
        if given.only in (None, table)
        for clips, people, alike, rate in product(given.clips, given.people, ALIKE, RATES)
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


def _clips(text: str) -> int | str:
    return text if "-" in text else int(text)


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
BLOCK = 64  # sorted samples that are taken together


def curve_cell(cell: Cell, rng: np.random.Generator) -> Cell:
    """Return the coverage and mean width of each metric's interval and of percentiles alone.

    A hundred resampled values of the first study are compared with those of the product.
    """
    people, alike, rate = (cell[name] for name in ("people", "alike", "rate"))
    each = Clusters(np.tile(np.arange(people), 2), np.zeros(people, np.int64), people, 0)
    counts = np.concatenate(list(each.weights(np.repeat([1, 0], people), cell["resamples"], 0)))[:, :people]
    drawn = counts.astype(np.float64)
    gap = -2 * float(ndtri(rate)) if rate else APART
    truths = {"hter": rate, "eer": rate, "auc": float(ndtr(gap / np.sqrt(2)))}
    ends: dict[str, list[tuple[float, float]]] = {f"{name}{way}": [] for name in truths for way in ("", " alone")}
    for study in range(cell["studies"]):
        clips = rng.integers(1, 41, people) if cell["clips"] == "1-40" else np.full(people, cell["clips"])
        person, labels = np.tile(np.repeat(np.arange(people), clips), 2), np.repeat([1, 0], clips.sum())
        shift = np.sqrt(alike) * rng.normal(size=people)[person]
        scores = gap * labels + shift + np.sqrt(1 - alike) * rng.normal(size=len(labels))
        samples = Samples(scores, labels, np.full(len(labels), "print", object), np.arange(len(labels)))
        clusters = Clusters(person, each.stratum, people, 0)
        values = by_person(samples, person, drawn, gap / 2)
        if study == 0:
            _require_same(values, samples, counts[:100, person], gap / 2)
        for name, resampled in values.items():
            interval = measured(name).interval([(samples, gap / 2)], clusters, resampled)
            ends[name].append((interval.low, interval.high))
            low, high = np.quantile(resampled, [0.025, 0.975])
            ends[f"{name} alone"].append((float(low), float(high)))
    return {name: _held(*np.array(both).T, truths[name.split()[0]]) for name, both in ends.items()}


def by_person(samples: Samples, person: np.ndarray, drawn: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """Return HTER, EER and AUC in every resample, as `Weighted` does, from sums over each person's samples.

    `drawn` (B, people) says how often each person is drawn. Holds for scores without ties, of people who have as many
    samples of one class as of the other: then a resample has too, and its errors are nearest where half of all its
    samples are below. The sorted samples are taken in blocks, so that no sum over all samples before each is kept.
    """
    order, people = np.argsort(samples.scores), drawn.shape[1]
    live, unit = samples.labels[order] == 1, person[order]
    size = drawn @ np.bincount(unit[live], minlength=people)  # of either class
    below, rejected = _in_blocks(unit, people), _in_blocks(unit, people, live)
    pairs = ((drawn @ _lost(unit, live, below - rejected, rejected)) * drawn).sum(axis=1)
    wrong = np.bincount(person, weights=(samples.scores >= threshold) != (samples.labels == 1), minlength=people)
    nearest = _nearest(unit, live, drawn.astype(np.float32), size, _before(below), _before(rejected))
    return {"hter": drawn @ wrong / (2 * size), "eer": nearest / (2 * size), "auc": 1 - pairs / size**2}


def _in_blocks(unit: np.ndarray, people: int, of: Any = None) -> np.ndarray:
    """Return how many samples each person has in each block (blocks, people), of those with `of`."""
    counts = np.bincount(np.arange(len(unit)) // BLOCK * people + unit, of, -(-len(unit) // BLOCK) * people)
    return counts.reshape(-1, people).astype(np.float32)


def _before(counts: np.ndarray) -> np.ndarray:
    return np.cumsum(counts, axis=0) - counts


def _lost(unit: np.ndarray, live: np.ndarray, attacks: np.ndarray, bonafide: np.ndarray) -> np.ndarray:
    """Return how many bona fide samples of the one person (columns) lie below attacks of the other (rows)."""
    people, (at_block, at) = attacks.shape[1], np.divmod(np.arange(len(unit)), BLOCK)
    kind = np.full((len(attacks), BLOCK), -1)
    kind[at_block, at] = live
    block, upper, lower = np.nonzero(np.tri(BLOCK, k=-1, dtype=bool) & (kind[:, :, None] == 0) & (kind[:, None] == 1))
    inside = np.bincount(unit[block * BLOCK + upper] * people + unit[block * BLOCK + lower], minlength=people**2)
    return (attacks.T @ _before(bonafide)).astype(np.float64) + inside.reshape(people, people)


def _nearest(unit: Any, live: Any, weights: Any, size: Any, below: np.ndarray, rejected: np.ndarray) -> np.ndarray:
    """Return the errors of both classes of every resample where they are nearest to each other."""
    errors = np.empty(len(size))
    coarse = below @ weights.T
    of_block = (coarse <= size).sum(axis=0) - 1
    for block in np.unique(of_block):
        these, own = np.flatnonzero(of_block == block), slice(block * BLOCK, (block + 1) * BLOCK)
        steps = np.zeros((2, len(these), len(unit[own]) + 1))
        steps[0, :, 1:] = weights[these][:, unit[own]]
        steps[1, :, 1:] = steps[0, :, 1:] * live[own]
        steps[:, :, 0] = coarse[block, these], weights[these] @ rejected[block]
        under, lost = np.cumsum(steps, axis=2)
        half = size[these]
        low = (under <= half[:, None]).sum(axis=1) - 1
        ends = [(under[rows, place], lost[rows, place]) for rows in [np.arange(len(these))] for place in (low, low + 1)]
        gaps = [np.abs(half - held) for held, _ in ends]
        both = [half - held + 2 * of_bonafide for held, of_bonafide in ends]
        errors[these] = np.where(gaps[0] < gaps[1], both[0], np.where(gaps[0] > gaps[1], both[1], np.minimum(*both)))
    return errors


def _require_same(values: dict[str, np.ndarray], samples: Samples, weights: np.ndarray, threshold: float) -> None:
    """Raise where the first values are not those that the product computes of these weights."""
    weighted = Weighted(ScoreOrder(samples), weights)
    for name, own in values.items():
        np.testing.assert_allclose(own[: len(weights)], measured(name).at(threshold)(weighted), 0, 1e-12, err_msg=name)


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
