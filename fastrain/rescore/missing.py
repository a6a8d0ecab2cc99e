"""`fastrain eval RUN --missing`: score a run's target again without some of its modalities."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests.manifest import TABLE
from fasdata.manifests.meta import parameters_of, recipe_key
from fastrain.config import modalities_of
from fastrain.report.masked_targets import masked_variants, only_masked
from fastrain.rundir import RunDir, selected_checkpoint


def score_missing(folder: Path, data: str | None = None) -> str:
    """Score a run's target without each modality it can lose, write its report again, return the table.

    Each evaluation goes into a folder below the run's `evaluations/`; manifests that are not there are built as the
    run's own was. `data` is the library, by default the run's own.

    Raises:
        UserError: no finished run; its network sees one modality, or its protocol has no such variants; the library's
            manifests of these were built otherwise; as `fastrain.rescore.other_data.score_again`.
    """
    from fastrain.report.missing_modalities import missing_modalities_text
    from fastrain.report.mistakes import shows_people
    from fastrain.report.run_report import write_report
    from fastrain.rescore.other_data import Asked, score_again

    run = RunDir(folder)
    about, modalities = run.facts(), modalities_of(run.config())
    if len(modalities) < 2:
        raise UserError(
            f"the network of {folder} sees {modalities[0]} alone, and cannot lose it",
            expected="a run with several modalities",
            do="train one: --set 'model.modalities=[rgb,depth,ir]'",
        )
    if about.status != "evaluated":  # an imported run that was scored in place has its checkpoint too
        selected_checkpoint(folder)
    trained = run.manifest().tree()
    variants = masked_variants(trained, modalities)
    if not variants:
        raise UserError(
            f"{trained['canonical']} has no variant that takes one of {', '.join(modalities)} away",
            expected="a run on a complete protocol of several modalities, such as SCP2W",
        )
    given = data or about.library
    library = Library.locate(Path(given) if given else None)
    for protocol in variants:
        _require_manifest(library, protocol, trained)
    for protocol in variants:
        score_again(folder, Asked(protocol=protocol, data=data))
    page = run.file("report.html")
    with run.locked():
        write_report([folder], page, faces=shows_people(page))
    return f"{missing_modalities_text(folder)}\n\nreport: {page}"


def _require_manifest(library: Library, protocol: str, trained: Mapping[str, Any]) -> None:
    """Build a variant's manifest as that of the run was built; one that is there already has to be alike."""
    from fasdata.manifests import Manifest
    from fasdata.protocols.build import build_protocol

    recipe, rule, kept = trained["recipe"]["name"], trained["validation"], parameters_of(trained["recipe"])
    path = library.protocol_dir(protocol, recipe_key(trained["recipe"])) / TABLE
    if path.is_file():
        manifest = Manifest.read(path)
    else:
        manifest = build_protocol(
            protocol, recipe=recipe, library=library, validation=rule["mode"], seed=rule["seed"],
            frames=kept.get("frames", ""), test_frames=kept.get("test-frames", ""),
        )  # fmt: skip
    if not only_masked(trained, manifest.meta):
        frames = "".join(f" --{name} '{kept[name]}'" for name in ("frames", "test-frames") if name in kept)
        built = f"--recipe {recipe} --val {rule['mode']} --seed {rule['seed']}{frames} --data {library.root}"
        raise UserError(
            f"the clips of {path} are not those of the run",
            expected=f"{trained['canonical']} with nothing but modalities of the test rows taken away",
            do=f"where the stores are still the same: fasdata build-protocol {protocol} {built}",
        )
