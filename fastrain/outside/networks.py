"""The networks of a contestant, loaded from its folder, and the scorer that shows pictures to each and averages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError, naming
from fasdata.faces.view import View
from fastrain.outside.declared import InputForm, ScoreForm
from fastrain.outside.onnx_file import AT_ONCE, OnnxFile, Port, sides

if TYPE_CHECKING:
    from fastrain.data.images import Images
    from fastrain.rundir.facts import NetworkFacts

ONNX, MINIFASNET = "onnx", "minifasnet"
Run = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class OutsideNetwork:
    """A network with what was declared of it: the view it sees, how it is fed, and which number is its score."""

    view: View
    form: InputForm
    score: ScoreForm
    run: Run
    provider: str

    @classmethod
    def of_onnx(cls, file: OnnxFile, view: View, form: InputForm, score: ScoreForm) -> OutsideNetwork:
        """Check the declarations against an ONNX file, by running it once on grey pictures.

        Raises:
            UserError: another size, another number of channels, no such output or class, a score that is no number.
        """
        port = file.picture(form.name)
        _require_sides(port, form, view, file.where)
        network = cls(view, form, score, lambda values: file.run(port, values), file.provider)
        network.tried(file.where)
        return network

    def scores(self, pictures: np.ndarray) -> np.ndarray:
        """Return the scores (N,) float64 of rgb pictures (N,S,S,3) uint8."""
        with np.errstate(all="ignore"):  # what is no number is told by whoever asked for the scores
            return self.score.of(self.run(self.form.of(pictures)))

    def tried(self, where: str) -> None:
        """Score two pictures, together and each alone, so that what does not fit is told now.

        Raises:
            UserError: as above, or the score of a picture changes with those beside it.
        """
        side = self.view.size
        slope = np.linspace(150, 255, side).astype(np.uint8)
        pictures = np.stack(
            [np.full((side, side, 3), 127, np.uint8), np.broadcast_to(slope[:, None, None], (side, side, 3))]
        )
        with naming(where):
            scores = self.scores(pictures)
            alone = np.concatenate([self.scores(pictures[place : place + 1]) for place in range(2)])
        if scores.shape != (2,) or not np.isfinite(scores).all():
            raise UserError(f"{where}: the scores of grey pictures are not numbers", found=str(scores.tolist()))
        if not np.allclose(scores, alone, rtol=1e-3, atol=1e-4):
            raise UserError(
                f"{where}: the score of a picture changes with the pictures beside it",
                expected="a network in its mode for evaluation",
                found=f"{alone[0]:.4g} and {alone[1]:.4g} alone, {scores[0]:.4g} and {scores[1]:.4g} together",
                do="export it after model.eval()",
            )


def _require_sides(port: Port, form: InputForm, view: View, where: str) -> None:
    channels, height, width = sides(port, form.layout)
    for name, has, declared in (
        ("channels", channels, form.channels), ("rows", height, view.size), ("columns", width, view.size),
    ):  # fmt: skip
        if has not in (None, declared):
            raise UserError(
                f"{where}: the network takes pictures of {has} {name}",
                expected=f"what is declared: {declared} ({form}; view {view})",
                do="change --view 'NAME(size=…)' or --input, where nchw and nhwc tell the layout",
            )


def load_networks(folder: Path, networks: Sequence[NetworkFacts], accelerator: str = "auto") -> list[OutsideNetwork]:
    """Return the networks of a contestant's folder.

    Raises:
        UserError: a file is missing or not the one that was imported, or does not fit its declaration.
    """
    from fastrain.rundir.folder import NETWORKS  # a bundle answers without what a run's folder needs

    return [_loaded(folder / NETWORKS / facts.file, facts, accelerator) for facts in networks]


def _loaded(path: Path, facts: NetworkFacts, accelerator: str) -> OutsideNetwork:
    from hashlib import sha256

    from fasdata.foreign import read_bytes

    if not path.is_file():
        raise UserError(f"the contestant's network {path} is gone", do="import it again")
    data = read_bytes(path, largest=1 << 30)
    if sha256(data).hexdigest() != facts.sha256:
        raise UserError(f"{path} is not the network that was imported", expected=f"sha256 {facts.sha256[:12]}")
    with naming(str(path)):
        view, form, score = View.named(facts.view), InputForm.parse(facts.input), ScoreForm.parse(facts.score)
    if facts.kind == ONNX:
        return OutsideNetwork.of_onnx(OnnxFile.loaded(data, str(path), accelerator), view, form, score)
    return OutsideNetwork(view, form, score, _minifasnet(data, str(path)), "torch")


def _minifasnet(data: bytes, where: str) -> Run:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from fastrain.networks.minifasnet import MiniFASNet

    try:
        state = load(data)
    except SafetensorError as error:
        raise UserError(f"{where} holds no weights", found=str(error), do="import the network again") from None
    with naming(where):
        network = MiniFASNet.of(state)

    def run(values: np.ndarray) -> Mapping[str, np.ndarray]:
        with torch.no_grad():
            return {"logits": network(torch.from_numpy(values)).numpy()}

    return run


@dataclass(frozen=True)
class OutsideScorer:
    """Shows images to every network of a contestant, each in its own view, and averages their scores."""

    networks: tuple[OutsideNetwork, ...]

    def frames(self, images: Images, iteration: int) -> Images:
        """Return the images: all of them are scored."""
        return images

    def scores(
        self, images: Any, *, parts: bool = False, scored: Callable[[int], None] = lambda images: None
    ) -> dict[str, np.ndarray]:
        """Return `score` (N,) float64 in the order of the samples; with `parts` also that of each of several networks.

        `scored` is told how many images a network has scored since it was told last.

        Raises:
            UserError: a score is not a number; names the sample.
        """
        every = [self._of(network, images.with_view(network.view), scored) for network in self.networks]
        scores = {"score": np.mean(every, axis=0)}
        if parts and len(every) > 1:
            scores |= {f"score_network{number}": values for number, values in enumerate(every, 1)}
        return scores

    def _of(self, network: OutsideNetwork, images: Any, scored: Callable[[int], None]) -> np.ndarray:
        n = len(images.samples)
        scores = np.empty(n)
        for start in range(0, n, AT_ONCE):
            pictures = np.stack([images.load(i)["rgb"] for i in range(start, min(start + AT_ONCE, n))])
            scores[start : start + len(pictures)] = network.scores(pictures)
            scored(len(pictures))
        if not np.isfinite(scores).all():
            bad = images.samples.sample_id(int(np.argmin(np.isfinite(scores))))
            raise UserError(f"the score of {bad} is not a number", found=f"by the network at view {network.view}")
        return scores
