"""List the sizes of a world and the datasets in it."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.errors import unknown_name
from fasdata.synth.layouts import (
    casia_fasd,
    casia_surf,
    casia_surf_cefa,
    msu_mfsd,
    oulu_npu,
    padisi_face,
    replay_attack,
    wmca,
)
from fasdata.synth.layouts.dataset_plan import DatasetPlan

# Frames a video. Frame rules reach for the seventh, so no video has fewer than eight.
PRESETS = {"mini": 8, "demo": 8}
_PLANS = {
    casia_fasd.SLUG: casia_fasd.plan_casia_fasd,
    replay_attack.SLUG: replay_attack.plan_replay_attack,
    oulu_npu.SLUG: oulu_npu.plan_oulu_npu,
    msu_mfsd.SLUG: msu_mfsd.plan_msu_mfsd,
}
_MULTIMODAL_PLANS = {
    casia_surf.SLUG: casia_surf.plan_casia_surf,
    casia_surf_cefa.SLUG: casia_surf_cefa.plan_casia_surf_cefa,
    wmca.SLUG: wmca.plan_wmca,
    padisi_face.SLUG: padisi_face.plan_padisi_face,
}
# Words that stand for several datasets, and what is meant where none is named.
GROUPS = {"rgb": tuple(_PLANS), "mm": tuple(_MULTIMODAL_PLANS)}
_DEFAULT = "rgb"


def plan_world(preset: str, datasets: Sequence[str]) -> list[DatasetPlan]:
    """Return the plans of a preset; `datasets` are slugs or names of `GROUPS`, an empty list means `rgb`.

    `mini` is for tests. `demo` is enough to learn from: people held out of training in every source; of the videos
    print and replay everywhere and under 3000 frames in all; of the multi-modal sets under 2000 frames in all.

    Raises:
        UserError: the preset or a dataset is unknown.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    slugs = {slug for name in datasets or [_DEFAULT] for slug in GROUPS.get(name, (name,))}
    known = (*_PLANS, *_MULTIMODAL_PLANS)
    for slug in slugs.difference(known):
        raise unknown_name("synthetic dataset", slug, [*known, *GROUPS])
    videos = [plan(preset, PRESETS[preset]) for slug, plan in _PLANS.items() if slug in slugs]
    return videos + [plan(preset) for slug, plan in _MULTIMODAL_PLANS.items() if slug in slugs]
