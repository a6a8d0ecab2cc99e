"""What computes the three networks of MTCNN: torch, or onnxruntime where torch is not wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fasdata.errors import UserError, raise_if_memory_is_short
from fasdata.faces.cascade_windows import without_overlapping
from fasdata.faces.model_file import FACENET_WEIGHTS
from fasdata.foreign.graphs import outputs_of, session_of
from fasdata.foreign.states import read_state_dict

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("pnet", "rnet", "onet")
# Pixels that a network is shown in one go: as many as fit the cache, or the memory of a GPU.
AT_ONCE = {"cpu": 8 * 48 * 48, "cuda": 4 << 20}


class Networks(Protocol):
    """The three networks; `at_once` is how many pixels they are shown in one go."""

    at_once: int

    def run(self, name: str, pixels: np.ndarray) -> list[np.ndarray]:
        """Return the outputs of `pnet`, `rnet` or `onet` for pictures (K, h, w, 3), float32 in [-1, 1]."""
        ...

    def suppress(self, boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
        """Return the places of the boxes that overlap no better one by more than this IoU, best first."""
        ...


class TorchNetworks:
    """The networks of the installed package facenet-pytorch, on a device of torch.

    Its weights alone are taken: the package would import torchvision, which takes nearly as long as torch itself.
    """

    def __init__(self, device: str) -> None:
        """Load them."""
        import torch

        self._device = torch.device(device)
        self.at_once = AT_ONCE[self._device.type]
        if self._device.type == "cuda":  # otherwise a detection would depend on the rest of the batch
            torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = False, True
        self._nets = {name: self._weights(name) for name in NAMES}
        self._suppress = _torchvision_nms()

    def run(self, name: str, pixels: np.ndarray) -> list[np.ndarray]:
        """Return the outputs of a network."""
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2)
            return [output.cpu().numpy() for output in self._outputs(name, batch)]

    def _weights(self, name: str) -> dict[str, Tensor]:
        import torch

        folder = FACENET_WEIGHTS.folder()
        assert folder is not None  # whoever took the fingerprint of the weights knows
        tensors = read_state_dict(folder / f"{name}.pt").tensors
        # Channels last: on a CPU pooling is several times as fast in this layout. The others as a layer would hold
        # them: the file has dense weights turned over, with which sums are rounded otherwise.
        layouts = {4: torch.channels_last}
        return {
            key: tensor.to(self._device).contiguous(memory_format=layouts.get(tensor.dim(), torch.contiguous_format))
            for key, tensor in tensors.items()
        }

    def _outputs(self, name: str, x: Tensor) -> Iterator[Tensor]:
        from torch.nn import functional

        weights = self._nets[name]

        def weighted(layer: str, x: Tensor) -> Tensor:
            apply = functional.conv2d if layer.startswith("conv") else functional.linear
            return apply(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"])

        for layer in _LAYERS[name]:
            if isinstance(layer, tuple):
                window, stride = layer
                x = functional.max_pool2d(x, window, stride, ceil_mode=True)
                continue
            if layer.startswith("dense") and x.dim() == 4:
                x = x.permute(0, 3, 2, 1).contiguous().flatten(1)
            x = functional.prelu(weighted(layer, x), weights[f"prelu{layer[-1]}.weight"])
        for head, is_class in _HEADS[name]:
            y = weighted(head, x)
            yield y.softmax(1) if is_class else y

    def suppress(self, boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
        """Return the places of the boxes to keep, by torchvision, which is quicker with many."""
        import torch

        return np.asarray(self._suppress(torch.from_numpy(boxes), torch.from_numpy(scores), overlap).numpy())


def _torchvision_nms() -> Any:
    """Return torchvision's function of that name, out of its library, without importing the package."""
    import torch

    spec = find_spec("torchvision")
    library = Path(spec.origin).parent / "_C.so" if spec and spec.origin else None
    if library is not None and library.is_file():
        torch.ops.load_library(str(library))
    else:  # on another system, or of another version
        import torchvision.ops  # noqa: F401
    return torch.ops.torchvision.nms


