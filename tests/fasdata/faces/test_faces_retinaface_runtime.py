"""RetinaFace's small networks as graphs: the same faces without torch, and graphs that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from fasdata.errors import UserError
from fasdata.faces import retinaface_mnet, retinaface_runtime
from fasdata.faces.detector import DetectorRequest
from fasdata.faces.retinaface_mnet import as_onnx, make
from fasdata.faces.retinaface_networks import SlimRetina
from tests.fabricate import noise


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that was never trained, which takes much of any noise for faces."""
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("weights") / "slim.pth"
    network = SlimRetina()
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def files(weights: Path) -> dict[str, bytes]:
    return as_onnx(weights)


def test_the_graph_finds_what_the_network_finds(weights, files, monkeypatch):
    for module in (retinaface_mnet, retinaface_runtime):  # which of equally good boxes is kept is chance here
        monkeypatch.setattr(module, "without_overlaps", lambda rows: rows[:4000])
    frames = [noise(1, 120, 160, 3), noise(2, 97, 61, 3), noise(3, 200, 333, 3)]
    assert list(files) == ["retinaface.onnx"] and str(weights.parent).encode() not in files["retinaface.onnx"]
    ours = make(DetectorRequest(min_face=12, min_score=0.3, files=files), Path())
    theirs = make(DetectorRequest(min_face=12, min_score=0.3), weights)
    count = 0
    for mine, other in zip(ours.detect(frames), theirs.detect(frames), strict=True):
        assert len(mine) == len(other)
        count += len(mine)
        for a, b in zip(mine, other, strict=True):
            assert np.allclose(a.box, b.box, atol=0.01) and np.allclose(a.landmarks, b.landmarks, atol=0.01)
            assert a.score == pytest.approx(b.score, abs=1e-4)
    assert count > 1000


def test_a_graph_without_anchors_or_of_something_else_is_refused(files):
    model = onnx.load_from_string(files["retinaface.onnx"])
    for words in ("", "[]", '{"steps": [0], "sides": [[1]]}'):
        del model.metadata_props[:]
        model.metadata_props.add(key="anchors", value=words)
        with pytest.raises(UserError, match="anchors"):
            make(DetectorRequest(files={"r.onnx": model.SerializeToString()}), Path())
    with pytest.raises(UserError, match="cannot be used"):
        make(DetectorRequest(files={"r.onnx": b"no graph"}), Path())
