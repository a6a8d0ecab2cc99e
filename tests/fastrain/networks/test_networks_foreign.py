"""Files of others: what is read, what is refused, and that nothing in them ever runs."""

from __future__ import annotations

import os
import pickle
import sys
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fastrain.networks.foreign import json_values, network_state, read_foreign, tensors
from fastrain.networks.weights import read_state


class Evil:
    """Pickles to a call of `function`."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


def test_tensors_numbers_and_containers_come_back(tmp_path: Path) -> None:
    content = {
        "state": {"w": torch.arange(3.0)},
        "metrics": {"auc": np.float64(0.91), "n": np.int64(7), "half": np.float32(0.5), "yes": np.bool_(True)},
        "optimiser": defaultdict(dict, {0: {"momentum": torch.ones(2)}}),
        "epoch": 4,
    }
    torch.save(content, tmp_path / "a.ckpt")
    back = read_foreign(tmp_path / "a.ckpt")
    assert torch.equal(back["state"]["w"], torch.arange(3.0))
    assert back["metrics"] == {"auc": 0.91, "n": 7, "half": 0.5, "yes": True}
    assert torch.equal(back["optimiser"][0]["momentum"], torch.ones(2))
    assert back["epoch"] == 4


@pytest.mark.parametrize(
    ("function", "asked"), [(os.system, "system"), (exec, "exec"), (eval, "eval"), (pickle.loads, "loads")]
)
def test_a_file_that_wants_to_run_something_is_refused_and_nothing_runs(
    tmp_path: Path, function: object, asked: str
) -> None:
    mark = tmp_path / "ran"
    argument = f"touch {mark}" if function is os.system else f"open({str(mark)!r}, 'w')"
    payload = Evil(function, pickle.dumps(0) if function is pickle.loads else argument)
    for name, content in (("top", payload), ("deep", {"model_state": [{"w": torch.zeros(1)}, payload]})):
        torch.save(content, tmp_path / name)
        with pytest.raises(UserError, match=rf"is refused: it asks for [\w.]*{asked}, and nothing of it was run"):
            read_foreign(tmp_path / name)
    assert not mark.exists()


def test_named_objects_become_dictionaries_without_their_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("strange")

    class Settings(dict):
        """A dictionary whose items are attributes too."""

        def __init__(self, **items: object) -> None:
            super().__init__(**items)
            self.__dict__.update(items)

        def __setstate__(self, state: object) -> None:
            raise AssertionError("the foreign type's own code ran")

    Settings.__module__, Settings.__qualname__, module.Settings = "strange", "Settings", Settings  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "strange", module)
    network = torch.nn.Linear(2, 2)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 5)
    torch.save({"args": Settings(lr=0.1, name="x"), "scheduler": schedule}, tmp_path / "a.pth")
    monkeypatch.delitem(sys.modules, "strange")

    with pytest.raises(UserError, match=r"asks for (strange\.Settings|torch\.optim\.lr_scheduler\.StepLR)"):
        read_foreign(tmp_path / "a.pth")
    records = ("strange.Settings", "torch.optim.lr_scheduler.StepLR", "torch.optim.sgd.SGD")
    back = read_foreign(tmp_path / "a.pth", records)
    assert dict(back["args"]) == {"lr": 0.1, "name": "x"}
    assert type(back["scheduler"]).__name__ == "OrderedDict"


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken zip"])
def test_damaged_files_are_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(UserError, match="is no readable checkpoint"):
        read_foreign(tmp_path / "a.ckpt")
    with pytest.raises(UserError, match="no checkpoint file at"):
        read_foreign(tmp_path / "none.ckpt")


def test_odd_numpy_scalars_are_refused(tmp_path: Path) -> None:
    torch.save({"x": np.datetime64("2020-01-01")}, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=r"no readable checkpoint.*NumPy scalar of type"):
        read_foreign(tmp_path / "a.ckpt")


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("a", torch.eye(2).to_sparse(), "'a': sparse_coo float32 on cpu"),
        ("a", torch.eye(2).to(torch.complex64), "'a': strided complex64 on cpu"),
        ("a", torch.zeros(1).expand(1 << 40), "'a': 4398046511104 bytes of 4"),
        ("a", [torch.zeros(1)], "'a': list"),
        (3, torch.zeros(1), "'3': Tensor"),
        (None, torch.zeros(1), "'None': Tensor"),
    ],
)
def test_a_state_of_other_than_plain_tensors_is_refused_by_its_entry(tmp_path, name, value, kind):
    state = {"b": torch.zeros(2), name: value}
    with pytest.raises(UserError, match="the state of the checkpoint holds more than tensors") as error:
        tensors(state, "state")
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(UserError, match="is no file of weights; expected a name for every tensor") as other:
        read_state(tmp_path / "a.pth")
    assert str(error.value).endswith(kind) and str(other.value).endswith(kind)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module.", "module.model.", "backbone."])
def test_the_parts_of_a_checkpoint_lose_the_prefixes_of_wrappers(prefix):
    state = {"fc.weight": torch.ones(2), "model.w": torch.zeros(1)}
    assert tensors({prefix + name: value for name, value in state.items()}, "state").keys() == state.keys()
    assert tensors(state, "state").keys() == state.keys()  # a prefix that not all names have is part of the name


def test_the_state_in_a_checkpoint_is_found_and_the_choice_is_a_fact():
    state, other = {"w": torch.ones(1)}, {"w": torch.zeros(1)}
    facts = {"state taken": "model", "states not taken": ["ema"]}
    assert network_state({"ema": other, "model": state, "epoch": 1}) == (state, facts)
    assert network_state({"net": state, "epoch": 1}) == (state, {}) == network_state(state)
    assert network_state({"epoch": 1}) == (None, {}) == network_state([state])


def test_arrays_are_facts_that_json_can_hold():
    assert json_values({"eva": np.array([0.25, 0.5]), "big": np.zeros(1000)}) == {
        "eva": [0.25, 0.5],
        "big": "(ndarray)",
    }


def test_a_small_buffer_that_repeats_its_numbers_is_plain():
    state = {"mask": torch.arange(8).expand(4, 8)}
    assert tensors(state, "state")["mask"].shape == (4, 8)
