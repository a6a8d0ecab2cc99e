"""`fastrain export`: write a run's network, its detector and its threshold into one file, and prove that they agree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from fasdata import __version__
from fasdata.errors import UserError
from fasdata.faces.detectors import DETECTORS, detector_licence, make_detector
from fasdata.faces.model_file import file_sha256
from fasdata.store.atomic import replacing, require_writable
from fasdata.store.codec import encode
from fastrain.bundle import scenes
from fastrain.bundle.archive import packed
from fastrain.bundle.finding import Finding, PictureFinder
from fastrain.bundle.form import (
    FORMAT,
    NAME,
    OPSET,
    BundleFacts,
    Expected,
    FileFacts,
    FindingFacts,
    GraphFacts,
    LicenceFacts,
    RateFacts,
    Threshold,
)
from fastrain.bundle.from_run import finding_of_run, predictor_of_run
from fastrain.bundle.graphs import PRECISIONS, graph_of_method, graph_of_minifasnet, in_precision
from fastrain.bundle.loading import predictor_of_bundle
from fastrain.bundle.moved import jitter_of
from fastrain.bundle.opened import Bundle
from fastrain.bundle.parity import MOST, PICTURES, SYNTHETIC, compared, faces_of_pictures, require_parity
from fastrain.bundle.predictor import Predictor
from fastrain.bundle.seen import seen_of_run
from fastrain.bundle.self_test import answer_of
from fastrain.report.ledger import entries
from fastrain.report.run_folder import RunFolder
from fastrain.rescore.outside_scores import has_networks
from fastrain.run.settings import own_config
from fastrain.rundir import RunDir, RunFacts

EVALUATED = ("resize", "interpolation", "mix_crop_mask", "base_views", "depth_divisor")  # of the augmentation
OUTSIDE = "network from outside"


@dataclass(frozen=True)
class ExportRequest:
    """What `fastrain export` is asked for; `threshold` is a number or the name of a policy, "" the sources' own.

    `detector` and `detector_model` are for runs whose stores do not say how faces are found, or whose detector's file
    lies with the user. `clips` are files whose faces are compared too.
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


def export(request: ExportRequest) -> str:
    """Write the bundle; return what it holds as text.

    Raises:
        UserError: the run has no network, its licences forbid what is asked, the bundle would answer otherwise than the
            run does.
    """
    if request.precision not in PRECISIONS:
        raise UserError(f"no precision {request.precision!r}", expected=", ".join(PRECISIONS))
    require_writable(request.out.parent)
    run = RunDir(request.run)
    about = run.facts()
    finding, files = _finding(request, run, about)
    licences = _licences(request.run, about, finding)
    _require_licences(licences, request.commercial)
    predictor = _predictor(request, finding)
    finding = predictor.finding  # which keeps what the views of networks from outside show
    validation = _validation(request.run)
    networks, graphs = _networks(run, about, predictor, request.precision, validation)
    facts = BundleFacts(
        format=FORMAT,
        name=request.name or f"{about.method or 'run'} {about.protocol_alias or ''}".strip(),
        tool_version=__version__,
        networks=networks,
        finding=FindingFacts(
            store=dict(finding.store), frames=finding.frames, accepted=list(finding.accepted), files=sorted(files)
        ),
        threshold=predictor.threshold,
        rates=_rates(request.run, predictor.threshold),
        licences=licences,
        provenance=_provenance(about),
        files={},
    )
    members = {**graphs, **files}
    bundle = _in_memory(facts, members, request.out)
    scenery = list(scenes.pictures(PICTURES))
    answering = _answering(bundle, finding, files)
    images, of = (validation, "the run's validation part") if validation is not None else (
        faces_of_pictures(finding, predictor, scenery), SYNTHETIC)  # fmt: skip
    parity = compared(predictor, answering, images, of, scenery, request.clips)
    parity = require_parity(parity, request.precision, allowed=request.allow_drift)
    expected, shown = _self_test(bundle, answering, scenery)
    known = {"seen": seen_of_run(about), "jitter": jitter_of(answering, images, of)}
    facts = facts.model_copy(update={"parity": parity, "self_test": expected, **known})
    facts, members = _with_files(facts, {**members, **shown})
    write_bundle(facts, members, request.out)
    from fastrain.bundle.text import about_bundle

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


# -- The networks ------------------------------------------------------------------------------------------------------


