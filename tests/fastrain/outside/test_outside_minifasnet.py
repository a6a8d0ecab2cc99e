"""MiniFASNet from outside: as wide as its weights, equal to the published network's run, fed with its own crops."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from fasdata.errors import UserError
from fasdata.store.reader import Store
from fastrain.networks.minifasnet import MiniFASNet, Widths
from tests.commands import Called, ok

V2 = Widths(
    32, (103, 231, 308), ((13, 13, 13, 13), (231, 52, 26, 77, 26, 26), (26, 26)), (64, 128, 128), (0, 0, 0), 128, 5
)
V1SE = Widths(
    32, (103, 231, 308), ((13, 26, 13, 52), (154, 52, 26, 52, 26, 26), (26, 26)), (64, 128, 128), (16, 32, 32), 128, 5
)
ASSETS = os.environ.get("FAS_ASSETS", "")
needs_assets = pytest.mark.skipif(
    not ASSETS, reason="FAS_ASSETS names no folder of real networks and pictures; they are not shipped with the project"
)


@pytest.mark.parametrize(("widths", "variant"), [(V2, "MiniFASNetV2"), (V1SE, "MiniFASNetV1SE")])
def test_a_network_is_as_wide_as_its_weights(widths, variant):
    torch.manual_seed(0)
    made = MiniFASNet(widths).eval()
    assert Widths.of(made.state_dict()) == widths and made.variant == variant
    again = MiniFASNet.of(made.state_dict())
    pictures = torch.rand(2, 3, 80, 80) * 255
    with torch.no_grad():
        assert torch.equal(made(pictures), again(pictures)) and made(pictures).shape == (2, 3)


def test_other_weights_are_refused_by_the_first_that_does_not_fit(tmp_path):
    state = MiniFASNet(V2).state_dict()
    for change, words in (
        ({"conv1.conv.weight": None}, "weights called conv1.conv.weight"),
        ({"prob.weight": torch.zeros(4, 128)}, "prob.weight does not fit"),
        ({"more": torch.zeros(1)}, "more does not fit"),
    ):
        changed = {name: value for name, value in {**state, **change}.items() if value is not None}
        with pytest.raises(UserError, match=words):
            MiniFASNet.of(changed)
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    assert (
        "holds no MiniFASNet"
        in Called("fastrain", "import", "minifasnet", tmp_path / "other.pth", "--out", tmp_path / "run").line
    )


def test_the_crop_is_that_of_the_files_name_or_of_the_variant(tmp_path):
    for name, says in (("2.7_80x80_MiniFASNetV2.pth", "context"), ("4_0_0_80x80_x.pth", "context(factor=4)")):
        torch.save({f"module.{key}": value for key, value in MiniFASNet(V2).state_dict().items()}, tmp_path / name)
        done = Called("fastrain", "import", "minifasnet", tmp_path / name, "--out", tmp_path / f"run {says}")
        assert done.code == 0 and f"view {says}, fed bgr, 0..255, score softmax[1]" in done.out, done.error
    torch.save(MiniFASNet(V1SE).state_dict(), tmp_path / "mine.pth")
    done = Called("fastrain", "import", "minifasnet", tmp_path / "mine.pth", "--out", tmp_path / "run")
    assert "view context(factor=4)" in done.out


# What the published networks say of four pictures of noise (`torch.rand` of seed 0, times 255): softmax of class 1.
PUBLISHED = {
    "minivision_2.7_80x80_MiniFASNetV2.pth": (
        0.995140790939331, 0.9872358441352844, 0.9909329414367676, 0.9915987253189087,
    ),
    "minivision_4_0_0_80x80_MiniFASNetV1SE.pth": (
        0.9888162612915039, 0.9930679798126221, 0.9936044812202454, 0.997611403465271,
    ),
}  # fmt: skip


@needs_assets
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_real_networks_say_what_the_published_code_says(name):
    weights = torch.load(Path(ASSETS) / "fas" / name, map_location="cpu", weights_only=True)
    network = MiniFASNet.of({key.removeprefix("module."): value for key, value in weights.items()})
    pictures = torch.rand(4, 3, 80, 80, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        scores = torch.softmax(network(pictures), 1)[:, 1]
    assert np.allclose(scores.numpy(), PUBLISHED[name], atol=1e-5)


def published_crop(picture: np.ndarray, box: tuple[float, ...], factor: float) -> np.ndarray:
    """The crop of the networks' own program, told again: x, y, width, height in whole pixels, enlarged, kept inside."""
    height, width = picture.shape[:2]
    x, y = int(box[0]), int(box[1])
    w, h = int(box[2] - box[0] + 1), int(box[3] - box[1] + 1)
    factor = min((height - 1) / h, min((width - 1) / w, factor))
    new_w, new_h, mid_x, mid_y = w * factor, h * factor, w / 2 + x, h / 2 + y
    left, top, right, bottom = mid_x - new_w / 2, mid_y - new_h / 2, mid_x + new_w / 2, mid_y + new_h / 2
    if left < 0:
        left, right = 0, right - left
    if top < 0:
        top, bottom = 0, bottom - top
    if right > width - 1:
        left, right = left - (right - width + 1), width - 1
    if bottom > height - 1:
        top, bottom = top - (bottom - height + 1), height - 1
    return cv2.resize(picture[int(top) : int(bottom) + 1, int(left) : int(right) + 1], (80, 80))


@needs_assets
def test_the_nine_real_pictures_score_as_by_the_published_program(tmp_path):
    """Extracted, imported and scored as a user does it; the program's own way beside, given the same boxes."""
    pictures = sorted((Path(ASSETS) / "fas").glob("*.[jp][pn]g"))
    assert len(pictures) == 9
    real = ["T1" in path.name or "true" in path.name for path in pictures]
    rows = [f"{path.name},{'bonafide' if of else 'attack'}" for path, of in zip(pictures, real, strict=True)]
    (tmp_path / "nine.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    lib, views = tmp_path / "lib", "context(factor=2.7,size=80) + context(factor=4,size=80)"
    data = ("--root", Path(ASSETS) / "fas", "--card", tmp_path / "nine.csv", "--out", lib, "--views", views, "-j", 1)
    Called("fasdata", "extract", "nine", *data)
    weights = [Path(ASSETS) / "fas" / name for name in PUBLISHED]
    ok("fastrain", "import", "minifasnet", *weights, "--out", tmp_path / "run")
    printed = ok("fastrain", "eval", tmp_path / "run", "--on", "nine", "--data", lib, "--out", tmp_path / "on")
    assert "1.000  0.00 %" in printed
    scores = pd.read_csv(tmp_path / "on" / "scores.csv").set_index("clip_id")["score"]
    networks = []
    for path, factor in zip(weights, (2.7, 4.0), strict=True):
        held = torch.load(path, map_location="cpu", weights_only=True)
        networks.append((MiniFASNet.of({key.removeprefix("module."): value for key, value in held.items()}), factor))
    for record in Store.open(lib / "nine").records():
        box = next(frame.box for frame in record.frames if frame.crop)
        picture = cv2.imread(str(Path(ASSETS) / "fas" / record.clip.relpaths["rgb"]))
        assert box is not None and picture is not None
        with torch.no_grad():
            shares = [
                torch.softmax(
                    network(torch.from_numpy(published_crop(picture, box, factor)).permute(2, 0, 1)[None].float()), 1
                )
                for network, factor in networks
            ]
        assert abs(float(sum(share[0, 1] for share in shares)) / 2 - scores[record.clip.clip_id]) < 1e-4
