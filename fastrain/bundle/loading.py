"""Open a run folder or a bundle to predict with it, without torch where it is a bundle."""

from __future__ import annotations

from pathlib import Path

from fasdata.errors import UserError
from fastrain.bundle.archive import is_bundle
from fastrain.bundle.form import ByDataset
from fastrain.bundle.opened import Bundle
from fastrain.bundle.predictor import Predictor
from fastrain.data.by_dataset import AS_THEY_ARE, Preparation


def load(
    path: str | Path, *, detector_model: str = "", accelerator: str = "auto", self_test: bool = True,
    verify_key: str | Path = "",
) -> Predictor:  # fmt: skip
    """Return what predicts with a run folder or a bundle: `.predict("face.jpg")`.

    A bundle first answers its own self-test. With `verify_key`, the file of a public key, it has to be a bundle that
    the owner of the key signed; nothing else of it is looked at before.

    Raises:
        UserError: it is neither, damaged, not signed as it has to be, or does not answer as it did when it was written.
    """
    where = Path(path)
    if where.is_dir() and verify_key:
        raise UserError(f"{where} is a run folder: bundles alone are signed", do="fastrain export RUN --sign KEY")
    if where.is_dir():
        from fastrain.bundle.from_run import finding_of_run, predictor_of_run

        if not detector_model:
            return predictor_of_run(where, accelerator=accelerator)
        from dataclasses import replace

        from fastrain.rundir import RunDir

        run = RunDir(where)
        finding = replace(finding_of_run(run, run.facts()), model=detector_model)
        return predictor_of_run(where, finding=finding, accelerator=accelerator)
    if not where.exists():
        raise UserError(f"there is no {where}", expected="a run folder or a bundle")
    if not is_bundle(where):
        raise UserError(
            f"{where} is neither a run folder nor a bundle", do="export a run: fastrain export RUN --out FILE"
        )
    bundle = Bundle.read(where, Path(verify_key) if verify_key else None)
    predictor = predictor_of_bundle(bundle, detector_model, accelerator)
    if self_test:
        from fastrain.bundle.self_test import require_passed

        require_passed(bundle, predictor)
    return predictor


def predictor_of_bundle(bundle: Bundle, detector_model: str = "", accelerator: str = "auto") -> Predictor:
    """Return the predictor of a bundle that was read."""
    from fastrain.bundle.graph import view_of

    first = bundle.facts.networks[0]
    return Predictor(
        bundle.where,
        bundle.with_detector(detector_model),
        bundle.scorer(accelerator),
        view_of(first, bundle.where),
        tuple(first.modalities) if first.kind == "method" else ("rgb",),
        bundle.facts.threshold,
        seen=bundle.facts.seen,
        by_dataset=_by_dataset(first.by_dataset),
        details={"bundle": bundle.sha256},
    )


def _by_dataset(facts: ByDataset | None) -> Preparation:
    if facts is None:
        return AS_THEY_ARE
    return Preparation(tuple(facts.grey), tuple(facts.cut_black), facts.edges_alone)
