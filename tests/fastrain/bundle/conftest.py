from pathlib import Path

import av
import numpy as np
import pytest

from fasdata.library import Library
from fastrain.bundle import export
from fastrain.bundle.export import ExportRequest
from fastrain.bundle.scenes import pictures
from tests.fastrain.bundle.seen import trained, write_seen_library


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Pictures, stores and a manifest; not to be changed."""
    return write_seen_library(tmp_path_factory.mktemp("seen"))


@pytest.fixture(scope="session")
def erm(seen: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run; not to be changed."""
    return trained(seen, "erm", tmp_path_factory.mktemp("runs") / "erm")


@pytest.fixture(scope="session")
def erm_bundle(erm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle; not to be changed."""
    out = tmp_path_factory.mktemp("bundles") / "erm.fasb"
    export.export(ExportRequest(erm, out))
    return out


@pytest.fixture(scope="session")
def clip_with_a_face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of twelve equal frames; not to be changed."""
    path, picture = tmp_path_factory.mktemp("clips") / "clip.mp4", np.ascontiguousarray(next(iter(pictures(1))))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], "yuv420p"
        for _ in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path
