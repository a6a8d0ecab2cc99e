"""One torch and OpenCV thread a test process: the workers of pytest-xdist are the parallelism."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_configure() -> None:
    import cv2
    import torch

    from fasdata.extract import processes

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    # One server a test process forks the children of all extractions, whatever their detector.
    processes.PRELOADED += ["facenet_pytorch", "torch"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    from tests.wheels import build_wheel

    return build_wheel(tmp_path_factory.mktemp("wheel"))
