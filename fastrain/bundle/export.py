"""`fastrain export`: write a run's network, its detector and its threshold into one file, and prove that they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata import __version__
from fasdata.errors import UserError
from fasdata.faces.detectors import DETECTORS
from fasdata.faces.model_file import file_sha256
from fasdata.progress import progress
from fasdata.store.atomic import require_writable
from fastrain.bundle import scenes
from fastrain.bundle.archive import is_bundle
from fastrain.bundle.finding import Finding
from fastrain.bundle.form import FORMAT, BundleFacts, FindingFacts
from fastrain.bundle.from_run import finding_of_run, predictor_of_run
from fastrain.bundle.graphs import PRECISIONS
from fastrain.bundle.loading import predictor_of_bundle
from fastrain.bundle.moved import STEPS, jitter_of
from fastrain.bundle.networks_of_run import networks_of_run
from fastrain.bundle.opened import Bundle
from fastrain.bundle.parity import MOST, PICTURES, SYNTHETIC, compared, faces_of_pictures, require_parity
from fastrain.bundle.predictor import Predictor
from fastrain.bundle.said_of_run import licences_of, provenance_of, rates_of, require_licences
from fastrain.bundle.seen import seen_of_run
from fastrain.bundle.self_test_pictures import pictures_with_answers
from fastrain.bundle.signature import signer
from fastrain.bundle.writing import in_memory, with_files, write_bundle, write_signed
from fastrain.rundir import RunDir, RunFacts

if TYPE_CHECKING:
    import pandas as pd

WHOSE = ("dataset", "clip_id", "subject", "label", "attack_type", "pai")  # columns of a manifest


@dataclass(frozen=True)
class ExportRequest:
    """What `fastrain export` is asked for; `threshold` is a number or the name of a policy, "" the sources' own.

    `detector` and `detector_model` are for runs whose stores do not say how faces are found, or whose detector's file
    lies with the user. `clips` are files whose faces are compared too. `sign` is the file of a private key. With that
    alone, `run` may be a bundle, which is signed as it is.
    """

    run: Path
    out: Path
    threshold: str = ""
    precision: str = "fp32"
    commercial: bool = False
    allow_drift: bool = False
    detector: str = ""
    detector_model: str = ""
    clips: tuple[Path, ...] = ()
    name: str = ""
    sign: Path | None = None


def export(request: ExportRequest) -> str:
    """Write the bundle; return what it holds as text.

    Raises:
        UserError: the run has no network, its licences forbid what is asked, the bundle would answer otherwise than the
            run does; there is no key in the file to sign with.
    """
    if request.precision not in PRECISIONS:
        raise UserError(f"no precision {request.precision!r}", expected=", ".join(PRECISIONS))
    require_writable(request.out.parent)
    if request.sign is not None:
        signer(request.sign)  # what is wrong with a key is told before minutes pass
    if is_bundle(request.run):
        return _signed(request)
    run = RunDir(request.run)
    about = run.facts()
    finding, files = _finding(request, run, about)
    licences = licences_of(request.run, about, finding)
    require_licences(licences, request.commercial)
    predictor = _predictor(request, finding)
    finding = predictor.finding  # which keeps what the views of networks from outside show
    with progress("export", 3 + STEPS, "steps") as bar:
        validation, faces = _validation(request.run)
        networks, graphs = networks_of_run(run, about, predictor, request.precision, validation)
        bar.advance(1, now="parity")
        facts = BundleFacts(
            format=FORMAT,
            name=request.name or f"{about.method or 'run'} {about.protocol_alias or ''}".strip(),
            tool_version=__version__,
            networks=networks,
            finding=FindingFacts(
                store=dict(finding.store), frames=finding.frames, accepted=list(finding.accepted), files=sorted(files)
            ),
            threshold=predictor.threshold,
            rates=rates_of(request.run, predictor.threshold),
            licences=licences,
            provenance=provenance_of(about),
            files={},
        )
        members = {**graphs, **files}
        bundle = in_memory(facts, members, request.out)
        scenery = list(scenes.pictures(PICTURES))
        answering = _answering(bundle, finding, files)
        images, of = (validation, "the run's validation part") if validation is not None else (
            faces_of_pictures(finding, predictor, scenery), SYNTHETIC)  # fmt: skip
        parity = compared(predictor, answering, images, of, scenery, request.clips)
        parity = require_parity(parity, request.precision, allowed=request.allow_drift)
        bar.advance(1, now="self-test")
        expected, shown = pictures_with_answers(bundle, answering, scenery)
        bar.advance(1, now="jitter")
        jitter = jitter_of(answering, images, of, faces, scored=partial(bar.advance, 1, now="jitter"))
    known = {"seen": seen_of_run(about), "jitter": jitter}
    facts = facts.model_copy(update={"parity": parity, "self_test": expected, **known})
    facts, members = with_files(facts, {**members, **shown})
    write_bundle(facts, members, request.out, request.sign)
    from fastrain.bundle.text import about_bundle

    return about_bundle(Bundle.read(request.out))


def _signed(request: ExportRequest) -> str:
    """Sign a bundle that somebody exported, or calibrated, before."""
    if request.sign is None or request != ExportRequest(request.run, request.out, sign=request.sign):
        raise UserError(f"{request.run} is a bundle already", expected="a run; of a bundle, --out and --sign alone")
    from fastrain.bundle.text import about_bundle

    write_signed(Bundle.read(request.run), request.out, request.sign)
    return about_bundle(Bundle.read(request.out))


def _predictor(request: ExportRequest, finding: Finding) -> Predictor:
    """Return the run's own predictor on the processor, at the threshold that the bundle gets."""
    number = _number(request.threshold)
    policy = "" if number is not None else request.threshold
    predictor = predictor_of_run(request.run, policy=policy, finding=finding, accelerator="cpu")
    return predictor.with_threshold(number).choosing()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _answering(bundle: Bundle, finding: Finding, files: Mapping[str, bytes]) -> Predictor:
    """Return the bundle's own predictor; a detector whose files it does not hold is found where the run's is."""
    return predictor_of_bundle(bundle, "" if files else finding.model, "cpu").choosing()


