"""Write networks down as graphs: methods of ours and MiniFASNet, with torch's exporter, and variants of a graph."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError, unknown_name
from fastrain.bundle.form import OPSET
from fastrain.bundle.graph import CHANNELS

if TYPE_CHECKING:
    from fastrain.methods.base import Method

PRECISIONS = ("fp32", "fp16", "int8")
EXAMPLES = 2  # pictures to write a graph down with: with one, their number would be taken for fixed


def graph_of_method(method: Method, side: int) -> bytes:
    """Return a method as ONNX: a picture a modality, float32 (n,C,side,side) in [0,1], and `available` to scores (n).

    All that comes after the view is inside, and the number of pictures is open.

    Raises:
        UserError: a score depends on more than its own images, or torch cannot write the network down.
    """
    import torch
    from torch import Tensor, nn

    inner = method.float().cpu().eval().for_deployment().eval()
    names = tuple(method.modalities)

    class Scores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, images: dict[str, Tensor], available: Tensor) -> Tensor:
            present = {name: available[:, place] for place, name in enumerate(names)}
            return self.inner.scores({"modalities": images, "available": present})["score"]  # type: ignore[operator]

    generator = torch.Generator().manual_seed(0)
    images = {name: torch.rand(EXAMPLES, CHANNELS[name], side, side, generator=generator) for name in names}
    available = torch.ones(EXAMPLES, len(names), dtype=torch.bool)
    n = torch.export.Dim("n", min=1)
    shapes = ({name: {0: n} for name in names}, {0: n})
    return _written(Scores().eval(), (images, available), shapes, [*names, "available"], "score")


def graph_of_minifasnet(data: bytes) -> bytes:
    """Return MiniFASNet as ONNX, from its weights as a contestant keeps them: pictures (n,3,80,80) to logits (n,3)."""
    import torch
    from safetensors.torch import load

    from fastrain.networks.minifasnet import SIDE, MiniFASNet

    network = MiniFASNet.of(load(data)).eval()
    pictures = torch.rand(EXAMPLES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 255
    return _written(network, (pictures,), ({0: torch.export.Dim("n", min=1)},), ["pictures"], "logits")


def _written(network: Any, inputs: tuple[Any, ...], shapes: Any, names: list[str], output: str) -> bytes:
    import torch

    try:
        with torch.no_grad(), _quiet():
            program = torch.onnx.export(
                network,
                inputs,
                dynamo=True,
                opset_version=OPSET,
                input_names=names,
                output_names=[output],
                dynamic_shapes=shapes,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise UserError(
            "torch cannot write this network down as ONNX",
            found=" ".join(str(error.__cause__ or error).split())[:300],
            do="a method of one's own has to do without what depends on values, such as .item() and loops over images",
        ) from error
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:  # where in whose files the network was written is nobody's business
        del node.metadata_props[:]
        node.doc_string = ""
    del model.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    return bytes(model.SerializeToString())


def in_precision(graph: bytes, precision: str, calibration: Sequence[Mapping[str, np.ndarray]]) -> bytes:
    """Return a graph in halves (`fp16`) or, with ranges from `calibration`, in whole numbers of 8 bits (`int8`).

    Raises:
        UserError: there is no such precision, or nothing to find ranges with.
    """
    if precision not in PRECISIONS:
        raise unknown_name("precision of a bundle", precision, PRECISIONS)
    if precision == "fp16":
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        with _quiet():
            halved = convert_float_to_float16(onnx.load_from_string(graph), keep_io_types=True)
        return bytes(halved.SerializeToString())
    return _in_whole_numbers(graph, calibration) if precision == "int8" else graph


def _in_whole_numbers(graph: bytes, calibration: Sequence[Mapping[str, np.ndarray]]) -> bytes:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not calibration:
        raise UserError("int8 needs pictures to find its ranges with", expected="the run's validation part")

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[Mapping[str, np.ndarray]] = iter(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self._left, None)
            return dict(batch) if batch is not None else None

    with tempfile.TemporaryDirectory() as folder, _quiet():  # its tools work on files alone
        plain, ready, done = (Path(folder) / name for name in ("plain.onnx", "ready.onnx", "done.onnx"))
        plain.write_bytes(graph)
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready), str(done), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
        )  # fmt: skip
        return done.read_bytes()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the words of the exporters off the terminal: what goes wrong is raised."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