def _networks(
    run: RunDir, about: RunFacts, predictor: Predictor, precision: str, validation: Any
) -> tuple[list[GraphFacts], dict[str, bytes]]:
    if has_networks(about):
        return _outside(run, about, precision)
    config = own_config(run)
    method = predictor.details["assembly"].method
    augment = {name: config.data.augment[name] for name in EVALUATED if config.data.augment.get(name) is not None}
    view, preparation = predictor.view, predictor.scorer.changes  # type: ignore[attr-defined]
    from fastrain.data.preparing import output_side

    graph = graph_of_method(method, output_side(preparation, view.size, random=False))
    facts = GraphFacts(
        kind="method",
        file="network.onnx",
        name=str(about.method),
        opset=OPSET,
        precision=precision,  # type: ignore[arg-type]
        view=str(view),
        view_geometry=view.geometry_version,
        modalities=list(predictor.modalities),  # type: ignore[arg-type]
        preparation=augment,
    )
    graph = in_precision(graph, precision, list(_calibration(facts, graph, validation)))
    return [facts], {"network.onnx": graph}


def _calibration(facts: GraphFacts, graph: bytes, images: Any) -> Iterator[Mapping[str, np.ndarray]]:
    """Yield what the network is fed for a hundred images of the run's own validation part, a few at a time."""
    if images is None:
        return
    from fastrain.bundle.graph import loaded_scorer

    scorer = cast(Any, loaded_scorer([facts], {facts.file: graph}, "the graph", "cpu"))
    wanted = {port.name for port in scorer.file.inputs}
    members = np.linspace(0, len(images.samples) - 1, min(len(images.samples), 100)).astype(int)
    for start in range(0, len(members), 10):
        fed = scorer.fed(images, members[start : start + 10].tolist())
        yield {name: values for name, values in fed.items() if name in wanted}


def _outside(run: RunDir, about: RunFacts, precision: str) -> tuple[list[GraphFacts], dict[str, bytes]]:
    from fasdata.faces.view import View
    from fasdata.foreign import read_bytes
    from fastrain.outside.networks import FOLDER, MINIFASNET

    if precision != "fp32":
        raise UserError("networks from outside are taken as they are", expected="no --precision", found=precision)
    assert about.contestant is not None
    facts, graphs = [], {}
    for number, network in enumerate(about.contestant.networks):
        data = read_bytes(run.path / FOLDER / network.file)
        graph = graph_of_minifasnet(data) if network.kind == MINIFASNET else data
        member, view = f"network{number}.onnx", View.named(network.view)
        graphs[member] = graph
        facts.append(
            GraphFacts(
                kind="declared",
                file=member,
                name=network.origin or network.kind,
                opset=_opset(graph),
                view=str(view),
                view_geometry=view.geometry_version,
                input=network.input,
                score=network.score,
            )
        )
    return facts, graphs


def _opset(graph: bytes) -> int:
    import onnx

    versions = [entry.version for entry in onnx.load_from_string(graph).opset_import if entry.domain in ("", "ai.onnx")]
    return max(versions, default=1)


def _validation(folder: Path) -> Any:
    """Return the images of the run's validation part, a thousand at most, None where it has none at hand."""
    from fastrain.rescore.finished_run import FinishedRun

    about = RunDir(folder).facts()
    if not (about.manifest_path and about.library and about.view):
        return None
    images = FinishedRun.opened(folder, parts=("val",), accelerator="cpu").images.get("val")
    if images is None or not len(images.samples):
        return None
    n = len(images.samples)
    return images if n <= MOST else images.only(np.linspace(0, n - 1, MOST).astype(int))


# -- What is said of them ----------------------------------------------------------------------------------------------


def _licences(folder: Path, about: RunFacts, finding: Finding) -> list[LicenceFacts]:
    parts = [
        LicenceFacts(what=part.what, name=part.name, licence=part.licence, research_only=part.research_only)
        for part in entries(RunFolder.read(folder))
    ]
    if about.contestant is not None:
        parts += [
            LicenceFacts(what=OUTSIDE, name=network.origin or network.kind, licence="as its owner says")
            for network in about.contestant.networks
        ]
    name = str(finding.store.get("detector"))
    if not any(part.what == "face detector" and part.name == name for part in parts):
        barred = DETECTORS[name].research_only
        parts.append(
            LicenceFacts(what="face detector", name=name, licence=detector_licence(name), research_only=barred)
        )
    return parts


def _require_licences(licences: Sequence[LicenceFacts], commercial: bool) -> None:
    barred = [f"{part.what} {part.name}: {part.licence}" for part in licences if part.research_only]
    if commercial and barred:
        raise UserError("the terms of this run's parts bar commercial use", found="; ".join(barred))


