"""Read a run folder for the report; a missing or damaged file is noted in a sentence, never fatal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.foreign import read_json_object, read_text
from fasdata.page.spelling import Absent
from fastrain.evaluation.results_lookup import TEST, VAL, Results
from fastrain.rundir import LogLine, ProbeFacts, RunDir, RunFacts, read_log

if TYPE_CHECKING:
    from fasdata.manifests.meta import Meta
    from fastrain.evaluation.scores import ScoreTable

RUN, CONFIG, MANIFEST, METRICS = "run.json", "config.yaml", "manifest.json", "metrics.jsonl"
SCORES, RESULTS, PROBE = "scores.csv", "results.json", "probe.json"


@dataclass(frozen=True)
class RunFolder:
    """The parsed files of a run; `missing` maps the name of a file to the reason why its content is absent."""

    path: Path
    run: RunFacts
    results: Results
    config_text: str = ""
    manifest: Meta | None = None
    train_log: tuple[LogLine, ...] = ()
    val_log: tuple[LogLine, ...] = ()
    scores: ScoreTable | None = None
    probe: ProbeFacts = field(default_factory=ProbeFacts)
    missing: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> RunFolder:
        """Read a run folder.

        Raises:
            UserError: it is no folder, or has no readable `run.json`.
        """
        path = path.resolve()
        if not path.is_dir():
            raise UserError(f"no run folder at {path}", do="pass a folder that 'fastrain run' wrote")
        missing: dict[str, str] = {}

        def part(name: str, parse: Callable[[Path], Any], empty: Any) -> Any:
            try:
                if (path / name).is_file():
                    return parse(path / name)
                missing[name] = f"{name} is not in the run folder"
            except (ValueError, OSError, UserError) as error:
                missing[name] = f"{name} could not be read: {error}"
            return empty

        folder = RunDir(path)
        run = part(RUN, lambda _: folder.facts(), RunFacts())
        if RUN in missing:
            raise UserError(
                f"{path} is not a run folder", found=missing[RUN], do="pass a folder that 'fastrain run' wrote"
            )
        log = part(METRICS, read_log, [])
        results = part(RESULTS, lambda _: folder.results().tree(), {})
        return cls(
            path=path,
            run=run,
            results=Results(results, missing.get(RESULTS, "")),
            config_text=part(CONFIG, read_text, ""),
            manifest=part(MANIFEST, _meta, None),
            train_log=tuple(line for line in log if line.kind == "train"),
            val_log=tuple(line for line in log if line.kind == "val"),
            scores=part(SCORES, _scores, None),
            probe=part(PROBE, lambda _: folder.probe(), ProbeFacts()),
            missing=missing,
        )

    @property
    def name(self) -> str:
        """Return the folder's own name."""
        return self.path.name

    def target(self) -> str:
        """Return the names of the target's datasets, "" where neither manifest nor scores name them."""
        each = ", each on its own" if self.results.data.get("targets") else ""
        if self.manifest:
            return " and ".join(domain.name for domain in self.manifest.target) + each
        test = self.scores.part(TEST) if self.scores else None
        return " and ".join(test.frame["dataset"].unique()) + each if test else ""

    @cached_property
    def targets(self) -> dict[str, RunFolder]:
        """Return the run with each of several targets alone, by the target's name; none where there is one target."""
        from fastrain.evaluation.several_targets import of_target

        known = {domain.dataset: domain for domain in self.manifest.target} if self.manifest else {}
        alone = {}
        for dataset, results in self.results.targets().items():
            name = known[dataset].name if dataset in known else dataset
            named = Results({**results.data, "part_names": {TEST: name, VAL: results.named(VAL)}})
            scores = of_target(self.scores, dataset) if self.scores else None
            manifest = self.manifest
            if manifest and dataset in known:
                manifest = manifest.model_copy(update={"target": [known[dataset]]})
            alone[name] = replace(self, results=named, scores=scores, manifest=manifest)
        return alone

    def held_out_subjects(self) -> int | None:
        """Return the number of people in the held-out source clips, None where they are not all named."""
        held_out = self.scores.part(VAL) if self.scores else None
        if held_out is None or (held_out.frame["subject"] == "").any():
            return None
        return len(held_out.frame[["dataset", "subject"]].drop_duplicates())

    def selection_policy(self) -> str:
        """Return the policy by which the checkpoint was selected, "" where that is not recorded."""
        return self.run.selection.policy or ""

    def selection_words(self) -> str | Absent:
        """Return in words which checkpoint was used, and by what it was selected."""
        selection = self.run.selection
        if not self.selection_policy():
            return Absent("not recorded")
        metric = f", metric {selection.metric}" if selection.metric else ""
        which = f"{selection.checkpoint} checkpoint" if selection.checkpoint else "checkpoint"
        when = f", iteration {selection.iteration}" if selection.iteration is not None else ""
        return f"{self.selection_policy()}{metric} ({which}{when})"

    def probe_auc(self, part: str) -> float | None:
        """Return the AUC of the colour probe on a part, None where it was not measured."""
        return self.probe.auc.get(part)

    def why_no_probe(self, part: str) -> str:
        """Return why there is no such AUC."""
        return self.missing.get(PROBE) or self.probe.reason.get(part) or "not measured"


def _meta(file: Path) -> Meta:
    from pydantic import ValidationError

    from fasdata.manifests.meta import Meta

    try:
        return Meta.model_validate(read_json_object(file))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _scores(file: Path) -> ScoreTable:
    from fastrain.evaluation.scores import ScoreTable

    return ScoreTable.read_csv(file)
