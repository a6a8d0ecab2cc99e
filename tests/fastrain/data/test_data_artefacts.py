"""Print and screen artefacts against the physics that they come from, and which pictures of a batch get them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.augmentation import Artefacts, AugmentConfig
from fastrain.data.artefacts import Artefact, disc
from fastrain.data.displayed import Grid, daylight
from fastrain.data.light import light_of, pixels_of
from fastrain.data.loader import TrainLoader
from fastrain.data.printed import INKS, PAPER, Printed
from fastrain.run.describe import describe_plan
from fastrain.run.plan import check_settings, make_plan
from tests.fastrain.data.test_data_loader import images_of
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.sessions import request, session

OFF: dict[str, Any] = {"printer": None, "halftone": None, "display": None, "moire": None, "recapture": None}
FLAT = np.full((64, 64, 3), (180, 120, 90), np.uint8)


def settings(label: str = "attack", p: float = 1.0, **steps: Any) -> Artefacts:
    return Artefacts.model_validate({**OFF, "label": label, "p": p, **steps})


def seen(image: np.ndarray, seed: int = 0, **steps: Any) -> np.ndarray:
    return Artefact.draw(settings("keep" if set(steps) == {"recapture"} else "attack", **steps),
                         np.random.default_rng(seed)).colour(image)  # fmt: skip


# -- Physics ----------------------------------------------------------------------------------------------------------


def test_light_of_every_pixel_goes_there_and_back() -> None:
    ramp = np.arange(256, dtype=np.uint8)
    assert light_of(ramp)[[0, 128, 255]] == pytest.approx([0, 0.2158605, 1], abs=1e-6)  # IEC 61966-2-1
    assert np.array_equal(pixels_of(light_of(ramp)), ramp)


def test_paper_and_full_inks_are_what_the_equations_say() -> None:
    blank, black = Printed(0.2, 1.0, None).light(np.array([[[255] * 3, [0] * 3]], np.uint8))[0]
    assert blank == pytest.approx(PAPER)
    # Black: 60 % of it is K, and of the rest C, M and Y cover all that is left over: their product on paper. The gain
    # of a dot of 0.6 is 4 x 0.2 x 0.6 x 0.4 = 0.192.
    assert black == pytest.approx(PAPER * (1 - 0.792 * (1 - INKS[3])) * INKS[:3].prod(axis=0), abs=1e-6)
    red = Printed(0.0, 1.0, None).light(np.array([[[255, 0, 0]]], np.uint8))[0, 0]
    assert red == pytest.approx(PAPER * INKS[1] * INKS[2])


@pytest.mark.parametrize("period", [1.7, 2.6, 4.0])
def test_dots_reflect_as_much_light_as_the_picture_without_a_printer(period: float) -> None:
    dotted = Printed(None, 1.0, period, turn=8.0).light(FLAT)
    assert dotted.mean(axis=(0, 1)) == pytest.approx(light_of(FLAT)[0, 0], abs=0.03)
    assert dotted.std(axis=(0, 1)).min() > 0.02  # and they are dots
    coarse = Printed(None, 1.0, 4.0).light(FLAT).std()
    assert dotted.std() <= coarse + 0.02  # a camera's pixel leaves less of a finer screen


def test_daylight_is_bluer_the_hotter_and_flare_lifts_black() -> None:
    assert daylight(5000)[0] > daylight(5000)[2] and daylight(9000)[2] > daylight(9000)[0]
    dark = np.full((8, 8, 3), 1, np.uint8)
    flare = seen(dark, display={"flare": [0.1, 0.1], "white": [6500, 6500], "gamma": [1, 1]})
    assert flare.mean() == pytest.approx(float(pixels_of(np.full(1, 0.1, np.float32))[0]), abs=2)


@pytest.mark.parametrize(("pitch", "fringes"), [(1.0, 0), (1.0625, 8), (0.9375, 8), (1.125, 16)])
def test_moire_has_as_many_fringes_as_the_two_gratings_differ(pitch: float, fringes: int) -> None:
    """128 pixels against 128 x pitch of the display: the difference of the two frequencies."""
    grid = Grid(pitch, 0.2, 0.0, (0.0, 0.0), 0.0, (0.0, 0.0))
    green = grid.seen(np.full((128, 128, 3), 0.5, np.float32))[64, :, 1]
    spectrum = np.abs(np.fft.rfft(green - green.mean()))
    assert int(spectrum.argmax()) == fringes if fringes else spectrum.max() < 1e-3
    if fringes:  # the channels are a third of a period apart, so that fringes are coloured
        red = grid.seen(np.full((128, 128, 3), 0.5, np.float32))[64, :, 0]
        assert np.corrcoef(red, green)[0, 1] == pytest.approx(-0.5, abs=0.01)


def test_blur_keeps_light_and_spreads_a_point_over_its_disc() -> None:
    point = np.full((21, 21, 3), 1, np.uint8)
    point[10, 10] = 255
    blurred = light_of(seen(point, recapture={"radius": [1.5, 1.5]}))[..., 0]
    assert blurred.sum() == pytest.approx(light_of(point)[..., 0].sum(), rel=0.02)
    assert (blurred > 0.01).sum() == 9 and disc(1.5)[1, 1] == pytest.approx(1 / (np.pi * 1.5**2), rel=0.02)


@pytest.mark.parametrize("step", ["printer", "halftone", "display", "moire", "recapture"])
def test_every_step_changes_a_picture_and_leaves_black_and_the_original(step: str) -> None:
    alone: dict[str, Any] = {step: {}}
    image = np.random.default_rng(1).integers(1, 255, (48, 48, 3)).astype(np.uint8)
    image[:6] = 0
    before = image.copy()
    changed = seen(image, **alone)
    assert np.array_equal(image, before) and not changed[:6].any()
    assert np.abs(changed[6:].astype(int) - image[6:]).mean() > 2
    assert np.array_equal(changed, seen(image, **alone))  # of the same random numbers
    depth = np.full((48, 48), 700, np.uint16)
    drawn = Artefact.draw(settings("keep", **alone), np.random.default_rng(0))
    assert drawn.on({"rgb": image, "depth": depth})["depth"] is depth


def test_settings_that_make_no_attack_are_refused() -> None:
    refused: list[dict[str, Any]] = [{}, {"recapture": {}}]
    for steps in refused:
        with pytest.raises(ValueError, match="artefacts=null"):
            settings(**steps)
    assert settings("keep", recapture={}).instruments() == ()
    with pytest.raises(ValueError, match="kelvin of daylight"):
        settings(display={"white": [2000, 6500]})


# -- Which pictures ---------------------------------------------------------------------------------------------------


def loader(library: Library, artefacts: Any, **options: Any) -> TrainLoader:
    changes = AugmentConfig.model_validate({"horizontal_flip": 0.5, "artefacts": artefacts})
    options = {"n_domains": 3, "per_group": 2, "seed": 5, **options}
    return TrainLoader(images_of(library, "train"), changes, **options)


@pytest.mark.parametrize("options", [{}, {"clips": True}, {"sampler": "shuffled", "batch_items": 24}])
def test_attacks_are_made_of_bona_fide_pictures_of_their_domain(library: Library, options: dict[str, Any]) -> None:
    plain, made = loader(library, None, **options), loader(library, {"p": 1}, **options)
    for _ in range(3):
        before, batch = plain.draw([0, 1, 2]), made.draw([0, 1, 2])
        for name in ("label", "domain", "group"):
            assert torch.equal(before[name], batch[name])
        for label, old, new in zip(batch["label"].tolist(), before["id"], batch["id"], strict=True):
            assert old == new if label else "bonafide" in new and new.split("+")[1] in (
                "simulated-print", "simulated-display")  # fmt: skip
            assert old.split("/")[0] == new.split("/")[0]
        live = batch["label"] == 1  # what is bona fide is untouched, the flips included
        assert torch.equal(before["modalities"]["rgb"][live], batch["modalities"]["rgb"][live])


def test_a_share_of_the_attacks_is_made_and_all_of_both_may_keep_their_label(library: Library) -> None:
    some = loader(library, {"p": 0.3})
    ids = [name for _ in range(40) for name in some.draw([0, 1, 2])["id"]]
    share = sum("+" in name for name in ids) / (len(ids) / 2)
    assert 0.22 < share < 0.38
    plain, kept = loader(library, None).draw([0, 1, 2]), loader(library, {"label": "keep", "p": 1}).draw([0, 1, 2])
    assert kept["id"] == plain["id"] and torch.equal(kept["label"], plain["label"])
    different = (kept["modalities"]["rgb"] != plain["modalities"]["rgb"]).flatten(1).any(1)
    assert different.all()


def test_neither_threads_nor_a_restart_change_what_is_made(library: Library) -> None:
    first, second = loader(library, {"p": 0.6}), loader(library, {"p": 0.6}, workers=2)
    for _ in range(2):
        first.draw([0, 1, 2])
    second.draw([1])
    second.restore(first.state())
    for _ in range(3):
        a, b = first.draw([2, 1]), second.draw([2, 1])
        assert a["id"] == b["id"] and torch.equal(a["modalities"]["rgb"], b["modalities"]["rgb"])
    second.close()


def test_the_preset_trains_and_says_what_it_makes(library: Library, tmp_path: Path) -> None:
    asked = request("erm", library, tmp_path / "run", "max_iterations=2", preset="artefacts")
    plan = make_plan(asked, check_settings(asked))
    assert "note: 30% of the attacks are made of bona fide pictures of the same domain: simulated-print and simul" in (
        describe_plan(plan))  # fmt: skip
    assert session(asked).train().iterations == 2


def test_attacks_that_would_be_faces_in_depth_or_have_shuffled_labels_are_refused(tmp_path: Path) -> None:
    library = write_multimodal(tmp_path / "several")
    for more, why in (("modalities=[rgb,depth,ir]", "depth and infrared would show a face"),
                      ("shuffle_labels=true", "cannot be shuffled")):  # fmt: skip
        asked = request("erm", library, tmp_path / "run", more, "data.augment.artefacts={}")
        with pytest.raises(UserError, match=why):
            make_plan(asked, check_settings(asked))
        kept = request("erm", library, tmp_path / "run", more, "data.augment.artefacts={label: keep}")
        assert "teach to overlook them" in describe_plan(make_plan(kept, check_settings(kept)))
