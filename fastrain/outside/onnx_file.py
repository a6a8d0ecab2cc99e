"""Open an ONNX file from outside: what it wants and gives, and a session that runs it. It reads no other file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fasdata.errors import UserError, is_out_of_memory, raise_if_memory_is_short
from fasdata.foreign import read_bytes
from fasdata.foreign.graphs import PROCESSOR, most_in_words, outputs_of, session_of

LARGEST = 1 << 30  # bytes
AT_ONCE = 32
ENDLESS = ("Loop", "Scan", "SequenceMap")
_KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
          "tensor(uint8)": np.uint8}  # fmt: skip


@dataclass(frozen=True)
class Port:
    """An input or output of a network: its shape, with None where it is open."""

    name: str
    kind: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.kind.removeprefix('tensor(').rstrip(')')} [{', '.join(map(_axis, self.shape))}]"


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX network that is whole in its bytes: `inputs` and `outputs` as onnxruntime understands them."""

    where: str
    data: bytes
    session: Any
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    provider: str

    @classmethod
    def read(cls, path: Path, accelerator: str = "auto") -> OnnxFile:
        """Read and load a network.

        Raises:
            UserError: no such file, not ONNX, tensors that lie in other files, an operator that onnxruntime lacks, no
                picture among its inputs.
        """
        if not path.is_file():
            raise UserError(f"no ONNX file at {path}")
        return cls.loaded(read_bytes(path, largest=LARGEST), str(path), accelerator)

    @classmethod
    def loaded(cls, data: bytes, where: str, accelerator: str = "auto") -> OnnxFile:
        """Load the bytes of a network; `where` names them."""
        require_whole(data, where)
        import onnxruntime

        providers = [PROCESSOR]
        if accelerator != "cpu" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            providers.insert(0, "CUDAExecutionProvider")
        try:
            session = session_of(data, providers=providers)
        except Exception as error:  # a foreign file: whatever its runtime raises means the same to the user
            _raise_if_too_large(error, where)
            raise UserError(
                f"{where} cannot be loaded by onnxruntime {onnxruntime.__version__}", found=_brief(error)
            ) from None
        inputs, outputs = (
            tuple(Port(port.name, port.type, tuple(_known(axis) for axis in port.shape)) for port in ports)
            for ports in (session.get_inputs(), session.get_outputs())
        )
        return cls(where, data, session, inputs, outputs, session.get_providers()[0])

    def picture(self, name: str = "") -> Port:
        """Return the input that takes the picture.

        Raises:
            UserError: there is none of this name, or no single one; names them.
        """
        asked = [port for port in self.inputs if port.name == name] if name else list(self.inputs)
        if len(asked) != 1 or len(asked[0].shape) != 4 or asked[0].kind not in _KINDS:
            raise UserError(
                f"{self.where} cannot be fed with one picture" + (f" as {name!r}" if name else ""),
                expected="one input of four axes, float or uint8",
                found="; ".join(map(str, self.inputs)) or "no input",
            )
        return asked[0]

    def run(self, port: Port, values: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs by name for pictures as the network is fed, (N,…); a fixed batch is filled up and cut.

        Raises:
            UserError: the network refuses them, or gives no row a picture.
        """
        fed = values if port.kind == "tensor(float)" else _as_kind(values, port.kind)
        batch = port.shape[0]
        size = batch or len(fed) or 1
        pieces: list[Sequence[np.ndarray]] = []
        for start in range(0, len(fed), size):
            piece = fed[start : start + size]
            n = len(piece)
            if batch and n < batch:
                piece = np.concatenate([piece, np.repeat(piece[-1:], batch - n, axis=0)])
            pieces += [[output[:n] for output in given] for given in self.outputs_for({port.name: piece}, batch)]
        names = [port.name for port in self.outputs]
        return {name: np.concatenate([piece[place] for piece in pieces]) for place, name in enumerate(names)}

    def outputs_for(self, fed: Mapping[str, np.ndarray], batch: int | None = None) -> list[list[np.ndarray]]:
        """Return the outputs for some pictures, in as many pieces as memory asks for; `batch` is a fixed number.

        Raises:
            UserError: the network refuses them, gives no row a picture, or needs too much memory for a single one.
        """
        n = len(next(iter(fed.values())))
        try:
            return [[self._rows(output, n) for output in outputs_of(self.session, fed, self.provider)]]
        except UserError:
            raise
        except Exception as error:  # as above
            if is_out_of_memory(error) and n > 1 and not batch:
                halves = (slice(0, n // 2), slice(n // 2, n))
                return [given for half in halves for given in self.outputs_for({k: v[half] for k, v in fed.items()})]
            _raise_if_too_large(error, self.where)
            shapes = ", ".join(f"{name} {list(values.shape)}" for name, values in fed.items())
            raise UserError(f"{self.where} does not run on pictures: {shapes}", found=_brief(error)) from None

    def _rows(self, output: np.ndarray, n: int) -> np.ndarray:
        if output.ndim == 0 or output.shape[0] != n:
            raise UserError(f"{self.where} gives no row a picture", expected=f"{n} rows", found=str(list(output.shape)))
        return output


def sides(port: Port, layout: str) -> tuple[int | None, int | None, int | None]:
    """Return channels, height and width of a picture's input."""
    _, a, b, c = port.shape
    return (c, a, b) if layout == "nhwc" else (a, b, c)


def require_whole(data: bytes, where: str) -> None:
    """Stop where the bytes are no ONNX model, point at tensors in other files, or hold a loop."""
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, ValueError, RecursionError):
        model = onnx.ModelProto()
    if not model.graph.node:
        raise UserError(f"{where} is no ONNX network", expected="an .onnx file", found=_looks_like(data))
    endless = next((node for part in _parts(model) for node in part.node if node.op_type in ENDLESS), None)
    if endless is not None:
        raise UserError(
            f"{where} has a loop, whose end nobody can foresee", found=f"the operator {endless.op_type}",
            expected="a network that scores pictures, which needs none", do="export it without control flow",
        )  # fmt: skip
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            asked = {entry.key: entry.value for entry in tensor.external_data}
            raise UserError(
                f"{where} keeps tensors in other files, which are not opened",
                found=f"{tensor.name or 'a tensor'} in {asked.get('location', 'another file')}",
                do="save the network with its weights inside: onnx.save(model, path, save_as_external_data=False)",
            )


