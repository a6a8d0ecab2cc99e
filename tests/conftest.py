"""One torch and OpenCV thread a test process: the workers of pytest-xdist are the parallelism.

Charts are painted in every test, but laid out and rendered only where tests look at them (`pytestmark =
pytest.mark.charts`): a report has ten, and two thirds of the time that the run of a toy takes would go into them.
"""

import os
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, TextIO

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


@pytest.fixture(autouse=True, scope="module")
def charts(request: pytest.FixtureRequest) -> Iterator[None]:
    """Render charts in modules that look at them; in others write down their words."""
    if request.node.get_closest_marker("charts"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.backends.backend_svg.FigureCanvasSVG.print_svg", _words)
        yield


def _words(canvas: Any, file: TextIO, **_: object) -> None:
    figure = canvas.figure
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.texts)]
    for axes in figure.axes:
        legend = axes.get_legend()
        texts += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts, *(legend.texts if legend else ())]
    lines = "".join(f"<text>{escape(text.get_text())}</text>" for text in texts if text.get_text())
    file.write(f'<svg viewBox="0 0 331 230">{lines}</svg>')


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    from tests.wheels import build_wheel

    return build_wheel(tmp_path_factory.mktemp("wheel"))
