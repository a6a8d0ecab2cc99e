"""The networks of a run as the graphs of a bundle: its method's, or those of a contestant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from fasdata.errors import UserError
from fastrain.bundle.form import OPSET, ByDataset, GraphFacts
from fastrain.bundle.graphs import graph_of_method, graph_of_minifasnet, in_precision
from fastrain.bundle.predictor import Predictor
from fastrain.data.by_dataset import Preparation
from fastrain.rescore.outside_scores import has_networks
from fastrain.run.settings import own_config
from fastrain.rundir import RunDir, RunFacts

EVALUATED = ("resize", "interpolation", "mix_crop_mask", "base_views", "depth_divisor")  # of the augmentation


def networks_of_run(
    run: RunDir, about: RunFacts, predictor: Predictor, precision: str, validation: Any
) -> tuple[list[GraphFacts], dict[str, bytes]]:
    """Return what a bundle says of a run's networks, and their graphs by member.

    `validation` are images of the run's own, to find the ranges of int8 with.

    Raises:
        UserError: the precision is not for such networks, or torch cannot write one down.
    """
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
        by_dataset=_by_dataset(predictor.by_dataset),
    )
    graph = in_precision(graph, precision, list(_calibration(facts, graph, validation)))
    return [facts], {"network.onnx": graph}


def _by_dataset(preparation: Preparation) -> ByDataset | None:
    if not preparation.datasets:
        return None
    return ByDataset(
        grey=list(preparation.grey), cut_black=list(preparation.cut_black), edges_alone=preparation.edges_alone
    )


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
    from fastrain.outside.networks import MINIFASNET
    from fastrain.rundir.folder import NETWORKS

    if precision != "fp32":
        raise UserError("networks from outside are taken as they are", expected="no --precision", found=precision)
    assert about.contestant is not None
    facts, graphs = [], {}
    for number, network in enumerate(about.contestant.networks):
        data = read_bytes(run.path / NETWORKS / network.file)
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