class OnnxNetworks:
    """The same networks as ONNX, by name, run by onnxruntime."""

    def __init__(self, files: Mapping[str, bytes], threads: int = 1) -> None:
        """Load them from their bytes, of which somebody made sure that they point at no other file.

        Raises:
            UserError: one is missing, or is no network.
        """
        self.at_once = AT_ONCE["cpu"]
        lacking = [name for name in NAMES if f"{name}.onnx" not in files]
        if lacking:
            raise UserError(f"MTCNN's network {lacking[0]}.onnx is missing", found=", ".join(files))
        with _answering():
            self._sessions = {name: session_of(files[f"{name}.onnx"], threads=threads) for name in NAMES}

    def run(self, name: str, pixels: np.ndarray) -> list[np.ndarray]:
        """Return the outputs of a network."""
        batch = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        with _answering():
            return outputs_of(self._sessions[name], {"pixels": batch})

    def suppress(self, boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
        """Return the places of the boxes to keep."""
        return without_overlapping(boxes, scores, overlap)


@contextmanager
def _answering() -> Iterator[None]:
    """Run a network that came from outside: whatever its runtime raises means the same.

    Raises:
        UserError: it is not MTCNN's.
        MemoryError: the system gives no more memory.
    """
    try:
        yield
    except Exception as error:
        raise_if_memory_is_short(error)
        raise UserError("MTCNN's networks cannot be run", found=" ".join(str(error).split())[:160]) from None


def as_onnx() -> dict[str, bytes]:
    """Return the networks of the installed package as ONNX, by file name.

    They are written node by node: their weights alone come from the package.
    """
    return {f"{name}.onnx": _written(name) for name in NAMES}


# The layers in order: convolution and dense by name, p = the PReLU after it, pools by (window, stride).
_LAYERS: dict[str, tuple[Any, ...]] = {
    "pnet": ("conv1", (2, 2), "conv2", "conv3"),
    "rnet": ("conv1", (3, 2), "conv2", (3, 2), "conv3", "dense4"),
    "onet": ("conv1", (3, 2), "conv2", (3, 2), "conv3", (2, 2), "conv4", "dense5"),
}
_HEADS = {  # class scores, then the others: in the order of the outputs
    "pnet": (("conv4_2", False), ("conv4_1", True)),
    "rnet": (("dense5_2", False), ("dense5_1", True)),
    "onet": (("dense6_2", False), ("dense6_3", False), ("dense6_1", True)),
}
OPSET = 17


def _written(name: str) -> bytes:
    from facenet_pytorch.models import mtcnn
    from onnx import TensorProto, checker, helper, numpy_helper

    net = {"pnet": mtcnn.PNet, "rnet": mtcnn.RNet, "onet": mtcnn.ONet}[name]()
    weights = {key: value.numpy() for key, value in net.state_dict().items()}
    nodes, tensors = [], {}

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def weighted(layer: str, x: str, output: str) -> str:
        tensors.update({f"{layer}.weight": weights[f"{layer}.weight"], f"{layer}.bias": weights[f"{layer}.bias"]})
        names = [x, f"{layer}.weight", f"{layer}.bias"]
        return add("Conv", names, output) if layer.startswith("conv") else add("Gemm", names, output, transB=1)

    x = "pixels"
    flat = False
    for place, layer in enumerate(_LAYERS[name]):
        if isinstance(layer, tuple):
            window, stride = layer
            x = add("MaxPool", [x], f"pool{place}", kernel_shape=[window] * 2, strides=[stride] * 2, ceil_mode=1)
            continue
        dense = layer.startswith("dense")
        if dense and not flat:
            x = add("Flatten", [add("Transpose", [x], "turned", perm=[0, 3, 2, 1])], "flat", axis=1)
            flat = True
        slope = weights[f"prelu{layer[-1]}.weight"]
        tensors[f"prelu{layer[-1]}"] = slope if dense else slope[:, None, None]
        x = add("PRelu", [weighted(layer, x, layer), f"prelu{layer[-1]}"], f"{layer}_active")
    outputs = []
    for head, is_class in _HEADS[name]:
        y = weighted(head, x, head)
        outputs.append(add("Softmax", [y], f"{head}_probability", axis=1) if is_class else y)
    sides: list[Any] = ["height", "width"] if name == "pnet" else [{"rnet": 24, "onet": 48}[name]] * 2
    open_axes = [None] * (4 if name == "pnet" else 2)
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, *sides])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, open_axes) for output in outputs],
        [numpy_helper.from_array(np.ascontiguousarray(value), key) for key, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())
