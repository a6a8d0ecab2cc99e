"""The networks of a bundle: a method's graph, or a declared network, run by onnxruntime on the views of faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.view import View
from fastrain.augmentation import AugmentConfig
from fastrain.bundle.form import GraphFacts
from fastrain.data.preparing import output_side, write_into
from fastrain.outside.declared import InputForm, ScoreForm
from fastrain.outside.networks import OutsideNetwork, OutsideScorer
from fastrain.outside.onnx_file import OnnxFile

AT_ONCE = 32
CHANNELS = {"rgb": 3, "depth": 1, "ir": 1}


@dataclass(frozen=True)
class MethodGraph:
    """A method of ours as a graph; it scores what it is given, a few faces at a time."""

    file: OnnxFile
    facts: GraphFacts
    view: View
    preparation: AugmentConfig

    def scores(self, images: Any, *, parts: bool = False) -> dict[str, np.ndarray]:
        """Return `score` (N,) float64 in the order of the samples.

        Raises:
            UserError: a score is not a number; names the sample.
        """
        n = len(images.samples)
        pieces = [self._some(images, range(start, min(start + AT_ONCE, n))) for start in range(0, n, AT_ONCE)]
        scores = np.concatenate(pieces) if pieces else np.zeros(0)
        if not np.isfinite(scores).all():
            raise UserError(
                f"the score of {images.samples.sample_id(int(np.argmin(np.isfinite(scores))))} is no number"
            )
        return {"score": scores}

    def _some(self, images: Any, members: Sequence[int]) -> np.ndarray:
        return self._run(self.fed(images, members))

    def fed(self, images: Any, members: Sequence[int]) -> dict[str, np.ndarray]:
        """Return what the graph is fed for some images: the pictures by modality, and which are `available`."""
        side = output_side(self.preparation, images.size, random=False)
        names = self.facts.modalities
        fed: dict[str, np.ndarray] = {
            name: np.zeros((len(members), CHANNELS[name], side, side), np.float32) for name in names
        }
        available = np.zeros((len(members), len(names)), bool)
        for place, i in enumerate(members):
            pictures = {name: image for name, image in images.load(i).items() if name in fed}
            if self.facts.order == "bgr" and "rgb" in pictures:
                pictures["rgb"] = np.ascontiguousarray(pictures["rgb"][..., ::-1])
            available[place] = [name in pictures for name in names]
            if pictures:
                out = {name: fed[name][place] for name in pictures}
                write_into(pictures, self.preparation, images.depth_unit(i), out=out)
        return {**fed, "available": available}

    def _run(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        wanted = {port.name: port.kind for port in self.file.inputs}
        fed = {
            name: values[name].astype(np.float16) if kind == "tensor(float16)" else values[name]
            for name, kind in wanted.items()
        }
        pieces = self.file.outputs_for(fed)
        return np.concatenate([np.asarray(outputs[0], np.float64).reshape(-1) for outputs in pieces])


def loaded_scorer(
    networks: Sequence[GraphFacts], members: Mapping[str, bytes], where: str, accelerator: str = "auto"
) -> MethodGraph | OutsideScorer:
    """Return what scores with the networks of a bundle, each file checked against what is said of it.

    Raises:
        UserError: a file is no such network, points at other files, or has other inputs.
    """
    if networks[0].kind == "method":
        if len(networks) > 1:
            raise UserError(f"{where}: a method is one network", found=str(len(networks)))
        return _method(networks[0], members, where, accelerator)
    outside = []
    for facts in networks:
        file = OnnxFile.loaded(members[facts.file], f"{where}:{facts.file}", accelerator)
        declared = (view_of(facts, where), InputForm.parse(facts.input), ScoreForm.parse(facts.score))
        outside.append(OutsideNetwork.of_onnx(file, *declared))
    return OutsideScorer(tuple(outside))


def view_of(facts: GraphFacts, where: str) -> View:
    """Return the view of a network.

    Raises:
        UserError: there is none of that name, or this version draws another geometry under it.
    """
    view = View.named(facts.view)
    if view.geometry_version != facts.view_geometry:
        raise UserError(
            f"{where} sees the view {facts.view} as version {facts.view_geometry} draws it",
            found=f"version {view.geometry_version} here",
            do="export the run again with this version, or predict with the version that wrote the bundle",
        )
    return view


def _method(facts: GraphFacts, members: Mapping[str, bytes], where: str, accelerator: str) -> MethodGraph:
    from pydantic import ValidationError

    file = OnnxFile.loaded(members[facts.file], f"{where}:{facts.file}", accelerator)
    expected = {*facts.modalities, "available"}
    if not {port.name for port in file.inputs} <= expected or len(file.outputs) != 1:
        raise UserError(
            f"{file.where} is not the graph of a method", expected=f"inputs {', '.join(sorted(expected))}, one output",
            found="; ".join(map(str, (*file.inputs, *file.outputs))),
        )  # fmt: skip
    try:
        preparation = AugmentConfig.model_validate(facts.preparation)
    except ValidationError as error:
        raise UserError(f"{where}: the preparation is not understood", found=str(error.errors()[0]["msg"])) from None
    return MethodGraph(file, facts, view_of(facts, where), preparation)
