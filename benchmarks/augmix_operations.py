"""How fast the thirteen operations of AugMix are, against torchvision's, and whether both give the same bytes.

Run: python benchmarks/augmix_operations.py [--sides 112 224] [--rounds 9]

Every operation is applied to one image of three channels at every strength that can be drawn, by `ours`
(fastrain.data.mixcropmask) and by torchvision's two sets of functions on tensors: `v2` (transforms.v2.functional) and
`v1` (transforms.functional). The ways take turns; one thread, processor seconds, medians of rounds. "away" is the
largest difference of a byte between ours and theirs, over noise, ramps, dark, flat and low-contrast images of three
channels and of one. The last lines are MixCropMask on a sample of three modalities: with our operations, with those of
v2 that give the same bytes in the place of ours, and with all of v2.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as v1
from torchvision.transforms.v2 import functional as v2

from fastrain.augmentation import MixCropMask
from fastrain.data import mixcropmask
from fastrain.data.mixcropmask import OPERATIONS, REACH, GeneratorDice, Operation

Apply = Callable[[np.ndarray, float], np.ndarray]
SAMPLES = 40  # of MixCropMask in a round
SAME = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Posterize", "Solarize", "Equalize", "Brightness")


def main() -> None:
    """Print a row for every operation and side, and MixCropMask with both sets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[112, 224], help="of the image, pixels")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    theirs = {"v2": torchvision_operations(v2), "v1": torchvision_operations(v1)}
    for side in options.sides:
        print(f"\n{side} x {side}, three channels      ours       v2  v2/ours  away       v1  v1/ours  away")
        for operation in OPERATIONS:
            ways = {"ours": operation.apply, **{name: table[operation.name] for name, table in theirs.items()}}
            spent = microseconds(ways, strengths(operation, side), side, options.rounds)
            row = f"{operation.name:24} {spent['ours']:8.0f}"
            for name in theirs:
                distance = largest_difference(operation, ways[name], side)
                row += f" {spent[name]:8.0f} {spent[name] / spent['ours']:7.2f}x {distance:5d}"
            print(row)
        samples = whole_samples(theirs["v2"], side, options.rounds)
        print("MixCropMask, a sample: " + ", ".join(f"{name} {spent:.0f}" for name, spent in samples.items()))


def torchvision_operations(functional: ModuleType) -> dict[str, Apply]:
    """Return the thirteen operations by name, made of torchvision's functions on tensors."""
    bilinear = InterpolationMode.BILINEAR

    def affine(image: torch.Tensor, *, shift: tuple[int, int] = (0, 0), shear: tuple[float, float] = (0, 0)) -> Any:
        degrees = [math.degrees(math.atan(amount)) for amount in shear]
        return functional.affine(
            image, angle=0.0, translate=list(shift), scale=1.0, shear=degrees, interpolation=bilinear, center=[0, 0]
        )

    def coloured(change: Callable[[Any, float], Any]) -> Callable[[Any, float], Any]:
        # One channel counts as three equal ones.
        return lambda image, a: change(image.expand(3, -1, -1), 1 + a)[: len(image)]

    on_tensors: dict[str, Callable[[Any, float], Any]] = {
        "ShearX": lambda image, a: affine(image, shear=(a, 0)),
        "ShearY": lambda image, a: affine(image, shear=(0, a)),
        "TranslateX": lambda image, a: affine(image, shift=(int(a), 0)),
        "TranslateY": lambda image, a: affine(image, shift=(0, int(a))),
        "Rotate": lambda image, a: functional.rotate(image, a, interpolation=bilinear),
        "Posterize": lambda image, a: functional.posterize(image, int(a)),
        "Solarize": functional.solarize,
        "AutoContrast": lambda image, _: functional.autocontrast(image),
        "Equalize": lambda image, _: functional.equalize(image),
        "Brightness": lambda image, a: functional.adjust_brightness(image, 1 + a),
        "Color": coloured(functional.adjust_saturation),
        "Contrast": coloured(functional.adjust_contrast),
        "Sharpness": lambda image, a: functional.adjust_sharpness(image, 1 + a),
    }
    return {name: _on_arrays(change) for name, change in on_tensors.items()}


def _on_arrays(change: Callable[[Any, float], Any]) -> Apply:
    return lambda image, amount: change(torch.from_numpy(image), amount).numpy()


def strengths(operation: Operation, side: int) -> list[float]:
    """Return every strength that AugMix can draw for an operation."""
    if operation.magnitude is None:
        return [0.0]
    magnitudes = [operation.magnitude(k, side) for k in range(REACH)]
    return sorted({sign * amount for amount in magnitudes for sign in ((1, -1) if operation.signed else (1,))})


def microseconds(ways: dict[str, Apply], amounts: list[float], side: int, rounds: int) -> dict[str, float]:
    """Return the median microseconds of one application, over all strengths, on a noisy ramp."""
    image = images(side)[1]
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, apply in ways.items():
            started = time.process_time()
            for _ in range(4):
                for amount in amounts:
                    apply(image, amount)
            times[name].append((time.process_time() - started) / (4 * len(amounts)))
    return {name: 1e6 * median(taken) for name, taken in times.items()}


def largest_difference(operation: Operation, other: Apply, side: int) -> int:
    """Return the largest difference of a byte between an operation of ours and `other`."""
    largest = 0
    for image in [*images(side), *(picture[:1].copy() for picture in images(side))]:
        for amount in strengths(operation, side):
            away = operation.apply(image, amount).astype(int) - other(image, amount)
            largest = max(largest, int(np.abs(away).max()))
    return largest


def images(side: int) -> list[np.ndarray]:
    """Return pictures (3,side,side) uint8: noise, a noisy ramp, half dark, flat, black, low contrast."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3, side, side), np.uint8)
    ramp = (np.indices((3, side, side)).sum(axis=0) + rng.integers(0, 40, noise.shape)).clip(0, 255).astype(np.uint8)
    dark = noise.copy()
    dark[:, : side // 2] = 0
    low = rng.normal(128, 20, noise.shape).clip(0, 255).astype(np.uint8)
    return [noise, ramp, dark, np.full_like(noise, 77), np.zeros_like(noise), low]


def whole_samples(theirs: dict[str, Apply], side: int, rounds: int) -> dict[str, float]:
    """Return the median microseconds of MixCropMask on a sample of three modalities, with ours and with `theirs`.

    Between the two: ours but for those of which `theirs` give the same bytes.
    """
    ramp = images(side)[1]
    sample = {"rgb": np.ascontiguousarray(ramp.transpose(1, 2, 0)), "depth": ramp[0].copy(), "ir": ramp[1].copy()}
    replaced = tuple(Operation(o.name, theirs[o.name], o.magnitude, o.signed) for o in OPERATIONS)
    same = tuple(b if a.name in SAME else a for a, b in zip(OPERATIONS, replaced, strict=True))
    tables = {"ours": OPERATIONS, "same bytes": same, "all of v2": replaced}
    times: dict[str, list[float]] = {name: [] for name in tables}
    try:
        for _ in range(rounds):
            for name, table in tables.items():
                mixcropmask.OPERATIONS = table
                started = time.process_time()
                for seed in range(SAMPLES):
                    dice = GeneratorDice(np.random.default_rng(seed))
                    mixcropmask.mix_crop_mask(sample, MixCropMask(), dice, shared_crop=False)
                times[name].append((time.process_time() - started) / SAMPLES)
    finally:
        mixcropmask.OPERATIONS = OPERATIONS
    return {name: 1e6 * median(taken) for name, taken in times.items()}


if __name__ == "__main__":
    main()