def _rates(folder: Path, threshold: Threshold | None) -> list[RateFacts]:
    """Return the error rates of clips at the threshold, of each part that was scored."""
    run = RunDir(folder)
    if threshold is None or not run.file("results.json").is_file():
        return []
    results = run.results()
    tree = results.tree()
    rates = []
    for row in results.metrics:
        if row.level != "clip" or row.threshold_policy != threshold.policy or row.value is None:
            continue
        if row.metric not in ("apcer", "bpcer", "hter", "acer_max"):
            continue
        counts = [count for count in tree.get("counts", ()) if count.get("part") == row.part]
        people = (tree.get("uncertainty", {}).get(row.part) or {}).get("subjects")
        rates.append(
            RateFacts(
                part=row.part,
                data=", ".join(dict.fromkeys(str(count["dataset"]) for count in counts)),
                metric=row.metric,
                value=row.value,
                low=_known(row, "low"),
                high=_known(row, "high"),
                rule=str(getattr(row, "rule", None) or ""),
                people=people if isinstance(people, int) else None,
                clips=sum(int(c.get("clips", 0)) for c in counts),
            )
        )
    return rates


def _known(row: Any, name: str) -> float | None:
    value = getattr(row, name, None)
    return float(value) if isinstance(value, (int, float)) else None


def _provenance(about: RunFacts) -> dict[str, Any]:
    names = (
        "method", "protocol", "protocol_alias", "recipe", "manifest_fingerprint", "config_hash", "seed", "finished",
        "tool_version", "versions", "color_order", "code",
    )  # fmt: skip
    tree = about.tree()
    kept = {name: tree[name] for name in names if tree.get(name) is not None}
    return {**kept, "selection": dict(tree.get("selection") or {})}


# -- The archive -------------------------------------------------------------------------------------------------------


def _answering(bundle: Bundle, finding: Finding, files: Mapping[str, bytes]) -> Predictor:
    """Return the bundle's own predictor; a detector whose files it does not hold is found where the run's is."""
    return predictor_of_bundle(bundle, "" if files else finding.model, "cpu").choosing()


def _self_test(
    bundle: Bundle, predictor: Predictor, scenery: Sequence[np.ndarray]
) -> tuple[list[Expected], dict[str, bytes]]:
    """Return pictures for the self-test with what the bundle says of them: two about the threshold, and pairs."""
    settings = predictor.finding.settings()
    finder = PictureFinder(predictor.finding)
    chosen: list[np.ndarray] = []
    if settings.looks_at_pixels:
        detector = make_detector(settings.detector, settings.detector_request)
        chosen += scenes.pairs(detector, settings.choice, list(scenery[:8]))
    chosen += _about_threshold(bundle, predictor, finder, scenery)
    expected, members = [], {}
    for number, picture in enumerate(chosen):
        images = scenes.with_modalities(picture, predictor.modalities)
        names = {name: f"test{number}-{name}.png" for name in images}
        answer = answer_of(bundle, predictor, finder, images, names)
        if answer is not None:
            expected.append(answer)
            members.update({names[name]: encode(image, "png") for name, image in images.items()})
    if not expected:
        raise UserError("no picture made in code shows the detector a face: there is nothing to test the bundle with")
    return expected, members


def _about_threshold(
    bundle: Bundle, predictor: Predictor, finder: PictureFinder, scenery: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return the pictures whose scores are next to the threshold, one on each side where there is one."""
    limit = predictor.threshold.value if predictor.threshold else None
    scored: list[tuple[float, np.ndarray]] = []
    for picture in _more(scenery):
        answer = answer_of(bundle, predictor, finder, scenes.with_modalities(picture, predictor.modalities), {})
        if answer is not None:
            scored.append((answer.score, picture))
        above = [pair for pair in scored if limit is not None and pair[0] >= limit + 1e-3]
        below = [pair for pair in scored if limit is not None and pair[0] < limit - 1e-3]
        if len(scored) >= len(scenery) and (limit is None or (above and below)):
            break
    if limit is None or not (above and below):
        ends = sorted(scored, key=lambda pair: pair[0])
        return [ends[0][1], ends[-1][1]] if len(ends) > 1 else [picture for _, picture in ends]
    return [min(above, key=lambda pair: pair[0])[1], max(below, key=lambda pair: pair[0])[1]]


def _more(scenery: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    yield from scenery
    for picture in scenery:
        yield from scenes.worse(picture)


def write_bundle(facts: BundleFacts, members: Mapping[str, bytes], out: Path) -> None:
    """Write a bundle, whole or not at all."""
    with replacing(out) as temporary:
        temporary.write_bytes(packed({NAME: _text(facts), **members}))


def _in_memory(facts: BundleFacts, members: Mapping[str, bytes], out: Path) -> Bundle:
    facts, files = _with_files(facts, members)
    return Bundle.of({NAME: _text(facts), **files}, str(out))


def _with_files(facts: BundleFacts, members: Mapping[str, bytes]) -> tuple[BundleFacts, dict[str, bytes]]:
    files = {name: FileFacts(sha256=hashlib.sha256(data).hexdigest(), size=len(data)) for name, data in members.items()}
    return facts.model_copy(update={"files": files}), dict(members)


def _text(facts: BundleFacts) -> bytes:
    return (json.dumps(facts.model_dump(mode="json"), indent=1, allow_nan=False) + "\n").encode()
