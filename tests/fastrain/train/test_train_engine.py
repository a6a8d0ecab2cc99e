"""The loop: epochs, hooks, schedules, what is saved when, and how it stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.run.session import Session
from fastrain.train.logbook import keep_until
from fastrain.train.training_state import load_method
from tests.fastrain.sessions import before_step, last, log, request, session
from tests.fastrain.world import SOURCES

AT_ONCE = {"erm": (), "gac_fas": ("warming_epochs=0", "minimizer_warming=0", "channels_last=true")}


def small(library: Library, folder: Path, *overrides: str, method: str = "erm") -> Session:
    return session(request(method, library, folder, *overrides))


def test_epochs_follow_the_published_count(library: Library, run_folder: Path) -> None:
    training = small(library, run_folder, "steps_per_epoch=3", "max_iterations=7", "validate_every_epochs=2")
    opened: list[tuple[int, int]] = []
    at: dict[int, int] = {}
    training.method.on_epoch_start = lambda ctx: opened.append((ctx.iteration, ctx.epoch))  # type: ignore[method-assign]
    before_step(training, lambda iteration: at.update({iteration: training.engine._context.epoch}))
    training.train()
    assert at == {1: 1, 2: 1, 3: 2, 4: 2, 5: 2, 6: 3, 7: 3}
    assert opened == [(1, 1), (3, 2), (6, 3)]
    assert [line["iteration"] for line in log(run_folder) if line["kind"] == "val"] == [6, 7]


def test_a_schedule_by_epoch_moves_when_an_epoch_opens(library: Library, run_folder: Path) -> None:
    training = small(
        library, run_folder, "schedule=step", "schedule_epochs=1", "schedule_factor=0.5", "lr=0.08", "max_iterations=7"
    )
    rates: list[float] = []
    optimizer = next(iter(training.engine._optimizers.values())).optimizer
    before_step(training, lambda _: rates.append(optimizer.param_groups[0]["lr"]))
    training.train()
    assert rates == [0.08, 0.08, 0.04, 0.04, 0.04, 0.02, 0.02]


def test_a_method_that_draws_for_itself_gets_no_batch_and_others_all_domains(library: Library, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}
    for method in ("erm", "hfn_mp"):
        training = small(library, tmp_path / method, "max_iterations=1", method=method)
        step = training.method.training_step
        training.method.training_step = lambda batch, ctx, m=method, s=step: (seen.update({m: batch}), s(batch, ctx))[1]  # type: ignore
        training.train()
    assert seen["hfn_mp"] is None
    assert sorted(seen["erm"]["domain"].unique().tolist()) == list(range(len(SOURCES)))


def test_a_loss_that_is_no_number_stops_and_keeps_what_was_saved(library: Library, run_folder: Path) -> None:
    training = small(library, run_folder, method="hfn_mp")
    network: Any = training.method

    def poison(iteration: int) -> None:
        if iteration == 8:
            with torch.no_grad():
                next(network.hfn.parameters()).fill_(float("nan"))

    before_step(training, poison)
    with pytest.raises(UserError) as error:
        training.train()
    assert "the loss became nan in iteration 8" in str(error.value)
    assert "/s0__" in str(error.value) or "/s1__" in str(error.value)
    assert "checkpoints written before are kept" in str(error.value)
    kept = last(run_folder)
    assert kept.facts["iteration"] == 6
    assert all(torch.isfinite(tensor).all() for tensor in kept.tensors.values())


def test_the_best_checkpoint_is_the_first_of_the_highest_validation_auc(library: Library, run_folder: Path) -> None:
    training = small(library, run_folder)
    values = iter([0.6, 0.9, 0.9, 0.7])
    import fastrain.train.engine as engine

    real = engine.validation_metrics
    engine.validation_metrics = lambda images, scores: {**real(images, scores), "auc": next(values)}  # type: ignore
    try:
        outcome = training.train()
    finally:
        engine.validation_metrics = real
    assert outcome.best is not None and outcome.best["iteration"] == 6 and outcome.best["auc"] == 0.9
    assert (last(run_folder, "best").facts["iteration"], last(run_folder).facts["iteration"]) == (6, 12)
    assert training.engine.load_selected() == 6
    for name, tensor in last(run_folder, "best").part("method").items():
        assert torch.equal(training.method.state_dict()[name], tensor)


def test_frozen_parameters_stay_frozen_over_a_restart(library: Library, run_folder: Path) -> None:
    training = small(library, run_folder, "max_iterations=3")
    frozen, parameter = next(iter(training.method.named_parameters()))
    before_step(training, lambda _: training.engine._context.set_trainable([parameter], False))
    training.train()
    assert last(run_folder).facts["frozen"] == [frozen]
    again = small(library, run_folder, "max_iterations=3")
    again.engine.restore()
    assert [name for name, p in again.method.named_parameters() if not p.requires_grad] == [frozen]


def test_no_gradient_outlives_its_iteration(library: Library, run_folder: Path) -> None:
    training = small(library, run_folder, "max_iterations=2", method="hfn_mp")
    left: list[int] = []
    before_step(training, lambda _: left.append(sum(p.grad is not None for p in training.method.parameters())))
    training.train()
    assert left == [0, 0]


def test_a_checkpoint_of_another_method_is_refused(library: Library, tmp_path: Path) -> None:
    small(library, tmp_path / "erm", "max_iterations=1").train()
    other = small(library, tmp_path / "hfn", "max_iterations=1", method="hfn_mp")
    with pytest.raises(UserError, match="another method; expected hfn_mp; found 'erm'"):
        load_method(last(tmp_path / "erm"), other.method)
    larger = small(library, tmp_path / "large", "max_iterations=1", "image_size=40")
    load_method(last(tmp_path / "erm"), larger.method)  # image size is no part of the network


def test_the_log_averages_windows_and_never_across_a_validation(library: Library, run_folder: Path) -> None:
    training = small(library, run_folder, "log_every=2", "max_iterations=6")
    training.train()
    lines = log(run_folder)
    assert [(line["kind"], line["iteration"]) for line in lines] == [
        ("train", 2), ("train", 3), ("val", 3), ("train", 4), ("train", 6), ("val", 6),
    ]  # fmt: skip
    assert {"auc", "eer", "auc_frame", "eer_frame"} <= set(lines[2])


def test_a_log_is_cut_back_to_a_checkpoint_half_a_line_included(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    lines = [f'{{"kind": "train", "iteration": {i}, "epoch": 1, "loss": 0.5}}\n' for i in (1, 2, 3, 4)]
    file.write_text("".join(lines) + lines[0][:20])
    keep_until(file, 3)
    assert file.read_text() == "".join(lines[:3])
    keep_until(tmp_path / "absent.jsonl", 3)
    assert not (tmp_path / "absent.jsonl").exists()


@pytest.mark.parametrize("method", ["erm", "gac_fas"])
@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_other_precisions_train(precision: str, method: str, library: Library, run_folder: Path) -> None:
    training = session(request(method, library, run_folder, "max_iterations=3", *AT_ONCE[method], precision=precision))
    training.train()
    dtype = torch.float64 if precision == "64-true" else torch.float32
    assert next(training.method.parameters()).dtype == dtype
