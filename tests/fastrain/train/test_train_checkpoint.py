"""Checkpoint files: whole or absent, refused when damaged, and complete."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import torch
from torch import nn

import fastrain.networks.checkpoint as file_module
from fasdata.errors import UserError
from fastrain.networks.checkpoint import Checkpoint
from fastrain.networks.checkpoint_facts import GeneratorFacts, OptimizerFacts
from fastrain.train.optimizer_state import pack_optimizer, plain, plain_state, restore_scheduler, unpack_optimizer
from fastrain.train.randomness import Generators

FACTS = {"method": "erm", "iteration": 3, "list": [1, 2.5, None, "x"]}


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_tensors_and_facts_survive(tmp_path: Path) -> None:
    shared = torch.randn(3, 4)
    tensors = {
        "a/x": shared,
        "a/tied": shared,
        "b/t": torch.randn(4, 3).t(),
        "n": torch.tensor(7),
        "h": torch.ones(2).half(),
    }
    path = tmp_path / "last.safetensors"
    Checkpoint(tensors, FACTS).write(path)
    back = Checkpoint.read(path)
    assert {k: v for k, v in back.facts.items() if k != "format"} == FACTS
    assert set(back.tensors) == set(tensors)
    for name, tensor in tensors.items():
        assert back.tensors[name].dtype == tensor.dtype and torch.equal(back.tensors[name], tensor)
    assert set(back.part("a")) == {"x", "tied"}
    assert json.loads(path.with_suffix(".json").read_text())["iteration"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.json", "last.safetensors"]


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.safetensors"
    Checkpoint({"x": torch.zeros(3)}, FACTS).write(path)
    import safetensors.torch as library

    real = library.save_file

    def half(tensors: dict, target: Path, metadata: dict) -> None:
        real(tensors, target, metadata)
        Path(target).write_bytes(Path(target).read_bytes()[:40])
        raise safetensors.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(library, "save_file", half)
    with pytest.raises(UserError, match="cannot be written; found No space left on device"):
        Checkpoint({"x": torch.ones(3)}, {**FACTS, "iteration": 4}).write(path)
    back = Checkpoint.read(path)
    assert back.facts["iteration"] == 3 and back.tensors["x"].sum() == 0
    # The copy for people was written before: once training has gone on from the old file, both are written again.
    assert json.loads(path.with_suffix(".json").read_text())["iteration"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.json", "last.safetensors"]


def test_damaged_foreign_and_later_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.safetensors"
    with pytest.raises(UserError, match="no checkpoint at"):
        Checkpoint.read(path)
    Checkpoint({"x": torch.zeros(300)}, FACTS).write(path)
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[:-8], b"\x00" * 50, b""):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="no readable checkpoint"):
            Checkpoint.read(path)
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(3)}, path)
    with pytest.raises(UserError, match="no readable checkpoint"):
        Checkpoint.read(path)
    monkeypatch.setattr(file_module, "FORMAT", 2)
    Checkpoint({"x": torch.zeros(3)}, FACTS).write(path)
    monkeypatch.undo()
    with pytest.raises(UserError, match="another format; expected 1; found 2"):
        Checkpoint.read(path)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.9)),
    "adamw-amsgrad": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, centered=True),
}


def stepped(network: nn.Module, optimizer: torch.optim.Optimizer, steps: int, seed: int) -> None:
    for step in range(steps):
        x = torch.randn(4, 5, generator=torch.Generator().manual_seed(100 * seed + step))
        optimizer.zero_grad()
        network(x).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_an_optimizer_continues_to_the_last_bit(kind: str) -> None:
    torch.manual_seed(0)
    network, copy = nn.Linear(5, 3), nn.Linear(5, 3)
    optimizer, restored = OPTIMIZERS[kind](network.parameters()), OPTIMIZERS[kind](copy.parameters())
    stepped(network, optimizer, 3, seed=1)
    optimizer.param_groups[0]["lr"] = 0.0123  # as a schedule would
    tensors, facts = pack_optimizer(optimizer)
    copy.load_state_dict(network.state_dict())
    unpack_optimizer(
        restored,
        {name: tensor.clone() for name, tensor in tensors.items()},
        OptimizerFacts.model_validate(through_json(facts)),
    )
    stepped(network, optimizer, 3, seed=2)
    stepped(copy, restored, 3, seed=2)
    assert torch.equal(network.weight, copy.weight) and torch.equal(network.bias, copy.bias)
    assert restored.param_groups[0]["lr"] == 0.0123


SCHEDULES = {
    "step": lambda o: torch.optim.lr_scheduler.StepLR(o, 3),
    "multistep": lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [2, 5]),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10),
    "lambda": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda epoch: 0.9**epoch),
    "cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=12),
}


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_a_schedule_continues_where_it_was(kind: str) -> None:
    optimizers = [torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1) for _ in range(2)]
    going, fresh = [SCHEDULES[kind](optimizer) for optimizer in optimizers]
    for _ in range(4):
        going.step()
    unpack_optimizer(optimizers[1], {}, OptimizerFacts.model_validate(through_json(pack_optimizer(optimizers[0])[1])))
    restore_scheduler(fresh, through_json(plain_state(going)))
    for _ in range(4):
        going.step()
        fresh.step()
        assert optimizers[0].param_groups[0]["lr"] == optimizers[1].param_groups[0]["lr"]


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        plain({"a": object()})


def test_generators_go_on_with_the_same_numbers() -> None:
    generators = Generators.seeded(3)

    def numbers() -> list[float]:
        order = list(range(9))
        generators.python.shuffle(order)
        own = torch.rand(3, generator=generators.torch)
        return [*order, *own.tolist(), *torch.rand(2).tolist(), *np.random.rand(2).tolist(), random.gauss(0, 1)]

    numbers()
    state = GeneratorFacts.model_validate(through_json(generators.state()))
    expected = [numbers() for _ in range(3)]
    Generators.seeded(99)
    generators.restore(state)
    assert [numbers() for _ in range(3)] == expected
    assert Generators.seeded(3).python.random() == Generators.seeded(3).python.random()


@pytest.mark.parametrize("numbers", [623, 0])
def test_a_state_of_numpys_generator_of_another_length_is_refused(numbers: int) -> None:
    generators = Generators.seeded(3)
    state = generators.state()
    state["numpy"][1] = [7] * numbers
    with pytest.raises(UserError, match="a state of a random generator is damaged"):
        generators.restore(GeneratorFacts.model_validate(through_json(state)))
