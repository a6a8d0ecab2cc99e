"""Rules of settings: each changes something, strangers are refused, shipped files say what the class says."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.foreign import read_yaml
from fastrain.augmentation import AugmentConfig
from fastrain.conformance.other_values import valid_changes
from fastrain.conformance.rule import Broken, Rule, require
from fastrain.conformance.toys import DOMAINS, Toy, scored, trained, unlabelled
from fastrain.data.transforms import output_side
from fastrain.methods.base import Method
from fastrain.run.settings import defaults_file, layered, presets, resolve

DEMO = "demo"


def _defaults(toy: Toy) -> str:
    try:
        own = toy.settings()
        View.named(toy.kind.default_view, None)
    except (ValidationError, UserError) as error:
        raise Broken(" ".join(str(error).split())) from error
    file = defaults_file(toy.name)
    if file is None:
        return f"{len(type(own).model_fields)} settings; no {toy.name}.yaml"
    shipped = read_yaml(file)
    require(shipped.get("method") == toy.name, f"{file.name} is of the method {shipped.get('method')}")
    stated, wanted = shipped.get("model", {}), own.model_dump(mode="json")
    differing = sorted(key for key in wanted.keys() | stated.keys() if stated.get(key, "") != wanted.get(key, ""))
    require(not differing, f"{file.name} and the settings differ in model.{', model.'.join(differing[:3])}")
    view = shipped.get("data", {}).get("view")
    require(view == toy.kind.default_view, f"{file.name} has the view {view}, the method {toy.kind.default_view}")
    return f"{len(wanted)} settings, as in {file.name}"


def _strangers(toy: Toy) -> str:
    for key in ("learning_rat", "_private"):
        try:
            toy.settings(**{key: 0.1})
        except ValidationError:
            continue
        raise Broken(f"the settings take an unknown key {key}: subclass MethodSettings and leave its model_config")
    try:
        resolve(layered(toy.name, None, ["model.no_such_key=1"]))
    except UserError:
        return "of settings and of --set"
    raise Broken("--set model.no_such_key=1 is taken")


def _presets(toy: Toy) -> str:
    names = presets(toy.name)
    for name in names:
        try:
            resolve(layered(toy.name, name))
        except UserError as error:
            raise Broken(f"preset {name}: {error}") from error
    return ", ".join(names) or "there is none"


def _demo(toy: Toy) -> str:
    if DEMO not in presets(toy.name):
        return "there is none"
    preset = resolve(layered(toy.name, DEMO))
    require(not preset.model.get("pretrained"), "the preset demo needs pretrained weights")
    size = preset.data.image_size or View.named(toy.kind.default_view, None).size
    method = toy.kind(toy.settings(**preset.model), n_domains=DOMAINS, image_size=size)
    trained(method, 1, size=output_side(AugmentConfig(**preset.data.augment), size, random=True))
    return f"one step at {size} pixels"


def _each_matters(toy: Toy) -> str:
    fields = toy.settings.model_fields
    unknown = sorted(set(toy.trial.other) - set(fields))
    require(not unknown, f"its trial has other values for {', '.join(unknown)}, which it does not have")
    dead = []
    outcomes: dict[str, dict[str, Tensor]] = {}
    for key in fields:
        if not any(_differs(toy, along, change, outcomes) for along, change in _changes(toy, key)):
            dead.append(key)
    require(
        not dead,
        f"nothing changes with another value of {', '.join(dead)}: declare one in the trial of its settings, with "
        "what else has to be set",
    )
    return f"{len(fields)} settings"


def _changes(toy: Toy, key: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return what is set beside, and the change: as declared, else a few that the type allows."""
    if key in toy.trial.other:
        value, along = toy.trial.other[key]
        return [(dict(along), {key: value})]
    alone: dict[str, Any] = {}
    return [(alone, change) for change in valid_changes(toy.settings, dict(toy.trial.tiny), key)][:4]


def _differs(toy: Toy, along: dict[str, Any], change: dict[str, Any], outcomes: dict[str, dict[str, Tensor]]) -> bool:
    before = outcomes.get(repr(along)) or outcomes.setdefault(repr(along), _outcome(toy, toy.tiny(**along)))
    after = _outcome(toy, toy.tiny(**{**along, **change}))
    return before.keys() != after.keys() or any(not _alike(before[part], after[part]) for part in before)


def _outcome(toy: Toy, method: Method) -> dict[str, Tensor]:
    """Return all that settings can influence: the network after two epochs of one step, and its scores."""
    toy.trained(method, 2, steps_per_epoch=1)
    batch = toy.batch(seed=4)
    for image in batch["modalities"].values():
        image[..., : toy.size // 8, : toy.size // 8] = 0  # black, as beside a face that was cut out
    return {**method.state_dict(), "score": scored(method, unlabelled(batch))}


def _alike(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and torch.equal(first, second)


def _preset_in_full(toy: Toy) -> str:
    """Build a preset as large as it is, without memory, and show it its images."""
    if not toy.preset:
        return "no preset is checked"
    config = resolve(layered(toy.name, toy.preset))
    scratch = {"pretrained": False} if "pretrained" in toy.settings.model_fields else {}
    size = View.named(config.data.view or toy.kind.default_view, config.data.image_size).size
    with torch.device("meta"):
        method = toy.kind(toy.settings(**{**config.model, **scratch}), n_domains=DOMAINS, image_size=size)
        shapes = {name: (1, 3 if name == "rgb" else 1, size, size) for name in method.modalities}
        batch = {"modalities": {name: torch.zeros(shape) for name, shape in shapes.items()}, "id": ["a"]}
        score = scored(method, batch)
    require(score.shape == (1,), f"predict returned {tuple(score.shape)} for one image")
    learnt = sum(parameter.numel() for parameter in method.parameters() if parameter.requires_grad)
    count = sum(parameter.numel() for parameter in method.parameters())
    return f"{count:,} parameters, of which {learnt:,} learn, at {size} pixels"


SETTINGS_RULES = (
    Rule("defaults", "its settings have defaults, and its YAML file states them", _defaults, of_presets=False),
    Rule("unknown keys", "unknown settings are refused", _strangers, of_presets=False),
    Rule("presets", "its presets are valid", _presets, of_presets=False),
    Rule("demo", "the preset demo builds and steps", _demo, of_presets=False),
    Rule("settings", "every setting changes something", _each_matters, of_presets=False),
)
PRESET_RULES = (Rule("in full", "the preset builds in full and takes its images", _preset_in_full),)
