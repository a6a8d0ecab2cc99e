"""Where pretrained weights come from, and how it ends when they cannot be had."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from torch import nn

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.methods.registry import METHODS, settings_class
from fastrain.methods.settings import TrunkSettings
from fastrain.networks.hub import find_weights, hub_reachable, hub_source
from fastrain.networks.trunk import feature_trunk, pooled_trunk
from fastrain.networks.weights import load_trunk
from tests.fastrain.sessions import request, session

NAME = "resnet10t.c3_in1k"
NARROW = {"channels": [8, 8, 8, 8], "stem_width": 8}
SETTINGS = [settings_class(name)() for name in METHODS]
TRUNKS = [settings.trunk for settings in SETTINGS if isinstance(settings, TrunkSettings)]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test of this module may see the machine's own cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def trunk() -> nn.Module:
    return pooled_trunk(NAME, NARROW)[0]


@pytest.mark.parametrize("name", [name for name in METHODS if settings_class(name)().model_dump().get("trunk")])
def test_without_network_a_whole_process_says_in_five_seconds_what_to_place_where(name: str, tmp_path: Path) -> None:
    code = f"from fastrain.methods.registry import settings_class; settings_class({name!r})().preflight()"
    guarded = f"from fasdata.errors import guarded\ndef run():\n    {code}\nguarded(run)"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "empty")}
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", guarded], env=environment, capture_output=True, text=True, check=False)
    assert time.monotonic() - started < 5
    assert done.returncode == 2
    message = done.stderr.strip()
    assert "\n" not in message
    trunk = settings_class(name)().trunk
    for part in (
        f"model.safetensors of timm/{trunk}",
        str(tmp_path / "empty" / f"models--timm--{trunk}"),
        f"hf download timm/{trunk} model.safetensors",
        "--set pretrained=false",
        "--set pretrained=/path/model.safetensors",
    ):
        assert part in message


def test_a_silent_network_is_given_up_on(silent_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", silent_server)
    started = time.monotonic()
    with pytest.raises(UserError, match="cannot be reached"):
        find_weights(NAME, True)
    assert time.monotonic() - started < 4


def test_an_error_page_is_an_answer(refusing_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", refusing_server)
    assert hub_reachable()


def test_the_cache_is_enough(empty_cache: Path, offline: None, trunk: nn.Module) -> None:
    snapshot = empty_cache / "models--timm--resnet10t.c3_in1k" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    save_file(trunk.state_dict(), snapshot / "model.safetensors")
    assert find_weights(NAME, True) == snapshot / "model.safetensors"
    assert find_weights("resnet10t", True) == snapshot / "model.safetensors"  # the bare name's own choice


@pytest.mark.parametrize("trunk_name", sorted({*TRUNKS, "resnet18.tv_in1k"}))
def test_the_repository_guessed_from_the_name_is_timms(trunk_name: str) -> None:
    assert hub_source(trunk_name)[0] == timm.get_pretrained_cfg(trunk_name).hf_hub_id


@pytest.mark.parametrize("kind", ["safetensors", "torch", "wrapped", "old"])
def test_a_file_is_loaded(tmp_path: Path, trunk: nn.Module, kind: str) -> None:
    state = {**trunk.state_dict(), "fc.weight": torch.ones(10, 8), "fc.bias": torch.ones(10)}
    if kind == "old":  # written before batch norm counted its batches
        state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    path = tmp_path / ("model.safetensors" if kind == "safetensors" else "model.pth")
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state} if kind == "wrapped" else state, path)
    other = pooled_trunk(NAME, NARROW)[0]
    assert load_trunk(other, NAME, str(path))
    for key, value in trunk.state_dict().items():
        assert torch.equal(value, other.state_dict()[key])


@pytest.mark.parametrize("pyramid", [False, True])
@pytest.mark.parametrize("wrapping", ["prefix", "nested", "torchscript", "half"])
def test_a_complete_file_is_loaded_however_it_is_wrapped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrapping: str, pyramid: bool
) -> None:
    """A pyramid of MobileNetV2 needs neither its last layers nor its classifier."""
    complete = timm.create_model("mobilenetv2_035")
    state, path = dict(complete.state_dict()), tmp_path / "model.pth"
    if wrapping == "torchscript":
        torch.jit.script(complete).save(str(path))
    elif wrapping == "half":
        torch.save({name: value.half() for name, value in state.items()}, path)
    else:
        renamed = {f"module.backbone.{name}": value for name, value in state.items()}
        wrapped = {"ema": {name: value * 0 for name, value in renamed.items()}, "model": renamed, "epoch": 3}
        torch.save(renamed if wrapping == "prefix" else wrapped, path)
    module = (feature_trunk if pyramid else pooled_trunk)("mobilenetv2_035", {})[0]
    assert load_trunk(module, "mobilenetv2_035", str(path))
    tolerance = 1e-3 if wrapping == "half" else 0
    assert all(torch.allclose(value, state[name], 0, tolerance) for name, value in module.state_dict().items())
    note = capsys.readouterr().out
    assert ("its entry 'model' is taken, not ema" in note) == (wrapping == "nested")
    assert ("names are read without 'module.backbone.'" in note) == (wrapping in ("prefix", "nested"))
    assert ("left out: conv_head.weight" in note) == pyramid and "classifier" not in note


@pytest.mark.parametrize("kind", ["pooled", "pyramid"])
def test_torchvisions_names_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    theirs = torchvision.models.mobilenet_v2(weights=None)
    torch.save({f"module.{name}": value for name, value in theirs.state_dict().items()}, tmp_path / "tv.pth")
    module = (pooled_trunk if kind == "pooled" else feature_trunk)("mobilenetv2_100", {})[0]
    before = torch.random.get_rng_state()
    assert load_trunk(module, "mobilenetv2_100", str(tmp_path / "tv.pth"))
    assert torch.equal(torch.random.get_rng_state(), before)
    stem, depthwise = module.state_dict()["conv_stem.weight"], module.state_dict()["blocks.2.1.conv_dw.weight"]
    assert torch.equal(stem, theirs.state_dict()["features.0.0.weight"])
    assert torch.equal(depthwise, theirs.state_dict()["features.5.conv.1.0.weight"])
    assert "torchvision's names became timm's" in capsys.readouterr().out


def test_levels_that_timm_renames_are_found_under_the_networks_own_names(tmp_path: Path) -> None:
    complete = timm.create_model("convnext_atto")
    torch.save(complete.state_dict(), tmp_path / "a.pth")
    module = timm.create_model("convnext_atto", features_only=True, out_indices=(1, 2, 3))
    assert load_trunk(module, "convnext_atto", str(tmp_path / "a.pth"))
    ours, theirs = module.state_dict()["stages_0.blocks.0.conv_dw.weight"], complete.state_dict()
    assert torch.equal(ours, theirs["stages.0.blocks.0.conv_dw.weight"])


@pytest.mark.parametrize("extra", ["neck.weight", "backbone.neck.weight"])
def test_layers_that_no_such_network_has_are_refused(tmp_path: Path, trunk: nn.Module, extra: str) -> None:
    state = {f"backbone.{name}": value for name, value in trunk.state_dict().items()}
    torch.save({**state, extra: torch.ones(2)}, tmp_path / "a.pth")
    if extra == "neck.weight":  # beside the trunk
        assert load_trunk(trunk, NAME, str(tmp_path / "a.pth"))
        return
    with pytest.raises(UserError, match=r"another network.*0 missing, 1 unexpected \(neck\.weight\)"):
        load_trunk(trunk, NAME, str(tmp_path / "a.pth"))


def test_another_networks_file_is_refused_with_counts(tmp_path: Path, trunk: nn.Module) -> None:
    path = tmp_path / "model.safetensors"
    save_file(pooled_trunk("resnet18", {"channels": [8, 8, 8, 8]})[0].state_dict(), path)
    before = {key: value.clone() for key, value in trunk.state_dict().items()}
    with pytest.raises(UserError, match=r"another network.*\d+ missing \(conv1\.0\.weight.*\d+ unexpected") as caught:
        load_trunk(trunk, NAME, str(path))
    assert "of another shape" in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in trunk.state_dict().items())


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth"])
def test_a_damaged_file_is_refused(tmp_path: Path, trunk: nn.Module, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"not weights at all" * 9)
    with pytest.raises(UserError, match="cannot read weights"):
        load_trunk(trunk, NAME, str(path))


def test_a_file_with_code_in_it_is_refused_before_it_runs(tmp_path: Path, trunk: nn.Module) -> None:
    path, mark = tmp_path / "model.pth", tmp_path / "it-ran"
    torch.save({"conv1.weight": Payload(mark)}, path)
    with pytest.raises(UserError, match="cannot read weights"):
        load_trunk(trunk, NAME, str(path))
    assert not mark.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no weight file at .*nowhere\.pth"):
        find_weights(NAME, str(tmp_path / "nowhere.pth"))


@pytest.mark.parametrize(
    ("trunk_name", "kwargs", "message"),
    [
        ("resnet5O", {}, "did you mean 'resnet50"),
        ("resnet50.tv_in2k", {}, "expected one of .*resnet50.tv_in1k"),
        ("resnet18", {"chanels": [1]}, "unexpected keyword argument 'chanels'"),
    ],
)
def test_an_impossible_trunk_is_refused(trunk_name: str, kwargs: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        pooled_trunk(trunk_name, kwargs)


class Payload:
    """Leaves a mark on the disk when a file that holds it is loaded the trusting way."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("localhost", 0)) as server:
        yield f"http://localhost:{server.getsockname()[1]}"


@pytest.fixture
def refusing_server() -> Iterator[str]:
    with socket.create_server(("localhost", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://localhost:{server.getsockname()[1]}"


# -- The real MobileNetV2, where the machine has it --------------------------------------------------------------------

ASSETS = os.environ.get("FAS_ASSETS", "")


@pytest.mark.skipif(not ASSETS, reason="FAS_ASSETS names no folder with backbones/mobilenetv2_100.tv_in1k.safetensors")
def test_erm_starts_from_a_real_mobilenet(library: Library, tmp_path: Path) -> None:
    weights = Path(ASSETS) / "backbones" / "mobilenetv2_100.tv_in1k.safetensors"
    settings = (f"pretrained={weights}", "trunk=mobilenetv2_100", "trunk_kwargs={}", "max_iterations=1")
    training = session(request("erm", library, tmp_path / "run", *settings))
    published, ours = load_file(weights), training.method.trunk.state_dict()
    assert len(ours) > 300 and all(torch.equal(published[name], value) for name, value in ours.items())
    training.train()
    assert not torch.equal(training.method.trunk.state_dict()["conv_stem.weight"], published["conv_stem.weight"])
