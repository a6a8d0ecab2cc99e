"""The sizes a world comes in, and the datasets it can hold."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.errors import unknown_name
from fasdata.synth import casia_fasd, msu_mfsd, oulu_npu, replay_attack
from fasdata.synth.layout import DatasetPlan

# Frames a clip. Frame rules reach for the seventh, so no clip has fewer than eight.
PRESETS = {"mini": 8, "demo": 8}
_PLANS = {
    casia_fasd.SLUG: casia_fasd.plan_casia_fasd,
    replay_attack.SLUG: replay_attack.plan_replay_attack,
    oulu_npu.SLUG: oulu_npu.plan_oulu_npu,
    msu_mfsd.SLUG: msu_mfsd.plan_msu_mfsd,
}


def plan_world(preset: str, datasets: Sequence[str]) -> list[DatasetPlan]:
    """Return what a preset consists of; no dataset named means all.

    `mini` is for tests. `demo` is enough to learn from: people held out of training in every source, print and replay
    everywhere, under 3000 frames in all.

    Raises:
        UserError: the preset or a dataset is unknown.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    for slug in datasets:
        if slug not in _PLANS:
            raise unknown_name("synthetic dataset", slug, _PLANS)
    return [plan(preset, PRESETS[preset]) for slug, plan in _PLANS.items() if not datasets or slug in datasets]