def _parts(model: Any) -> Iterator[Any]:
    """Yield the graph of a model, its functions, and all graphs inside them."""
    graphs = [model.graph, *model.functions]
    while graphs:
        current = graphs.pop()
        yield current
        for node in current.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    graphs.append(attribute.g)
                graphs.extend(attribute.graphs)


def _tensors(model: Any) -> Iterator[Any]:
    """Yield every tensor of a model."""
    for part in _parts(model):
        yield from getattr(part, "initializer", ())
        for sparse in getattr(part, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in part.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def _raise_if_too_large(error: Exception, where: str) -> None:
    """Stop where a network asked for more memory than it may have, and the machine for none.

    Raises:
        UserError: the network is to blame.
        MemoryError: the machine has none left.
    """
    raise_if_memory_is_short(error)
    if is_out_of_memory(error):
        raise UserError(f"{where} needs too much memory", expected=f"at most {most_in_words()}", found=_brief(error))


def _looks_like(data: bytes) -> str:
    start = data[:200].lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer: fetch the file itself with 'git lfs pull'"
    if start.startswith((b"<!doctype", b"<html")):
        return "a web page"
    if start.startswith(b"pk\x03\x04") or start.startswith(b"\x80"):
        return "a file of torch.save: export it to ONNX first"
    return "an empty file" if not data else "something else, or a damaged file"


def _as_kind(values: np.ndarray, kind: str) -> np.ndarray:
    wanted = _KINDS[kind]
    return np.rint(np.clip(values, 0, 255)).astype(wanted) if wanted is np.uint8 else values.astype(wanted)


def _known(axis: object) -> int | None:
    return axis if isinstance(axis, int) and axis > 0 else None


def _axis(axis: int | None) -> str:
    return "any" if axis is None else str(axis)


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[text.find(":", 20) + 1 :].strip()[:240] if text.startswith("[ONNXRuntimeError]") else text[:240]


def first_look(file: OnnxFile) -> Mapping[str, str]:
    """Return a proposal for `view`, `input` and `score` from the shapes alone; what it cannot know is a guess."""
    port = next((port for port in file.inputs if len(port.shape) == 4), None)
    if port is None:
        return {}
    layout = "nhwc" if port.shape[3] in (1, 3) and port.shape[1] not in (1, 3) else "nchw"
    channels, height, _ = sides(port, layout)
    form = [("gray" if channels == 1 else "rgb"), "0..1", *(["nhwc"] if layout == "nhwc" else [])]
    output = file.outputs[0] if file.outputs else None
    classes = output.shape[-1] if output and len(output.shape) == 2 else None
    score = "mean" if output and len(output.shape) > 2 else "softmax[1]" if (classes or 0) > 1 else "sigmoid"
    return {"view": f"box(size={height or 224})", "input": ", ".join(form), "score": score}
