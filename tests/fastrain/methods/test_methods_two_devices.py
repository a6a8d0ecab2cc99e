"""Two devices give the gradients that one device gives for the same whole batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fastrain.train.devices import open_devices
from tests.fastrain.methods.two_devices import CASES, gradients

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Tensor]]]:
    """The gradients of every method, from two processes."""
    out = tmp_path_factory.mktemp("two") / "gradients.pt"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "tests/fastrain/methods/two_devices.py", "2", str(out)]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return torch.load(out, weights_only=True)


@pytest.mark.parametrize("name", CASES)
def test_two_devices_give_the_gradients_of_one(name: str, of_two: dict[str, list[dict[str, Tensor]]]) -> None:
    of_both, of_single = of_two[name], gradients(CASES[name], open_devices("cpu", "1", "64-true"))
    assert len(of_single) == len(of_both) == CASES[name].steps
    for alone, shared in zip(of_single, of_both, strict=True):
        assert alone.keys() == shared.keys()
        assert max(gradient.abs().max() for gradient in alone.values()) > 1e-6
        for key, gradient in alone.items():
            torch.testing.assert_close(shared[key], gradient, rtol=1e-9, atol=1e-9, msg=f"{name}, {key}")
