"""Score images of any manifest with the networks that a run kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.records import MODALITIES

if TYPE_CHECKING:
    from fasdata.manifests import Manifest
    from fastrain.config import RunConfig
    from fastrain.run.assembly import Assembly, Data, Scored
    from fastrain.rundir import RunDir, RunFacts


def network_scores(
    run: RunDir, about: RunFacts, config: RunConfig, data: Data, parts: Sequence[str] = ("val", "test")
) -> Scored:
    """Return, for the parts that are asked for, what was scored and its scores by name.

    `score` and its parts are those of the selected checkpoint. Where the run kept more networks (`at_<iteration>`,
    `best`), each gives a column of that name.

    Raises:
        UserError: a checkpoint is missing or of another network or run, the manifest lacks what the view needs or has
            none of a modality, in training frames neither.
    """
    from fastrain.run.assembly import assembly_of_run

    assembly = assembly_of_run(run, about, config, data, parts=parts)
    _require(data.manifest, assembly.method.modalities)
    return assembly.score(_each_network(run, about, assembly))


def _require(manifest: Manifest, modalities: Sequence[str]) -> None:
    """Refuse data that lack a modality everywhere; a target that was masked (`@miss-*`) is scored as black images."""
    import pyarrow.compute as pc

    def known(name: str) -> bool:
        return bool(pc.any(pc.not_equal(manifest.table[f"key_{name}"], "")).as_py())

    lacking = [name for name in modalities if not known(name)]
    if lacking:
        raise UserError(
            f"no frame of {manifest.meta['canonical']} has {' or '.join(lacking)}, which the network sees",
            found=", ".join(name for name in MODALITIES if known(name)) or "no image at all",
            do="name a protocol of data that have them; its variants @miss-… take them away from the target alone",
        )


def _each_network(run: RunDir, about: RunFacts, assembly: Assembly) -> Iterator[tuple[str, int]]:
    """Load every network that the run kept, the selected one last; yield the name of its scores and its iteration."""
    from fastrain.run.assembly import load_network
    from fastrain.train.scoring import SCORE

    numbers = sorted(int(path.stem.removeprefix("at-")) for path in run.checkpoints.glob("at-*.safetensors"))
    names = [(f"at_{number}", f"at-{number}") for number in numbers]
    if numbers and (run.checkpoints / "best.safetensors").is_file():
        names.append(("best", "best"))
    for column, name in [*names, (SCORE, run.checkpoint(about).stem)]:
        yield column, load_network(run, about, assembly.method, name)
