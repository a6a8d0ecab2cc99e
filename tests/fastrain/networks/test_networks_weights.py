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
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import nn

from fasdata.errors import UserError
from fastrain.methods.registry import METHODS, settings_class
from fastrain.methods.settings import TrunkSettings
from fastrain.networks.hub import find_weights, hub_reachable, hub_source
from fastrain.networks.trunk import pooled_trunk
from fastrain.networks.weights import load_trunk

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
