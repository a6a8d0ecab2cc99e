"""Say what a run would do, from its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasdata.manifests.meta import recipe_text
from fastrain.config import SOURCE_VAL, TARGET_ORACLE, modalities_of
from fastrain.run.code import code_facts

if TYPE_CHECKING:
    from fastrain.run.plan import RunPlan

_STATES = {"new": "new", "unfinished": "begun: it goes on from its last checkpoint", "finished": "finished already"}
_PARTS = {"train": "train", "val": "held out", "test": "target"}


def describe_plan(plan: RunPlan) -> str:
    """Return the whole plan as lines of text."""
    config, request, meta = plan.config, plan.request, plan.manifest_file.manifest.meta
    train, evaluate = config.train, config.evaluate
    compares = evaluate.select in (SOURCE_VAL, TARGET_ORACLE)
    notes = [
        plan.view_note and f"{plan.view_note}; so the view is {plan.view.name}",
        plan.preset_note,
        *plan.sampling.notes,
        *plan.sampling.deviations,
        *(f"changed data: {change}" for change in plan.changed_data),
    ]
    code = [
        f"code      {used['name']} is from {used['named']}, {used['sha256'][:12]}"
        for used in [*code_facts(config), *meta.get("code", ())]
    ]
    lines = [
        f"method    {config.method}, {' '.join(modalities_of(config))}, view {plan.view.geometry} at {plan.view.size} "
        f"pixels, seed {train.seed}",
        *code,
        f"protocol  {meta['canonical']}, recipe {recipe_text(meta['recipe'])}, {plan.n_domains} source domains",
        plan.manifest_file.note.replace("manifest ", "manifest  ", 1),
        f"data      {_counts(plan)}",
        f"images    {plan.images.note}",
        f"batches   {_batches(plan)}",
        f"training  {train.max_iterations} iterations, {train.steps_per_epoch} an epoch, "
        f"validation every {train.validate_every_epochs} epochs",
        f"selection {evaluate.select}" + (f" by clip {evaluate.metric}" if compares else ""),
        f"devices   {request.devices or '1'} ({request.accelerator or 'auto'}), "
        f"precision {request.precision or '32-true'}",
        f"weights   {_weights(plan)}",
        f"folder    {plan.run.path} ({_STATES[plan.state]})",
        *(f"note: {note}" for note in notes if note),
    ]
    return "\n".join(lines)


def _counts(plan: RunPlan) -> str:
    texts = []
    for part, name in _PARTS.items():
        tallies = [tally for tally in plan.manifest_file.manifest.meta["counts"] if tally["part"] == part]
        clips, frames = (sum(tally[what] for tally in tallies) for what in ("clips", "frames"))
        texts.append(f"{name} {clips} clips, {frames} frames" if tallies else f"no {name} clips")
    return "; ".join(texts)


def _batches(plan: RunPlan) -> str:
    data = plan.config.data
    if plan.sampling.sampler == "groups":
        items = 2 * plan.n_domains * data.batch_per_group
        return f"{data.batch_per_group} of each domain and label, {items} of all of them together"
    return f"{data.batch_items}, drawn by {plan.sampling.sampler}"


def _weights(plan: RunPlan) -> str:
    pretrained = plan.config.model.get("pretrained", False)
    if isinstance(pretrained, str):
        return f"pretrained, {pretrained}"
    return f"pretrained{', as the settings name them' if pretrained else ': none, from scratch'}"
