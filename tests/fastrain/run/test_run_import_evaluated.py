"""An imported network is scored like a trained one: on a protocol, in place, and it says where it is from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fastrain.augmentation import AugmentConfig
from fastrain.data.batches import ordered_batches
from fastrain.data.images import Images
from fastrain.data.samples import Samples
from fastrain.methods.base import Method
from fastrain.methods.cdcn import published as cdcn
from fastrain.methods.flip import published as flip
from fastrain.methods.gac_fas import published as gac_fas
from fastrain.methods.hfn_mp import published as hfn_mp
from fastrain.methods.me_fas import published as me_fas
from fastrain.methods.mmdg import published as mmdg
from fastrain.methods.mmdgfas import published as mmdgfas
from fastrain.methods.registry import METHODS
from fastrain.methods.sa_fas import published as sa_fas
from fastrain.methods.ssdg import published as ssdg
from fastrain.rescore.other_data import Asked, score_again
from fastrain.rescore.scores_alone import evaluate_scores
from fastrain.run.import_run import import_run
from fastrain.run.plan import settled_view
from fastrain.run.settings import own_config
from fastrain.rundir import RunDir
from tests.fastrain.methods.tiny import SIZE, TINY, tiny, trained
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.world import CANONICAL, RECIPE, write_library

IMPORTED = [name for name, row in METHODS.items() if row.reads_published]


def of_hfn_mp(method: Any) -> dict[str, Any]:
    network = {hfn_mp.to_reference(key): value for key, value in method.hfn.state_dict().items()}
    return {"model_state": [method.extractor.state_dict(), network], "epoch": 3}


def of_gac_fas(method: Any) -> dict[str, Any]:
    network = {gac_fas.to_reference(key): value for key, value in method.network.state_dict().items()}
    return {"state_dict": network, "epoch": 3}


def of_flip(method: Any) -> dict[str, Any]:
    named = {flip.to_reference(key): value for key, value in method.state_dict().items()}
    words, rows = method.network.words, named["model.token_embedding.weight"]
    named["model.token_embedding.weight"] = rows.new_zeros(49408, rows.shape[1]).index_copy(0, words, rows)
    return {"state_dict": {key: value for key, value in named.items() if key}, "epoch": 3}


def of_me_fas(method: Any) -> dict[str, Any]:
    named = {me_fas.to_reference(key): value for key, value in method.state_dict().items()}
    return {"state_dict": {key: value for key, value in named.items() if key}, "epoch": 3}


def of_mmdg(method: Any) -> dict[str, Any]:
    return {f"module.{mmdg.to_reference(key, 2)}": value for key, value in method.network.state_dict().items()}


def of_mmdgfas(method: Any) -> dict[str, Any]:
    state = method.network.state_dict()
    state[mmdgfas.JOINED] = mmdgfas.reordered(state[mmdgfas.JOINED])
    return {f"module.{mmdgfas.to_reference(key)}": value for key, value in state.items()}


def of_cdcn(method: Any) -> dict[str, Any]:
    return {cdcn.to_reference(key): value for key, value in method.network.state_dict().items()}


def of_sa_fas(method: Any) -> dict[str, Any]:
    network = {sa_fas.to_reference(key): value for key, value in method.network.state_dict().items()}
    idle = {"proj.weight": torch.ones(2, 2), "fc_scale.weight": torch.ones(1, 2), "bn_scale.weight": torch.ones(1)}
    return {"state_dict": network | idle, "args": {"scale": "1", "normfc": "False"}, "epoch": 3}


def of_ssdg(method: Any) -> dict[str, Any]:
    network = {ssdg.to_reference(key): value for key, value in method.network.state_dict().items()}
    network["embedder.bottleneck_layer.0.weight"] = network[f"{ssdg.BOTTLENECK}weight"]
    return {"state_dict": {f"module.{key}": value for key, value in network.items()}, "epoch": 3}


PUBLISHED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "hfn_mp": of_hfn_mp,
    "gac_fas": of_gac_fas,
    "flip": of_flip,
    "me_fas": of_me_fas,
    "mmdg": of_mmdg,
    "mmdgfas": of_mmdgfas,
    "cdcn": of_cdcn,
    "sa_fas": of_sa_fas,
    "ssdg": of_ssdg,
}
# What the published network means beside its numbers: the order of its colours, the text without running means.
MEANT: dict[str, dict[str, Any]] = {
    "hfn_mp": {"color_order": "bgr"},
    "gac_fas": {},
    "flip": {},
    "me_fas": {"eval": {"context": "own"}},
    "mmdg": {},
    "mmdgfas": {"color_order": "bgr"},
    "cdcn": {},
    "sa_fas": {},
    "ssdg": {},
}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_multimodal(tmp_path_factory.mktemp("several"))


def imported(name: str, folder: Path, *overrides: str) -> tuple[Method, RunDir]:
    """Return a small network, a little trained, and the run that its published form was imported into."""
    method = tiny(name, **MEANT[name])
    trained(method, 2)
    torch.save(PUBLISHED[name](method), folder / "published.pth")
    settings = [f"model.{key}={json.dumps(value)}" for key, value in TINY[name].items()]
    settings += [f"image_size={SIZE}", "view=box"] + ([f"mix_crop_mask.crop={SIZE}"] if name == "mmdgfas" else [])
    return method, import_run(name, folder / "published.pth", folder / "run", [*settings, *overrides])


@pytest.mark.parametrize("name", IMPORTED)
def test_an_imported_network_is_scored_on_a_protocol(several: Library, tmp_path: Path, name: str) -> None:
    method, run = imported(name, tmp_path)
    before = run.facts().tree()
    asked = Asked(protocol="CIO-M", data=str(several.root))
    assert score_again(run.path, asked).path == run.path

    about = run.facts().tree()
    assert (about["status"], about["protocol"], about["image_size"]) == ("evaluated", CANONICAL, SIZE)
    for kept in ("source", "color_order", "n_parameters"):
        assert about[kept] == before[kept]
    assert about["color_order"] == MEANT[name].get("color_order", "rgb")
    assert about["source"]["file"] == "published.pth" and len(about["source"]["sha256"]) == 64
    assert run.results().tree()["selection"] == before["selection"]["policy"]
    assert run.file("report.html").is_file()

    scores = pd.read_csv(run.file("scores.csv")).set_index("sample_id")["score"]
    expected = scored_by(method, several, run)
    np.testing.assert_allclose(scores[list(expected)], list(expected.values()), rtol=0, atol=1e-6)
    assert len(set(expected.values())) > 5
    evaluate_scores(run.path, Asked(), form="bob", out=tmp_path / "bob")
    assert any((tmp_path / "bob").rglob("*.csv"))
    if name == "hfn_mp":  # once is enough: what is in place stays there
        assert score_again(run.path, asked).path.parent == run.path / "evaluations"


def scored_by(method: Method, library: Library, run: RunDir) -> dict[str, float]:
    """Return the scores that the network itself gives to the images of the target."""
    config = own_config(run)
    manifest = Manifest.read(library.protocol_dir(CANONICAL, RECIPE))
    view, _ = settled_view(config, False, manifest)
    images = Images(Samples.of(manifest, "test"), manifest.open_stores(library), view, modalities=method.modalities)
    changes = AugmentConfig.model_validate(config.data.augment)
    (batch,) = ordered_batches(images, changes, np.arange(len(images.samples)), size=1000)
    with torch.no_grad():
        return dict(zip(batch["id"], method.eval().predict(batch).tolist(), strict=True))


def test_data_without_what_the_network_sees_are_refused(tmp_path: Path) -> None:
    """A target alone may lack it, as that of the test above lacks depth."""
    _, run = imported("mmdgfas", tmp_path)
    plain = write_library(tmp_path / "plain")
    with pytest.raises(UserError, match=r"no frame of mcio:CIO2M has depth or ir, which the network sees; found rgb"):
        score_again(run.path, Asked(protocol="CIO-M", data=str(plain.root)))
    assert not run.file("scores.csv").exists()


def test_a_view_that_the_data_have_no_landmarks_for_is_told_with_what_helps(several: Library, tmp_path: Path) -> None:
    _, run = imported("hfn_mp", tmp_path, "view=mxnet-256")
    with pytest.raises(UserError, match=r"mxnet-256 needs landmarks.*import it again with --set data\.view=box"):
        score_again(run.path, Asked(protocol="CIO-M", data=str(several.root)))


def test_a_name_with_and_without_the_prefix_of_several_devices_is_refused(tmp_path: Path) -> None:
    content = of_gac_fas(tiny("gac_fas"))
    content["state_dict"]["module.fc.weight"] = content["state_dict"]["fc.weight"] + 1
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"the state_dict of the checkpoint holds fc\.weight twice"):
        import_run("gac_fas", tmp_path / "a.pth", tmp_path / "run")


CROOKED = [
    ("hfn_mp", {"model_state": [{}, {}]}, "has no extractor state"),
    ("hfn_mp", {"model_state": [{"a": torch.ones(1)}, {"b": torch.ones(1)}]}, "does not have; found b"),
    ("gac_fas", {"state_dict": {"layer_blocks.x.y": torch.ones(1)}}, r"does not have; found layer_blocks\.x\.y"),
    (
        "flip",
        {"visual.ln_pre.weight": torch.ones(3), "token_embedding.weight": torch.ones(9, 3)},
        "does not have; found",
    ),
    (
        "flip",
        {"model.visual.ln_pre.weight": torch.ones(3), "logit_scale": torch.ones(())},
        "does not have; found logit",
    ),
    ("me_fas", {"prompt_learner.ctx": torch.ones(2, 3)}, "lacks the shared prompts"),
    ("me_fas", {"prompt_learner.ctx": torch.ones(2), "prompt_learner.proj.weight": torch.ones(2, 2)}, "two axes each"),
    ("mmdg", {"pos_embedding1": torch.ones(1, 5, 8), "ViT_Encoder.2.weight": torch.ones(8)}, "another network"),
    ("mmdg", {"pos_embedding1": torch.ones(1, 5, 8)}, "lacks the last norm"),
    ("mmdg", {"pos_embedding1": torch.ones(()), "ViT_Encoder.2.weight": torch.ones(8)}, "of three axes"),
    ("mmdg", {"pos_embedding1": torch.ones(1, 5, 8), f"ViT_Encoder.{'9' * 5000}.weight": torch.ones(8)}, "last norm"),
    ("mmdgfas", {"ir_module.first_bn.weight": torch.ones(3), "bottleneck.0.weight": torch.ones(3)}, "another network"),
    *[(name, [torch.ones(1)], f"not a checkpoint of {name}") for name in IMPORTED],
    *[(name, {1: torch.ones(1)}, f"not a checkpoint of {name}") for name in IMPORTED],
]


@pytest.mark.parametrize(("name", "content", "words"), CROOKED)
def test_crooked_files_are_told_and_leave_nothing(tmp_path: Path, name: str, content: Any, words: str) -> None:
    torch.save(content, tmp_path / "a.pth")
    settings = [f"model.{key}={json.dumps(value)}" for key, value in TINY[name].items()]
    with pytest.raises(UserError, match=words):
        import_run(name, tmp_path / "a.pth", tmp_path / "run", [*settings, f"image_size={SIZE}"])
    assert not (tmp_path / "run").exists()
