"""The feeding of `on_gpu.py`: whether the device waits for images, how fast it scores, and ONNX Runtime beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from benchmarks.loader_world import World, images_of, make_world
from benchmarks.on_gpu_steps import Case, seconds
from fasdata.faces.cascade_networks import TorchNetworks, as_onnx
from fastrain.augmentation import AugmentConfig
from fastrain.bundle.graphs import graph_of_method
from fastrain.conformance.memory_context import MemoryContext
from fastrain.conformance.toys import images
from fastrain.data.loader import TrainLoader
from fastrain.methods.base import Batch, Method
from fastrain.methods.registry import method_class, settings_class
from fastrain.networks.innermost import keep_channels_innermost
from fastrain.train.context import on_device
from fastrain.train.devices import open_devices
from fastrain.train.scoring import Scorer

PROVIDER = "CUDAExecutionProvider"


def _changes(case: Case, flip: float = 0.5) -> AugmentConfig:
    return AugmentConfig.model_validate({"horizontal_flip": flip, "resize": 32 if case.toy else None})


def _network(case: Case, side: int) -> Method:
    """Return ERM with a ResNet-18, at toy size with its smallest trunk, which sees views of 32 pixels."""
    settings = settings_class("erm")
    model = settings.trial().tiny if case.toy else {"trunk": "resnet18.tv_in1k", "pretrained": False}
    torch.manual_seed(0)
    method = method_class("erm")(settings(**model), n_domains=3, image_size=side)
    method.to(case.device)
    keep_channels_innermost(method)
    return method


def feeding(case: Case, world: World, workers: int, per_group: int, span: float) -> list[dict[str, Any]]:
    """Return, for a pack and for stores: images a second of the loader, of the step, of both, and the share waited.

    The step is ERM's with a ResNet-18, channels last, on a card in bf16: no method here asks for more images a second.
    """
    rows = []
    fabric = open_devices(case.device, "1", "32-true" if case.device == "cpu" else "bf16-mixed")
    for name in ("pack", "store"):
        source = images_of(world, name == "pack")
        method = _network(case, source.size)
        loader = TrainLoader(
            source, _changes(case), n_domains=3, per_group=per_group, seed=0, workers=workers, last_batch="fill"
        )
        ready = on_device(fabric, loader.draw(range(3)), torch.float32)
        fixed = MemoryContext(method, lambda domains, ready=ready: ready)  # type: ignore[misc]
        fed = MemoryContext(method, lambda domains, loader=loader: _drawn(fabric, loader, domains))  # type: ignore[misc]
        count = len(ready["id"])
        rates = {
            "step": _rate(lambda fixed=fixed: _stepped(fabric, fixed), count, case.device, span),  # type: ignore[misc]
            "loader": _rate(lambda loader=loader: loader.draw(range(3)), count, case.device, span),  # type: ignore[misc]
            "both": _rate(lambda fed=fed: _stepped(fabric, fed), count, case.device, span),  # type: ignore[misc]
        }
        loader.close()
        rows.append({
            "images": name, "side": source.size, "batch": count, "workers": workers,
            **{f"{part}_images_a_second": rate for part, rate in rates.items()},
            "share_waited": max(0.0, 1 - rates["both"] / rates["step"]),
        })  # fmt: skip
    return rows


def _drawn(fabric: Fabric, loader: TrainLoader, domains: Sequence[int]) -> Batch:
    return on_device(fabric, loader.draw(domains), torch.float32)


def _stepped(fabric: Fabric, context: MemoryContext) -> None:
    context.method.zero_grad()
    with fabric.autocast():
        context.run_step()


def evaluation(case: Case, world: World, workers: int, batch: int) -> dict[str, Any]:
    """Return images a second of `Scorer.scores` over the training part from a pack, and of the network alone."""
    fabric = open_devices(case.device, "1", "32-true")
    source = images_of(world, packed=True)
    method = _network(case, source.size).eval()
    scorer = Scorer(fabric, method, _changes(case, 0), batch, workers)
    scorer.scores(source)
    many = source.only(np.resize(np.arange(len(source.samples)), max(len(source.samples), 8 * batch)))
    whole = seconds(lambda: scorer.scores(many), case.device)
    ready = next(scorer.batches(source, np.arange(min(batch, len(source.samples)))))
    with torch.no_grad():
        method.predict(ready)
        alone = min(seconds(lambda: method.predict(ready), case.device) for _ in range(5))
    return {
        "batch": batch, "workers": workers, "images_a_second": len(many.samples) / whole,
        "network_images_a_second": len(ready["id"]) / alone,
    }  # fmt: skip


def onnx_parity(case: Case, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return how far ONNX Runtime is from torch on the processor, by provider, and milliseconds of each.

    The networks are the three of MTCNN, and those of the methods `names`.
    """
    import onnxruntime

    there = case.device != "cpu" and PROVIDER in onnxruntime.get_available_providers()
    rows: list[dict[str, Any]] = []
    for name, graph, fed, expected in (*_of_mtcnn(), *map(_of_method, names)):
        for provider in ("CPUExecutionProvider", *([PROVIDER] if there else [])):
            session = onnxruntime.InferenceSession(graph, providers=[provider])
            own = {port.name: fed[port.name] for port in session.get_inputs()}
            outputs = session.run(None, own)
            took = min(seconds(lambda s=session, f=own: s.run(None, f), "cpu") for _ in range(5))  # type: ignore[misc]
            gaps = [float(np.abs(a - b).max()) for a, b in zip(outputs, expected, strict=True)]
            rows.append({
                "network": name, "provider": session.get_providers()[0], "images": len(expected[0]),
                "largest_difference": max(gaps), "milliseconds": 1e3 * took,
            })  # fmt: skip
    if case.device != "cpu" and not there:
        rows.append({"provider": PROVIDER, "failed": "this onnxruntime has none: install the extra 'gpu'"})
    return rows


Compared = tuple[str, bytes, dict[str, np.ndarray], list[np.ndarray]]  # name, graph, what it is fed, torch's outputs


def _of_mtcnn() -> list[Compared]:
    theirs, graphs, random = TorchNetworks("cpu"), as_onnx(), np.random.default_rng(0)
    networks = []
    for name, side in (("pnet", 48), ("rnet", 24), ("onet", 48)):
        pixels = random.uniform(-1, 1, (16, side, side, 3)).astype(np.float32)
        fed = {"pixels": np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))}
        networks.append((f"MTCNN {name}", graphs[f"{name}.onnx"], fed, theirs.run(name, pixels)))
    return networks


def _of_method(name: str) -> Compared:
    case = Case(name, False, "cpu")
    method = case.method().eval()
    batch = images(range(3), per_group=1, size=case.side, views=1)
    batch["modalities"] = {modality: batch["modalities"][modality] for modality in method.modalities}
    with torch.no_grad():
        expected = method.predict(batch).numpy()
    available = np.ones((len(expected), len(method.modalities)), bool)
    pictures = {modality: image.numpy() for modality, image in batch["modalities"].items()}
    return name, graph_of_method(method, case.side), {**pictures, "available": available}, [expected]


def _rate(work: Callable[[], object], count: int, device: str, span: float) -> float:
    """Return images a second of work that does `count` at a time."""
    for _ in range(2):
        work()
    done = 0

    def many() -> None:
        nonlocal done
        started = time.perf_counter()
        while time.perf_counter() - started < span:
            work()
            done += count

    took = seconds(many, device)
    return done / took


def world_in(folder: Path, side: int, clips: int) -> World:
    """Return stores of crops of `side` pixels and the raw pack of their protocol."""
    return make_world(folder, side, clips, zipped=False)
