"""A checkpoint in the form of the published ME-FAS code, against the literal network and the published names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.literal_me_fas import LiteralMEFAS
from fasdata.errors import UserError
from fastrain.methods.me_fas.method import MEFAS
from fastrain.methods.me_fas.network import Masking
from fastrain.methods.me_fas.published import convert, from_reference, to_reference
from fastrain.methods.me_fas.settings import MEFASSettings
from fastrain.networks.checkpoint import Checkpoint
from fastrain.networks.clip import tokenized
from fastrain.networks.two_views import unit
from fastrain.run.import_run import import_run
from fastrain.rundir import selected_checkpoint
from fastrain.train.training_state import load_method
from tests.fastrain.methods.tiny import TINY, images, scored, tiny
from tests.golden.fill_me_fas import FillDraws, FillMEFAS
from tests.golden.location import golden_dir

LAYERS = 2  # the published widths at a sixth of the depth


@pytest.fixture(scope="module")
def literal() -> LiteralMEFAS:
    """The literal network, which gives the published numbers at its full depth (tests/golden)."""
    torch.manual_seed(3)
    network = LiteralMEFAS(tokenized(["a photo of a spoof face.", "a photo of a real face."]), LAYERS, LAYERS)
    draws = FillDraws(FillMEFAS(3))
    network.noise, network.shuffle = draws.deep_prompt, draws.permutation
    return network.eval()


def published(literal: LiteralMEFAS) -> dict[str, Any]:
    """Return the file that the published saver would write: the scale's two names are one tensor."""
    state = {**literal.state_dict(), "logit_scale": literal.clipModel.logit_scale.detach()}
    facts = {"epoch": 7, "best_model_EER": np.float64(0.05), "threshold": 0.61, "scheduler": {}, "valid_arg": None}
    return {"state_dict": state, "optimizer": {"state": {}}, **facts}


@pytest.fixture(scope="module")
def file(literal: LiteralMEFAS, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "best.pth"
    torch.save(published(literal), path)
    return path


def layers(image: int, text: int) -> list[str]:
    """Return the settings that say how deep the towers are."""
    return [f"model.clip_kwargs={{vision_cfg: {{layers: {image}}}, text_cfg: {{layers: {text}}}}}"]


def test_an_imported_checkpoint_gives_the_published_outputs(tmp_path: Path, literal: LiteralMEFAS, file: Path) -> None:
    run = import_run("me_fas", file, tmp_path / "run", layers(LAYERS, LAYERS))

    about = run.facts().tree()
    assert about["status"] == "imported"
    assert about["selection"]["policy"] == "target_oracle(hter at target eer, frame)"
    assert about["source"]["says"] == {"epoch": 7, "best_model_EER": 0.05, "threshold": 0.61}
    settings = MEFASSettings(**run.config().model)
    method = MEFAS(settings, n_domains=3, image_size=224).eval()
    load_method(Checkpoint.read(selected_checkpoint(run.path)), method)

    views, label = [torch.randn(2, 3, 224, 224) for _ in range(3)], torch.tensor([1, 0])
    with torch.no_grad():
        expected = literal(views, label)[0]
        features, text = method.network(torch.cat(views), FillDraws(FillMEFAS(3)), Masking(2))
        logits = method.network.clip.logit_scale.exp() * unit(features)[:2] @ unit(text[0]).T
    torch.testing.assert_close(logits, expected, rtol=0, atol=2e-5)
    batch = {"modalities": {"rgb": torch.rand(2, 3, 224, 224)}}
    assert torch.isfinite(scored(method, batch)).all()  # without running means the text sees each image's own prompts


def test_every_published_tensor_has_its_place() -> None:
    golden = np.load(golden_dir("me_fas") / "train_step.npz")
    names = [str(name) for name in golden["names"]]
    for name in names:
        ours = from_reference(name)
        assert (ours is None) == (name == "logit_scale")
        assert ours is None or to_reference(ours) == name
    with pytest.raises(KeyError):
        from_reference("classifier.weight")
    method = tiny("me_fas")
    own = [key for key in method.state_dict() if to_reference(key) is None]
    assert own == ["network.running_means", "network.batches_seen"]


def test_other_files_are_refused(tmp_path: Path, literal: LiteralMEFAS, file: Path) -> None:
    with pytest.raises(UserError, match="not a checkpoint of me_fas"):
        convert({"model_state": []})
    content = published(literal)
    with pytest.raises(UserError, match=r"does not have.*classifier\.weight"):
        convert({"state_dict": {**content["state_dict"], "classifier.weight": torch.zeros(1)}})
    with pytest.raises(UserError, match=r"logit_scale and clipModel\.logit_scale, which are one number"):
        convert({"state_dict": {**content["state_dict"], "logit_scale": torch.zeros(())}})
    with pytest.raises(UserError, match="another network than me_fas as configured"):
        import_run("me_fas", file, tmp_path / "run", layers(1, 1))
    assert not (tmp_path / "run").exists()


def test_a_small_network_goes_out_and_back() -> None:
    method = tiny("me_fas")
    theirs = {to_reference(key): value for key, value in method.state_dict().items()}
    published = convert({key: value for key, value in theirs.items() if key})
    again = tiny("me_fas", seed=9)
    again.load_state_dict(dict(published.state))
    batch = images([0, 1], seed=3)
    torch.testing.assert_close(scored(again, batch), scored(method, batch))
    assert published.model["prompts"] == {"n_ctx": 2, "depth": TINY["me_fas"]["prompts"]["depth"], "deep": "noise"}
