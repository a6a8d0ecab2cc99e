"""What stands around MMDG's network, against numbers made by published code: metrics, pictures, order of sources."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fasdata.protocols.grammar import parse
from fastrain.data.colours import LevelsGammaDraw
from fastrain.evaluation.metrics.reference import mmdg
from fastrain.methods.mmdg.infrared import gradients, local_pattern
from fastrain.methods.mmdg.method import normalised
from fastrain.methods.mmdg.rebalancing import BONAFIDE, class_ids
from tests.golden.fill_mmdg import Fill, summary
from tests.golden.location import golden_dir


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("mmdg")


def test_scores_and_rates(folder: Path) -> None:
    golden = np.load(folder / "scores.npz")
    cases = sorted({name.partition("/")[0] for name in golden.files})
    assert cases
    for case in cases:
        score = torch.from_numpy(golden[f"{case}/logits"]).softmax(dim=1)[:, 1].numpy()
        np.testing.assert_allclose(score, golden[f"{case}/score"], rtol=1e-12)
        numbers = mmdg(golden[f"{case}/score"], golden[f"{case}/labels"])
        expected = dict(zip(("ACC", "AUC", "HTER"), golden[f"{case}/acc_auc_hter"], strict=True))
        expected |= dict(zip(("FPR", "TPR", "THR"), golden[f"{case}/fpr_tpr_thr"], strict=True))
        for name, value in expected.items():
            assert numbers[name] == pytest.approx(value, abs=1e-12), (case, name)
        assert numbers["POINTS"] == golden[f"{case}/points_kept"]


def test_levels_and_gamma(folder: Path) -> None:
    golden = np.load(folder / "augment_hog.npz")
    picture = golden["aug/in"]
    cases = sorted({name.split("/")[1] for name in golden.files if name.startswith("aug/case")})
    assert len(cases) > 3
    for case in cases:
        change = LevelsGammaDraw(tuple(golden[f"aug/{case}/add"].tolist()), float(golden[f"aug/{case}/gamma"]))
        np.testing.assert_array_equal(change.changed(picture), golden[f"aug/{case}/out"])


def test_the_two_pictures_of_infrared(folder: Path) -> None:
    golden, pictures = np.load(folder / "augment_hog.npz"), np.load(folder / "image_ops.npz")
    drawn = gradients(torch.from_numpy(golden["hog/in"]).double()[None, None])[0, 0].numpy()
    np.testing.assert_allclose(drawn, golden["hog/image"], atol=5e-6)
    np.testing.assert_array_equal(drawn.astype(np.uint8), golden["hog/rgb_channel"])
    pattern = local_pattern(torch.from_numpy(pictures["plgf/in"]).double()[None, None])[0, 0].numpy()
    np.testing.assert_allclose(pattern, pictures["plgf/out"], atol=1e-4)
    np.testing.assert_array_equal(pattern.astype(np.uint8), pictures["plgf/rgb_channel"])


def test_pictures_become_inputs(folder: Path) -> None:
    """Resized as OpenCV does by default, flipped together, colours in the order RGB."""
    golden, fill = np.load(folder / "image_ops.npz"), Fill.of(folder)
    pictures = [(256 * fill.u(f"pix:{name}", 50, 44, 3)).astype(np.uint8) for name in "cdi"]
    resized = [cv2.resize(picture, (224, 224)) for picture in pictures]
    if [zlib.crc32(picture.tobytes()) for picture in resized] == golden["resized_crc"].tolist():
        tolerance = 1e-6
    else:  # another OpenCV rounds to the grey level beside
        tolerance = 1.01 / 128
    block = golden["resized_rgb_block"]
    assert np.abs(resized[0][:12, :12].astype(int) - block.astype(int)).max() <= 1
    for flip in (0, 1):
        for name, picture in zip(("image_x", "image_x_depth", "image_x_ir"), resized, strict=True):
            shown = picture[:, ::-1, ::-1] if flip else picture[..., ::-1]
            image = torch.from_numpy(np.ascontiguousarray(shown.transpose(2, 0, 1))).float() / 255
            value = normalised(image)
            np.testing.assert_allclose(value[:, :6, :6], golden[f"flip{flip}/{name}_block"], atol=tolerance)
            np.testing.assert_allclose(summary(value), golden[f"flip{flip}/{name}_summary"], rtol=1e-4, atol=0.05)


SETS = {"WMCA": "W", "SURF": "S", "CeFA": "C", "USC_MULTI_SPECTRAL": "P"}


def test_classes_are_bona_fide_and_the_attacks_of_each_source(folder: Path) -> None:
    """Whichever number a source has: faces are of one class here exactly where they are of one class there."""
    golden = np.load(folder / "image_ops.npz")
    names = sorted({name.split("/")[1] for name in golden.files if name.startswith("order/")})
    assert names
    for name in names:
        paths = [str(path) for path in golden[f"order/{name}/rgb"]]
        letters = [next(letter for folder, letter in SETS.items() if f"/{folder}/" in f"/{path}") for path in paths]
        sources = [letter for letter in "WSCP" if letter in letters]
        assert sources == list(dict.fromkeys(letters))  # always in this order, whatever was asked for
        assert set(sources) == {SETS.get(word, "P") for word in map(str, golden[f"order/{name}/args"])}
        assert parse(f"{''.join(sources)}2{next(letter for letter in 'WSCP' if letter not in sources)}").pool == "mm"
        label = torch.from_numpy(golden[f"order/{name}/label"])
        domain = torch.tensor([sources.index(letter) for letter in letters])
        ours, theirs = class_ids(domain, label), torch.from_numpy(golden[f"order/{name}/domain_id"])
        assert len(set(zip(ours.tolist(), theirs.tolist(), strict=True))) == len(ours.unique()) == len(theirs.unique())
        assert torch.equal(ours == BONAFIDE, label == 1) and torch.equal(theirs == 1, label == 1)


def test_the_other_modalities_of_a_picture_lie_in_folders_of_their_names(folder: Path) -> None:
    golden = np.load(folder / "image_ops.npz")
    names = sorted({name.split("/")[1] for name in golden.files if name.startswith("order/")})
    for name in names:
        for modality in ("depth", "ir"):
            for colour, other in zip(golden[f"order/{name}/rgb"], golden[f"order/{name}/{modality}"], strict=True):
                assert re.sub(r"(color|profile)(?=[/.][^/]*$)", modality, str(colour)) == str(other)
