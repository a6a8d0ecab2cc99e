"""Say what a run folder or a score file tested, for the sheet: method, network, detector, dataset, protocol, date."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fasdata.errors import UserError
from fasdata.foreign import read_json_object
from fasdata.page.spelling import Absent, text
from fastrain.evaluation.score_files import OutsideScores
from fastrain.evaluation.score_rows import NOT_STATED as NO_DATASET
from fastrain.evaluation.scores import ScoreOrigin
from fastrain.evaluation.sheet import NO_BUNDLE, ItemUnderTest, Known
from fastrain.report.run_folder import RunFolder


def item_of_run(runs: Sequence[RunFolder], product: str = "", bundle: Known = "") -> ItemUnderTest:
    """Return what the first run tested; `runs` after it are repetitions, which its line on the network counts.

    `product` is a name for what was tested, by default the folder's; `bundle` the hash of what is deployed.
    """
    first = runs[0]
    about, contestant = first.run, first.run.contestant
    recipe = f", recipe {about.recipe_text}" if about.recipe_text else ""
    fusion = str(first.results.data.get("fusion") or "mean")
    when = about.finished if contestant is None else None
    return ItemUnderTest(
        product=product or first.name,
        method=text(about.method),
        network=_network(runs),
        detector=_detector(first),
        bundle=bundle or NO_BUNDLE,
        dataset=text(first.target(), "not named in the scores"),
        protocol=f"{about.protocol}{recipe}" if about.protocol else Absent("not stated"),
        date=text((when or "")[:10], "not stated: the scores were imported" if contestant else "not recorded"),
        scores=f"{fusion} of its frames",
    )


def _network(runs: Sequence[RunFolder]) -> Known:
    """Return which of several networks the sheet is of, and by what its checkpoint was selected."""
    first = runs[0]
    averaged = first.results.data.get("averaged_over")
    which = f"seed {first.run.seed}" if first.run.seed is not None else ""
    if averaged:
        which += f"{', ' if which else ''}mean over {averaged} of its networks"
    if len(runs) > 1:
        seeds = ", ".join(str(run.run.seed) for run in runs if run.run.seed is not None)
        which += f" alone, first of {len(runs)} runs (seeds {seeds})"
    selected = first.selection_words()
    words = [which] if which else []
    words += [] if isinstance(selected, Absent) else [f"checkpoint by {selected}"]
    return "; ".join(words) or Absent("neither seed nor selection is stated")


def _detector(run: RunFolder) -> Known:
    """Return the detectors of the target's stores."""
    if run.manifest is None:
        return Absent("not stated with the scores")
    names = []
    for domain in run.manifest.target:
        try:
            store = read_json_object(Path(run.run.library or ".") / domain.dataset / "store.json")
            names.append(str(store["config"]["detector"]))
        except (UserError, KeyError, TypeError):
            return Absent(f"the store of {domain.name} is not in the library any more")
    return ", ".join(dict.fromkeys(names)) or Absent("no store is named")


def item_of_scores(read: OutsideScores, fusion: str, product: str = "") -> ItemUnderTest:
    """Return what scores alone tell of what was tested; what they do not is unknown.

    `fusion` made a presentation's score of its frames'; `product` is by default the name of the file.
    """
    origin, silent = ScoreOrigin.of(read.table), Absent("not stated with the scores")
    names = [name for name in dict.fromkeys(read.table.frame["dataset"]) if name not in ("", NO_DATASET)]
    protocol = f"{origin.protocol}{f', recipe {origin.recipe}' if origin.recipe else ''}"
    checkpoint = f"{origin.selection} ({origin.checkpoint})" if origin.checkpoint else origin.selection
    single = read.table.clips().frame["n_frames"].max() <= 1
    return ItemUnderTest(
        product=product or Path(read.table.source).name,
        method=silent,
        network=f"checkpoint by {checkpoint}" if checkpoint else silent,
        detector=silent,
        dataset=" and ".join(names) or silent,
        protocol=protocol or silent,
        date=silent,
        scores=f"as in the file: a row is one of {read.rows}" if single else f"{fusion} of its frames",
    )
