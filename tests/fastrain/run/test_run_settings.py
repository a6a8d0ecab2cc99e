"""Configuration: layers, short names, and errors that help."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fasdata.errors import UserError
from fasdata.resources import configs_dir
from fastrain.config import RunConfig, config_hash, differences
from fastrain.methods.registry import METHODS, method_class, settings_class
from fastrain.run.settings import known_keys, layered, presets, resolve

SHIPPED = sorted(configs_dir().glob("*.yaml"))


def names(file: Path) -> tuple[str, str | None]:
    method, _, preset = file.name.removesuffix(".yaml").partition(".")
    return method, preset or None


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_file_is_valid_and_has_its_say(file: Path) -> None:
    method, preset = names(file)
    config = resolve(layered(method, preset)).model_dump(mode="json")

    def has(tree: dict, part: dict) -> bool:
        return all(has(tree[k], v) if isinstance(v, dict) else tree[k] == v for k, v in part.items())

    assert has(config, yaml.safe_load(file.read_text()))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_file_of_a_method_shows_every_setting_it_has(method: str) -> None:
    shown = yaml.safe_load((configs_dir() / f"{method}.yaml").read_text())
    assert set(shown["model"]) == set(settings_class(method).model_fields)
    assert method_class(method).Config is settings_class(method)


def test_layers_lie_over_each_other(tmp_path: Path) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("train: {max_iterations: 7, seed: 3}\nmodel: {meta_lr: 0.5}\n")
    plain = resolve(layered("hfn_mp"))
    laid = resolve(layered("hfn_mp", str(preset), ["train.seed=4"]))
    assert (laid.train.max_iterations, laid.train.seed, laid.model["meta_lr"]) == (7, 4, 0.5)
    assert differences(plain.model_dump(), laid.model_dump()) == [
        "model.meta_lr: 0.001 -> 0.5",
        "train.max_iterations: 20000 -> 7",
        f"train.seed: {plain.train.seed} -> 4",
    ]


def test_a_key_may_be_given_by_its_unambiguous_end() -> None:
    config = resolve(
        layered("hfn_mp", None, ["pretrained=false", "augment.horizontal_flip=0", "random_erasing.scale=[0.1, 0.2]"])
    )
    assert config.model["pretrained"] is False
    assert config.data.augment["horizontal_flip"] == 0
    assert config.data.augment["random_erasing"]["scale"] == [0.1, 0.2]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("max_iteration=3", "did you mean 'train.max_iterations'"),
        ("data.worker=3", "did you mean 'data.workers'"),
        ("model.train.seed=3", "did you mean"),
        ("scale=[0.1, 0.2]", "is ambiguous; expected one of data.augment.random_resized_crop.scale, "),
        ("seed", "expected key=value"),
        ("method=erm", "cannot be changed"),
        ("train.seed=[1", "is not readable YAML"),
    ],
)
def test_a_wrong_override_is_refused_with_advice(override: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        layered("hfn_mp", None, [override])
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.max_iterations=0", "train.max_iterations: Input should be greater than or equal to 1; found 0"),
        (
            "evaluate.select=target",
            "evaluate.select: Input should be 'source_val', 'last', 'mean_last', 'target_oracle', 'ema' or 'swa'",
        ),
        ("model.meta_lr=-1", "model.meta_lr"),
        ("augment.horizontal_flip=2", "data.augment.horizontal_flip"),
        ("model.trunk_kwargs=3", "model.trunk_kwargs"),
        ("data.augment=3", "data.augment"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_key(override: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(layered("hfn_mp", None, [override]))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trian: {seed: 1}", "unknown configuration key 'trian'; did you mean 'train'"),
        ("train: {sede: 1}", "unknown configuration key 'train.sede'; did you mean 'train.seed'"),
        ("model: {innerloops: 1}", "unknown configuration key 'model.innerloops'; did you mean 'model.inner_loops'"),
        ("data: {augment: {horizontal_flp: 1}}", "did you mean 'data.augment.horizontal_flip'"),
        ("method: erm", "belongs to another method; expected hfn_mp; found erm"),
        ("- 1\n- 2", "holds no settings"),
        ("train: {seed: [", "is not readable YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_advice(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        resolve(layered("hfn_mp", str(file)))
    assert words in str(error.value)


def test_unknown_names_name_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'hfn_mp'"):
        layered("hfnmp")
    with pytest.raises(UserError, match="did you mean 'demo'"):
        layered("hfn_mp", "dem")
    with pytest.raises(UserError, match="no preset file"):
        layered("hfn_mp", "absent.yaml")
    assert "demo" in presets("erm")


def test_the_hash_leaves_out_what_changes_no_result() -> None:
    plain = resolve(layered("erm"))
    assert config_hash(plain) == config_hash(resolve(layered("erm", None, ["workers=7", "cache=memory"])))
    assert config_hash(plain) != config_hash(resolve(layered("erm", None, ["seed=7"])))


def test_defaults_fill_in_what_a_file_leaves_out() -> None:
    config = RunConfig(method="erm")
    assert (config.data.last_batch, config.evaluate.select, config.data.view) == ("keep", "source_val", None)


def leaves(tree: dict, prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [prefix + key]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_resolved_configuration_reads_back_unchanged(method: str) -> None:
    config = resolve(layered(method))
    tree = yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json")))
    assert resolve(tree) == config
    assert set(leaves(tree)) <= set(known_keys(method))
