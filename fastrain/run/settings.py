"""Read configuration files and `--set` options into one validated configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fasdata.errors import UserError, naming, nearest, unknown_name
from fasdata.foreign import key_paths, read_yaml, short, yaml_of
from fasdata.resources import configs_dir
from fastrain.augmentation import AugmentConfig
from fastrain.config import RunConfig
from fastrain.methods.registry import named_method, settings_class
from fastrain.run.code import require_own_code
from fastrain.rundir import RunDir
from fastrain.rundir.folder import CONFIG, RUN

Model = TypeVar("Model", bound=BaseModel)


def presets(method: str) -> list[str]:
    """Return the names of the presets that come with `method`, sorted."""
    return sorted(path.name[len(method) + 1 : -len(".yaml")] for path in _folder(method).glob(f"{method}.*.yaml"))


def defaults_file(method: str) -> Path | None:
    """Return the YAML file of a method's defaults, None where those of its classes stand alone."""
    file = _folder(method) / f"{method}.yaml"
    return file if file.is_file() else None


def _folder(method: str) -> Path:
    """Return where the YAML files of a method lie: ours in `configs/`, of others in `configs/` beside their code."""
    named = named_method(method)
    return named.code.folder / "configs" if named else configs_dir()


def layered(
    method: str, preset: str | None = None, overrides: Sequence[str] = (), *, implied: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Lay `key=value` pairs over a preset (a shipped name or a YAML file) over the method's defaults.

    `implied` is a tree between preset and pairs: what an imported checkpoint was trained with.

    Keys of `overrides` are full paths (`train.seed`) or the unambiguous end of one (`seed`, `augment.horizontal_flip`);
    values are read as YAML. The result is not validated yet.

    Raises:
        UserError: unknown method, preset or key (the message names the nearest), an ambiguous key, unreadable YAML.
    """
    keys = known_keys(method)
    tree: dict[str, Any] = {"method": method}
    for file in _files(method, preset):
        tree = _merged(tree, _read(file, method))
    tree = _merged(tree, implied or {})
    for override in overrides:
        path, value = _parse_override(override, keys)
        _assign(tree, path.split("."), value)
    return tree


def resolve(tree: Mapping[str, Any]) -> RunConfig:
    """Validate a configuration tree and fill in every default, those of the method included.

    Raises:
        UserError: a key is unknown (names the nearest) or a value does not fit (says what was expected).
    """
    config = _validated(RunConfig, tree, "")
    model = _validated(settings_class(config.method), config.model, "model.")
    augment = _validated(AugmentConfig, config.data.augment, "data.augment.")
    data = config.data.model_copy(update={"augment": augment.model_dump(mode="json")})
    return config.model_copy(update={"model": model.model_dump(mode="json"), "data": data})


def own_config(run: RunDir) -> RunConfig:
    """Return the configuration of a run folder, with every default.

    Raises:
        UserError: its `config.yaml` is missing or damaged, names no method of this version, or has unfit values; code
            from outside that it used is not named, or changed.
    """
    config = run.config()
    if run.file(RUN).is_file():
        require_own_code(run, run.facts())
    with naming(str(run.file(CONFIG))):
        return resolve(config.model_dump())


def known_keys(method: str) -> list[str]:
    """Return the full path of every key a run of `method` understands, sections included."""
    inner: dict[str, type[BaseModel]] = {"model": settings_class(method), "data.augment": AugmentConfig}
    return list(key_paths(RunConfig, inner))


def _files(method: str, preset: str | None) -> Iterator[Path]:
    if defaults := defaults_file(method):
        yield defaults
    if preset is None:
        return
    if preset.endswith((".yaml", ".yml")):
        if not Path(preset).is_file():
            raise UserError(
                f"no preset file {preset}", do="give a YAML file, or the name of a preset of 'fastrain methods'"
            )
        yield Path(preset)
    elif preset in presets(method):
        yield _folder(method) / f"{method}.{preset}.yaml"
    else:
        raise unknown_name(f"preset of {method}", preset, presets(method))


def _read(file: Path, method: str) -> dict[str, Any]:
    tree = read_yaml(file)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UserError(f"{file} holds no settings", expected="a mapping of keys", found=type(tree).__name__)
    if tree.get("method", method) != method:
        raise UserError(f"{file} belongs to another method", expected=method, found=str(tree["method"]))
    return tree


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _parse_override(text: str, keys: Sequence[str]) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UserError(f"cannot read --set {text!r}", expected="key=value, for example train.seed=1")
    if key == "method":
        raise UserError("the method cannot be changed with --set", do="name it as the argument of 'fastrain run'")
    return _full_path(key, keys), yaml_of(value, f"the value of --set {text[:200]!r}")


def _full_path(key: str, keys: Sequence[str]) -> str:
    if key in keys:
        return key
    paths = [path for path in keys if path.endswith("." + key)]
    if len(paths) > 1:
        raise UserError(f"the key {key!r} is ambiguous", expected="one of " + ", ".join(paths))
    if not paths:
        raise _unknown_key(key, keys)
    return paths[0]


def _unknown_key(key: str, keys: Sequence[str]) -> UserError:
    # Compare the last word first: people know a key by its name more often than by its path.
    ends = {path.rpartition(".")[2]: path for path in keys}
    close = nearest(key, keys) or ends.get(nearest(key.rpartition(".")[2], ends), "")
    hint = f"did you mean {close!r}?" if close else "see the configuration file of the method for its keys"
    return UserError(f"unknown configuration key {key!r}", do=hint)


def _assign(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        branch = tree.get(step)
        tree[step] = branch if isinstance(branch, dict) else {}
        tree = tree[step]
    tree[path[-1]] = value


def _validated(model: type[Model], tree: Mapping[str, Any], prefix: str) -> Model:
    try:
        return model.model_validate(dict(tree))
    except ValidationError as error:
        first = error.errors()[0]
        key = prefix + ".".join(str(step) for step in first["loc"])
        if first["type"] == "extra_forbidden":
            raise _unknown_key(key, list(key_paths(model, prefix=prefix))) from error
        raise UserError(f"configuration key {key.rstrip('.')}: {first['msg']}", found=short(first["input"])) from error
