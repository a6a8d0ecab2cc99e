"""The learning rate of ME-FAS by iterations."""

from __future__ import annotations

from fastrain.methods.me_fas.settings import Schedule

POWER = 0.9


def learning_rate_factor(iteration: int, schedule: Schedule) -> float:
    """Return what the learning rate is multiplied by in an iteration, counted from 0.

    A linear warm-up from `warmup_factor` to 1 at iteration w, then (1 - (x - w) / (T - w)) ** 0.9, 0 from the end on.
    """
    if not schedule.use:
        return 1.0
    warmup, total = schedule.warmup_epochs * schedule.steps, schedule.epochs * schedule.steps
    if warmup and iteration <= warmup:
        return schedule.warmup_factor + (1 - schedule.warmup_factor) * iteration / warmup
    return max(0.0, 1 - (iteration - warmup) / (total - warmup)) ** POWER
