"""What every registered method must keep; a new one needs an entry in `TINY` and in `OTHER`, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import reduce
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError
from torch import Tensor

import fastrain
from fasdata.errors import UserError
from fasdata.resources import configs_dir
from fastrain.data.transforms import AugmentConfig, output_side
from fastrain.methods.base import Batch, Method
from fastrain.methods.registry import METHODS, method_class, settings_class
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.settings import layered, resolve
from tests.fastrain.methods.tiny import DOMAINS, SIZE, TINY, images, scored, tiny, trained

# For every key another value, and what else must be set for the key to matter.
OTHER: dict[str, dict[str, tuple[Any, dict[str, Any]]]] = {
    "erm": {
        "trunk": ("resnet18", {"trunk_kwargs": {"channels": [8, 8, 8, 8]}}),
        "trunk_kwargs": ({"channels": [8, 16, 16, 32], "stem_width": 8}, {}),
        "pretrained": ("FILE", {}),
        "modalities": (("rgb", "depth", "ir"), {}),
        "fusion": ("late", {"modalities": ("rgb", "depth", "ir")}),
        "optimiser": ("adamw", {}),
        "lr": (0.01, {}),
        "momentum": (0.5, {}),
        "weight_decay": (0.1, {}),
        "schedule": ("step", {"schedule_epochs": 1}),
        "schedule_epochs": (1, {"schedule": "step"}),
        "schedule_factor": (0.5, {"schedule": "cosine", "schedule_epochs": 2}),
        "normalize": (False, {}),
        "freeze_trunk": (True, {}),
    },
    "gac_fas": {
        "trunk": ("resnet18", {"trunk_kwargs": {"channels": [8, 8, 8, 8]}}),
        "trunk_kwargs": ({"channels": [8, 16, 16, 32], "stem_width": 8}, {}),
        "pretrained": ("FILE", {}),
        "behaviour": ("literal", {}),
        "domain_order": ((2, 0, 1), {"behaviour": "literal", "alpha": 0.5}),
        "adaptive": (False, {}),
        "rho": (0.5, {}),
        "alpha": (0.5, {}),
        "eta": (0.1, {}),
        "warming_epochs": (1, {}),
        "minimizer_warming": (1, {}),
        "loss": ("ce", {}),
        "logit_scale": (4.0, {}),
        "ce_scale": (4.0, {"loss": "ce"}),
        "contrastive_weight": (1.0, {}),
        "temperature": (0.5, {}),
        "dropout": (0.5, {}),
        "freeze_norm": (True, {}),
        "normalize": (False, {}),
        "lr": (0.01, {}),
        "head_lr_scale": (2.0, {}),
        "momentum": (0.5, {}),
        "weight_decay": (0.1, {}),
        "lr_step_epochs": (1, {}),
        "lr_gamma": (0.1, {"lr_step_epochs": 1}),
    },
    "hfn_mp": {
        "trunk": ("resnet18", {"trunk_kwargs": {"channels": [8, 8, 8, 8]}}),
        "trunk_kwargs": ({"channels": [8, 16, 16, 32], "stem_width": 8}, {}),
        "pretrained": ("FILE", {}),
        "mode": ("sync", {}),
        "order": ("hfn_first", {}),
        "meta_train_size": (1, {}),
        "inner_loops": (2, {}),
        "meta_lr": (0.02, {}),
        "init_lr": (0.01, {"mode": "sync"}),
        "extractor": ("OTHER EXTRACTOR", {"mode": "second_stage", "extractor": "EXTRACTOR"}),
        "optimiser": ("sgd", {}),
        "momentum": (0.5, {"optimiser": "sgd"}),
        "weight_decay_hfn": (0.1, {"optimiser": "sgd"}),
        "weight_decay_extractor": (0.1, {"optimiser": "sgd"}),
        "lambda_rec": (1.0, {}),
        "replicate_buffers": (True, {}),
        "pyramid_width": (12, {}),
        "dropout": (0.5, {}),
        "color_order": ("bgr", {}),
        "normalize_rgb": (True, {}),
        "mean_std_normal": (False, {}),
    },
}

OTHER["mmdgfas"] = {
    "modalities": (("rgb",), {}),
    "planes": (32, {}),
    "dropout": (0.5, {}),
    "color_order": ("bgr", {}),
    "fusion": ({"decision": "hybrid"}, {"loss": "combined_all", "ce_weight": 1.0}),
    "loss": ("combined", {}),
    "ce_weight": (1.0, {"loss": "combined"}),
    "cross_modal": ({"gamma": 2.0}, {"loss": "combined"}),
    "crop": (16, {}),
    "eval_views": ("crops36", {"crop": 16}),
    "lr": (0.03, {}),
    "lr_lowest": (0.01, {}),
    "cycle_epochs": (2, {}),
    "momentum": (0.9, {}),
    "weight_decay": (0.1, {}),
}

OTHER["me_fas"] = {
    "clip": ("ViT-B-16", {}),
    "clip_kwargs": ({**TINY["me_fas"]["clip_kwargs"], "embed_dim": 24}, {}),
    "pretrained": ("CLIP FILE", {}),
    "compat": ("paper", {}),
    "words": ("an image of a", {}),
    "classes": (("paper mask", "person"), {}),
    "prompts": ({"n_ctx": 1, "depth": 2}, {}),
    "fusion_width": (12, {}),
    "text": ({"final_norm": True}, {}),
    "mask": ({"mode": "none"}, {}),
    "head_width": (24, {}),
    "head_out": (12, {}),
    "losses": ({"simclr": 1.0}, {}),
    "temperature": (0.5, {}),
    "lr": (0.01, {}),
    "lr_new": (0.01, {}),
    "weight_decay": (0.1, {}),
    "schedule": ({"use": True, "steps": 1, "epochs": 5, "warmup_epochs": 0}, {}),
    "freeze": (("clip.visual",), {}),
    "eval": ({"policy": "reference"}, {}),
}

every_method = pytest.mark.parametrize("name", METHODS)
every_key = pytest.mark.parametrize(("name", "key"), [(name, key) for name in OTHER for key in OTHER[name]])


def test_an_unknown_method_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="did you mean 'hfn_mp'"):
        method_class("hfnmp")


@every_method
def test_the_registry_agrees_with_the_class(name: str) -> None:
    assert method_class(name).name == name
    assert method_class(name).Config is settings_class(name)
    assert set(METHODS) == set(TINY) == set(OTHER)


@every_method
def test_settings_are_read_without_torch(name: str) -> None:
    code = f"import sys; from fastrain.methods.registry import settings_class; settings_class({name!r})()"
    subprocess.run([sys.executable, "-c", code + "; sys.exit('torch' in sys.modules)"], check=True)


@every_method
def test_the_readme_names_code_that_exists(name: str) -> None:
    """The last column of the table of formulas or steps: `module.name` here, or `room/module.name` in fastrain."""
    folder = Path(fastrain.__file__).parent / "methods" / name
    lines = (folder / "README.md").read_text().splitlines()
    heads = [k for k, line in enumerate(lines) if line.startswith("|") and line.endswith(("| where |", "| code |"))]
    assert heads, f"the README of {name} has no table whose last column is headed 'where' or 'code'"
    start = heads[0]
    rows = list(takewhile(lambda line: line.startswith("|"), lines[start + 2 :]))
    places = [place for row in rows for place in re.findall("`([^`]+)`", row.split("|")[-2])]
    assert places
    for place in places:
        if place.endswith(".py"):
            assert (folder / place).is_file(), place
            continue
        module, *attributes = place.split(".")
        package = f"fastrain.{module.replace('/', '.')}" if "/" in module else f"fastrain.methods.{name}.{module}"
        reduce(getattr, attributes, import_module(package))


@every_method
def test_an_unknown_key_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="extra"):
        settings_class(name)(learning_rat=0.1)


@every_method
def test_the_shipped_defaults_are_the_settings_own(name: str) -> None:
    shipped = yaml.safe_load((configs_dir() / f"{name}.yaml").read_text())
    assert shipped["method"] == name
    assert shipped["model"] == settings_class(name)().model_dump(mode="json")
    assert shipped["data"]["view"] == method_class(name).default_view


@every_method
def test_the_demo_preset_builds_and_steps(name: str) -> None:
    preset = resolve(layered(name, "demo"))
    size = preset.data.image_size
    assert not preset.model.get("pretrained")
    method = method_class(name)(settings_class(name)(**preset.model), n_domains=DOMAINS, image_size=size)
    trained(method, 1, size=output_side(AugmentConfig(**preset.data.augment), size, random=True))


@every_key
def test_every_key_changes_something(name: str, key: str, files: dict[str, str]) -> None:
    value, along = OTHER[name][key]
    assert set(OTHER[name]) == set(settings_class(name).model_fields)
    before, after = (
        tiny(name, **{k: files.get(v, v) if isinstance(v, str) else v for k, v in changes.items()})
        for changes in (along, {**along, key: value})
    )
    assert getattr(before.config, key) != getattr(after.config, key)
    first, second = (outcome(method) for method in (before, after))
    assert first.keys() != second.keys() or any(not alike(first[part], second[part]) for part in first)


@every_method
def test_it_learns_and_bona_fide_scores_higher(name: str) -> None:
    method = tiny(name)
    context = trained(method, 0)
    logs = [context.run_step() for _ in range(20)]
    losses = [key for key in logs[0] if key.rpartition("_")[2] not in ("map", "cls", "rec", "con", "simclr", "mse")]
    assert losses
    for key in losses:
        assert not any(log[key].requires_grad for log in logs)
        assert torch.stack([log[key] for log in logs[-3:]]).mean() < 0.7 * logs[0][key]
    batch = images(range(DOMAINS), seed=1)
    score = scored(method, batch)
    assert score.shape == batch["label"].shape
    assert score[batch["label"] == 1].min() > score[batch["label"] == 0].max()


@every_method
def test_a_score_depends_on_its_own_image_alone(name: str) -> None:
    method = tiny(name)
    trained(method, 2)
    batch = images(range(DOMAINS))
    together = scored(method, batch)
    order = torch.randperm(len(together), generator=torch.Generator().manual_seed(3))
    images_of = batch["modalities"]
    shuffled = {name: image[order] for name, image in images_of.items()}
    torch.testing.assert_close(scored(method, {"modalities": shuffled}), together[order])
    alone = [
        scored(method, {"modalities": {name: image[k : k + 1] for name, image in images_of.items()}})
        for k in range(len(together))
    ]
    torch.testing.assert_close(torch.cat(alone), together)
    assert len(torch.unique(together)) > 1


@every_method
def test_scoring_is_repeatable_and_leaves_no_trace(name: str) -> None:
    method = tiny(name)
    trained(method, 2)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    batch = images(range(DOMAINS), seed=2)
    assert torch.equal(scored(method, batch), scored(method, batch))
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())


@every_method
def test_parts_are_scores_too(name: str) -> None:
    method = tiny(name)
    trained(method, 2)
    batch = images(range(DOMAINS))
    with torch.no_grad():
        parts, scores = method.predict_parts(batch), method.scores(batch)
    assert torch.equal(scores.pop("score"), scored(method, batch))
    assert scores.keys() == parts.keys()
    for part in parts.values():
        assert part.shape == batch["label"].shape


@every_method
def test_the_same_seed_gives_the_same_network(name: str) -> None:
    first = tiny(name, dropout=0.2) if name == "hfn_mp" else tiny(name)
    torch.manual_seed(5)
    trained(first, 3)
    second = tiny(name, dropout=0.2) if name == "hfn_mp" else tiny(name)
    torch.manual_seed(5)
    context = trained(second, 1)
    for _ in range(2):  # scores taken in between must not matter
        scored(second, images([0], seed=9))
        context.run_step()
    assert all(torch.equal(value, first.state_dict()[key]) for key, value in second.state_dict().items())


@every_method
def test_a_step_leaves_everything_trainable_and_optimised(name: str) -> None:
    method = tiny(name)
    context = trained(method, 1)
    assert all(parameter.requires_grad for parameter in method.parameters())
    groups = [group for spec in context.specs.values() for group in spec.optimizer.param_groups]
    optimised = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(optimised) == sorted(id(parameter) for parameter in method.parameters())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files that settings name, by the word that stands for them in `OTHER`."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("files")
    save_file(tiny("erm", seed=77).trunk.state_dict(), folder / "model.safetensors")
    save_file(tiny("me_fas", seed=77).network.clip.state_dict(), folder / "clip.safetensors")
    for seed in (1, 2):
        state = {f"method/{key}": value for key, value in tiny("hfn_mp", seed=seed).state_dict().items()}
        Checkpoint(state, {"method": "hfn_mp", "iteration": 1}).write(folder / f"{seed}.safetensors")
    names = {"FILE": "model", "CLIP FILE": "clip", "EXTRACTOR": "1", "OTHER EXTRACTOR": "2"}
    return {word: str(folder / f"{name}.safetensors") for word, name in names.items()}


def outcome(method: Method) -> dict[str, Tensor]:
    """Return all that settings can influence: the network after two epochs of one step, and its scores."""
    trained(method, 2, steps_per_epoch=1, size=getattr(method.config, "crop", SIZE))
    batch: Batch = images(range(DOMAINS), seed=4)
    return {**method.state_dict(), "score": scored(method, batch)}


def alike(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and torch.equal(first, second)
