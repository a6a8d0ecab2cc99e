"""How long a training step takes and how much it keeps in memory, against the published code's way of doing it.

Run: python benchmarks/train_step.py [--method gac_fas] [--images 24] [--size 128] [--repetitions 5] [--threads 1]
With --operations it counts the multiplications and additions of convolutions and matrices in a step, in place of time:
where ours needs as many as the literal one, no way to write the step down makes it much quicker. With --floor it does
both: the time that the operations need at the rate at which this machine multiplies large matrices, and at the rate of
the plain step, whose networks, images and convolutions are the same (with --channels-last the quicker of two).
On CUDA also: --autocast (bf16), --channels-last, --compile, each for ours alone.

The literal step is a re-telling of the published one that gives its published numbers (tests/golden). Both do the same
step on the same batch from the same weights; repetitions alternate, and every ratio is one of medians. Memory counts
what has the shape of a parameter or a buffer and so leaves activations out: its peak during a step, temporaries of
single operations included, less the peak of a plain step (parameters, gradients, momentum, buffers).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from fastrain.networks.innermost import keep_channels_innermost

# Each module has `contest(options)`, or the function named behind the colon: `-> {name: (network, step)}` with the
# names `literal`, `ours`, `plain` (a step of one backward pass and nothing else), and `ours, …` with the switches of
# the command line, if any is set.
METHODS = {"hfn_mp": "benchmarks.contest_hfn_mp", "gac_fas": "benchmarks.contest_gac_fas"}
METHODS["me_fas"] = "benchmarks.contest_me_fas"  # always images of 224
METHODS["mmdg"] = "benchmarks.contest_mmdg"  # always images of 224; --images counts triples
METHODS |= {f"flip_{variant}": f"benchmarks.contest_flip:{variant}" for variant in ("v", "it", "mcl")}  # of 224 too
METHODS["mmdgfas"] = "benchmarks.contest_mmdgfas"  # --images 32 --size 48 are the crops that it trains on
METHODS["ssdg"] = "benchmarks.contest_ssdg"
METHODS["cdcn"] = "benchmarks.contest_cdcn"
METHODS["sa_fas"] = "benchmarks.contest_sa_fas"
Step = Callable[[], None]


class WeightBytes(TorchDispatchMode):
    """Follows the bytes in tensors of the shapes that `network` has among its parameters and buffers."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        own = [*network.parameters(), *network.buffers()]
        self.shapes = {tensor.shape for tensor in own if tensor.numel() > 1}
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0
        self._follow(own)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        made = function(*args, **(kwargs or {}))
        self._follow([leaf for leaf in tree_leaves((args, made)) if isinstance(leaf, Tensor)])
        return made

    def _follow(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if tensor.shape in self.shapes and storage.nbytes() <= 2 * tensor.numel() * tensor.element_size():
                known = self.alive.get(storage._cdata)
                if known is None or known[0].expired():  # an address is used again
                    self.alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self.alive = {key: kept for key, kept in self.alive.items() if not kept[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))


def peak_bytes(network: nn.Module, step: Step) -> int:
    """Return the peak of a step, after one that makes what lasts (momentum)."""
    step()
    with WeightBytes(network) as seen:
        step()
    return seen.peak


def seconds(step: Step, device: str) -> float:
    """Return how long a step takes: processor seconds, with CUDA those of the clock."""
    if device != "cuda":
        started = time.process_time()
        step()
        return time.process_time() - started
    torch.cuda.synchronize()
    started = time.perf_counter()
    step()
    torch.cuda.synchronize()
    return time.perf_counter() - started


def operations(step: Step) -> int:
    """Return the operations of convolutions and matrix products in a step, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def matrix_rate(device: str, side: int = 2048) -> float:
    """Return operations a second of float32 matrix products of some size, the quickest of five."""
    first, second = torch.rand(2, side, side, device=device)
    return 2.0 * side**3 / min(seconds(lambda: first @ second, device) for _ in range(5))


def count(method: str, options: argparse.Namespace) -> None:
    """Print the operations of one method's contestants."""
    counted = {name: operations(step) for name, (_, step) in _contestants(method, options).items()}
    print(f"\n{method}: {options.images} images of {options.size}, operations of a step")
    for name, number in counted.items():
        print(f"  {name:24} {number:.4e}  {number / counted['literal']:5.3f} x literal")


def _contestants(method: str, options: argparse.Namespace) -> dict[str, tuple[nn.Module, Step]]:
    module, _, function = METHODS[method].partition(":")
    contest: Callable[[argparse.Namespace], dict[str, tuple[nn.Module, Step]]]
    contest = getattr(import_module(module), function or "contest")
    contestants = contest(options)
    if options.floor and options.channels_last and "plain" in contestants:
        plain = contestants["plain, channels_last"] = contest(options)["plain"]
        keep_channels_innermost(plain[0])
    return contestants


def measure(method: str, options: argparse.Namespace) -> None:
    """Print the table of one method."""
    contestants = _contestants(method, options)
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for repetition in range(options.repetitions + 1):
        for name, (_, step) in contestants.items():
            taken = seconds(step, options.device)
            if repetition:  # the first one warms up
                times[name].append(taken)
    peaks = {name: peak_bytes(*contestant) for name, contestant in contestants.items() if not options.compile}
    literal = median(times["literal"])
    needs = {name: operations(step) for name, (_, step) in contestants.items()} if options.floor else {}
    rate = matrix_rate(options.device) if options.floor else 0.0
    plain = min(
        (median(of) / needs[name] for name, of in times.items() if options.floor and "plain" in name), default=0.0
    )
    print(f"\n{method}: {options.images} images of {options.size}, {options.device}, median of {options.repetitions}")
    for name, taken in times.items():
        line = f"  {name:24} {1000 * median(taken):9.1f} ms  {median(taken) / literal:5.2f} x literal"
        if "plain" in peaks and name in peaks and "plain" not in name:
            extra, of = peaks[name] - peaks["plain"], peaks["literal"] - peaks["plain"]
            line += f"   {extra / 2**20:8.1f} MiB beyond plain  {extra / of:5.2f} x literal"
        if options.floor:
            line += f"   at {rate / 1e9:.0f} GFLOP/s {needs[name] / rate / literal:5.2f} x literal"
            line += f"   at plain's rate {needs[name] * plain / literal:5.2f}" if plain else ""
        print(line)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--method", choices=[*METHODS, "all"], default="all")
    parser.add_argument("--images", type=int, default=24, help="in a batch, all views together")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--autocast", action="store_true", help="CUDA: ours in bf16")
    parser.add_argument("--channels-last", action="store_true", help="ours with channels innermost")
    parser.add_argument("--compile", action="store_true", help="CUDA: ours compiled")
    parser.add_argument("--operations", action="store_true", help="count them in place of time")
    parser.add_argument("--floor", action="store_true", help="also the time that the operations need")
    options = parser.parse_args()
    for wanted in ("autocast", "compile"):
        if getattr(options, wanted) and options.device != "cuda":
            print(f"--{wanted} is for CUDA and left out here")
            setattr(options, wanted, False)
    torch.set_num_threads(options.threads)
    for method in METHODS if options.method == "all" else [options.method]:
        (count if options.operations else measure)(method, options)


if __name__ == "__main__":
    main()