# -- How faces are found -----------------------------------------------------------------------------------------------


def _finding(request: ExportRequest, run: RunDir, about: RunFacts) -> tuple[Finding, dict[str, bytes]]:
    """Return how the run finds faces, and the detector's files as the bundle holds them."""
    finding = finding_of_run(run, about)
    if request.detector and request.detector != finding.store.get("detector"):
        finding = _other_detector(finding, request)
    name = str(finding.store.get("detector"))
    row = DETECTORS.get(name)
    if row is None:
        raise UserError(f"the stores of {run.path} are of a detector that is not here", found=name)
    finding = replace(finding, model=request.detector_model)
    if row.model and not request.detector_model:
        raise UserError(f"the faces of {run.path} were found by {name}: its file is needed", do="--detector-model FILE")
    if row.model:
        expected = finding.store.get("detector_weights_sha256")
        if file_sha256(Path(request.detector_model)) != expected:
            raise UserError(
                f"{request.detector_model} is not the file that found the faces of {run.path}",
                expected=f"sha256 {str(expected)[:12]}",
            )
    return finding, _detector_files(name, finding)


def _other_detector(finding: Finding, request: ExportRequest) -> Finding:
    from fasdata.extract.settings import ExtractSettings
    from fasdata.protocols.sampling import FrameRule

    settings = ExtractSettings(
        rules=(FrameRule.parse(finding.frames),), detector=request.detector, detector_model=request.detector_model
    )
    recorded = settings.settled(settings.form).recorded()
    kept = {name: recorded[name] for name in ("detector", "detector_weights_sha256", "detector_settings")}
    return replace(finding, store={**finding.store, **kept}, model=request.detector_model)


def _detector_files(name: str, finding: Finding) -> dict[str, bytes]:
    """Return a detector's networks by member, none where its licence keeps them out or it has none."""
    if name == "mtcnn":
        from fasdata.faces.cascade_networks import as_onnx

        return as_onnx()
    if name == "retinaface-mnet":
        from fasdata.faces.retinaface_mnet import as_onnx as retina_as_onnx

        return retina_as_onnx(Path(finding.model))
    if name == "yunet":
        return {"yunet.onnx": Path(finding.model).read_bytes()}
    return {}


# -- What it is compared on --------------------------------------------------------------------------------------------


def _validation(folder: Path) -> tuple[Any, pd.DataFrame | None]:
    """Return the images of the run's validation part, a thousand at most, and whose faces they are; None without."""
    from fastrain.rescore.finished_run import FinishedRun

    about = RunDir(folder).facts()
    if not (about.manifest_path and about.library and about.view):
        return None, None
    run = FinishedRun.opened(folder, parts=("val",), accelerator="cpu")
    images = run.images.get("val")
    if images is None or not len(images.samples):
        return None, None
    n = len(images.samples)
    images = images if n <= MOST else images.only(np.linspace(0, n - 1, MOST).astype(int))
    return images, run.manifest.table.take(images.samples.row).select(list(WHOSE)).to_pandas()
