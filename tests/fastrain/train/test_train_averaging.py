"""Averages of weights: what they are by hand, to the last bit after a stop, and as the network that is scored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.augmentation import AugmentConfig
from fastrain.run.run import run
from fastrain.rundir import RunDir, selected_checkpoint
from fastrain.train.averaging import with_statistics
from fastrain.train.devices import open_devices
from fastrain.train.scoring import Scorer
from tests.fastrain.sessions import Killed, assert_same_checkpoint, before_step, die_at, last, request, session

ASKED = ("max_iterations=6", "steps_per_epoch=2", "train.ema=0.75", "train.swa=2")


@pytest.fixture(scope="module")
def calm(library: Library, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, torch.Tensor]]]:
    """A training with both averages, and its network after each iteration; not to be changed."""
    folder = tmp_path_factory.mktemp("averaging") / "calm"
    training, states = session(request("erm", library, folder, *ASKED)), []

    def kept() -> dict[str, torch.Tensor]:
        return {name: tensor.clone() for name, tensor in training.method.state_dict().items()}

    before_step(training, lambda now: states.append(kept()) if now > 1 else None)
    training.train()
    return folder, [*states, kept()]


def test_ema_and_swa_are_the_means_that_they_say(calm: tuple[Path, list[dict[str, torch.Tensor]]]) -> None:
    folder, states = calm
    ema = {name: tensor.clone() for name, tensor in states[0].items()}
    for state in states[1:]:
        for name, tensor in state.items():
            ema[name] = 0.75 * ema[name] + 0.25 * tensor if tensor.is_floating_point() else tensor
    average, swa = last(folder, "ema").part("method"), last(folder, "swa").part("method")
    running = [name for name in ema if "running_" in name]
    assert running and last(folder).facts["averages"] == {"ema": 6, "swa": 2}
    for name, tensor in ema.items():
        torch.testing.assert_close(average[name], tensor)  # buffers too
        if name not in running and tensor.is_floating_point():
            torch.testing.assert_close(swa[name], (states[3][name] + states[5][name]) / 2)
    assert all(not torch.equal(swa[name], (states[3][name] + states[5][name]) / 2) for name in running)


def test_statistics_of_swa_are_those_of_the_averaged_network(calm, library: Library) -> None:
    """The first batch norm sees what the first convolution gives for the training images: its mean over them all."""
    folder, _ = calm
    scoring = session(request("erm", library, folder.parent / "other", *ASKED))
    assert len(scoring.true_images["train"].samples) == 24  # one batch: its statistics are those of all
    method, state = scoring.method, last(folder, "swa").part("method")
    method.load_state_dict(state)
    convolution, norm = first_pair(method)
    seen: list[torch.Tensor] = []
    handle = convolution.register_forward_hook(lambda module, given, result: seen.append(result))
    scorer = Scorer(open_devices("cpu", "1", "32-true"), method, AugmentConfig(), 24, 0)
    anew = with_statistics(state, method, scorer, scoring.true_images["train"], seed=3)
    handle.remove()
    name = next(key for key, module in method.named_modules() if module is norm)
    whole = torch.cat(seen)
    torch.testing.assert_close(anew[f"{name}.running_mean"], whole.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(anew[f"{name}.running_var"], whole.var(dim=(0, 2, 3)), rtol=1e-4, atol=1e-6)
    assert all(torch.equal(tensor, state[key]) for key, tensor in method.state_dict().items())  # given back as it was


def test_statistics_that_a_method_holds_stay_those_of_its_fixed_part(library: Library, tmp_path: Path) -> None:
    scoring = session(request("erm", library, tmp_path / "run", *ASKED, "freeze_trunk=true"))
    method = scoring.method
    state = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    scorer = Scorer(open_devices("cpu", "1", "32-true"), method, AugmentConfig(), 24, 0)
    anew = with_statistics(state, method, scorer, scoring.true_images["train"], seed=3)
    running = [name for name in state if "running_" in name]
    assert running and all(torch.equal(anew[name], state[name]) for name in running)


def first_pair(method: nn.Module) -> tuple[nn.Module, nn.Module]:
    modules = [module for module in method.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]
    at = next(place for place, module in enumerate(modules) if isinstance(module, nn.BatchNorm2d))
    return modules[at - 1], modules[at]


def test_a_killed_run_has_the_same_averages(calm, library: Library, tmp_path: Path) -> None:
    training = session(request("erm", library, tmp_path / "run", *ASKED))
    die_at(training, 6)
    with pytest.raises(Killed):
        training.train()
    session(request("erm", library, tmp_path / "run", *ASKED)).train()
    for name in ("last", "ema", "swa"):
        assert_same_checkpoint(last(calm[0], name), last(tmp_path / "run", name))


@pytest.mark.parametrize("name", ["ema", "swa"])
def test_an_average_is_what_is_scored_where_it_is_selected(library: Library, tmp_path: Path, name: str) -> None:
    run(request("erm", library, tmp_path / "run", *ASKED, f"select={name}", report=False))
    about = RunDir(tmp_path / "run").facts()
    assert (about.selection.policy, about.selection.checkpoint, about.selection.iteration) == (name, name, 6)
    assert selected_checkpoint(tmp_path / "run").name == f"{name}.safetensors"
    with pytest.raises(UserError, match=rf"select={name} needs the average of weights that train.{name} keeps"):
        run(request("erm", library, tmp_path / "other", f"select={name}"))
