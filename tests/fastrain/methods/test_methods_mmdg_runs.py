"""MMDG in the engine: stopped within an epoch and resumed; and its presets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fasdata.library import Library
from fastrain.augmentation import AugmentConfig
from fastrain.run.request import RunRequest
from fastrain.run.settings import layered, resolve
from tests.fastrain.methods.tiny import TINY
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.sessions import Killed, assert_same_checkpoint, die_at, last, log, session

MODEL = tuple(f"model.{key}={json.dumps(value)}" for key, value in {**TINY["mmdg"], "prototype_share": 0.5}.items())
SHORT = ("image_size=32", "batch_items=6", "steps_per_epoch=3", "max_iterations=7", "workers=0")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Three pre-cropped sources; the target has no depth, and some attacks of the sources no infrared."""
    return write_multimodal(tmp_path_factory.mktemp("multimodal"))


def asked(library: Library, out: Path, *overrides: str) -> RunRequest:
    wanted: dict[str, Any] = {"protocol": "CIO-M", "data": str(library.root), "accelerator": "cpu", "out": str(out)}
    return RunRequest(method="mmdg", overrides=(*MODEL, *SHORT, *overrides), **wanted)


def test_killed_and_resumed_equals_never_stopped(library: Library, tmp_path: Path) -> None:
    """To the last bit, prototypes and draws included: within an epoch they are what its beginning made them."""
    whole = session(asked(library, tmp_path / "whole"))
    whole.train()
    for death in (2, 5):
        broken = session(asked(library, tmp_path / "broken"))
        die_at(broken, death)
        with pytest.raises(Killed):
            broken.train()
    session(asked(library, tmp_path / "broken")).train()
    assert last(tmp_path / "whole").tensors["method/prototypes"].any()
    assert_same_checkpoint(last(tmp_path / "whole"), last(tmp_path / "broken"))
    assert log(tmp_path / "whole") == log(tmp_path / "broken")


EPOCHS = {"SCP2W": 762, "CWP2S": 475, "SCW2P": 800, "SWP2C": 568, "CW2PS": 406, "PS2CW": 462}


@pytest.mark.parametrize("preset", EPOCHS)
def test_the_presets_are_eighty_epochs_for_their_protocol(preset: str) -> None:
    config = resolve(layered("mmdg", preset))
    assert config.published_for == preset
    assert config.train.steps_per_epoch == EPOCHS[preset]
    assert config.train.max_iterations == 80 * EPOCHS[preset]
    augment = AugmentConfig(**config.data.augment)
    assert augment.levels_gamma and augment.levels_gamma.gamma == (0.5, 1.5) and augment.shared_geometry
