"""Score images with the networks of a contestant, as a run's own network is scored elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.progress import late_progress
from fastrain.outside.networks import OutsideScorer, load_networks

if TYPE_CHECKING:
    import numpy as np

    from fastrain.data.images import Images
    from fastrain.run.assembly import Data, Scored
    from fastrain.rundir import RunDir, RunFacts


@dataclass(frozen=True)
class OutsideAssembly:
    """The images of some parts, and the scorer that shows them to a contestant's networks."""

    images: Mapping[str, Images]
    scorer: OutsideScorer


def has_networks(about: RunFacts) -> bool:
    """Tell whether a run is a contestant whose networks can score pictures."""
    return about.contestant is not None and bool(about.contestant.networks)


def outside_assembly(
    run: RunDir, about: RunFacts, data: Data, parts: Sequence[str], accelerator: str = "auto"
) -> OutsideAssembly:
    """Load a contestant's networks, and open the images of those parts that the manifest has.

    Raises:
        UserError: the contestant is of scores alone, a network is missing or another, or what its views need is not
            stored.
    """
    from fastrain.data.images import Images
    from fastrain.data.samples import Samples

    if about.contestant is None or not about.contestant.networks:
        raise UserError(f"{run.path} holds scores and no network", do="'fastrain eval', 'report' and 'compare' take it")
    networks = load_networks(run.path, about.contestant.networks, accelerator)
    samples = {part: members for part in parts if len(members := Samples.of(data.manifest, part))}
    for members in samples.values():
        members.require(("rgb",))
    # A view that reaches past what is stored is told before anything is scored; the widest, whose region has them all.
    widest, *others = sorted((network.view for network in networks), key=lambda view: -view.factor)
    images = {part: Images(members, data.stores, widest) for part, members in samples.items()}
    for of_part in images.values():
        for view in others:
            of_part.with_view(view)
    shown = {part: of_part.with_view(networks[0].view) for part, of_part in images.items()}
    return OutsideAssembly(shown, OutsideScorer(tuple(networks)))


def outside_scores(run: RunDir, about: RunFacts, data: Data, parts: Sequence[str]) -> Scored:
    """Return, for the parts that are asked for, what was scored and its scores by name.

    Raises:
        UserError: as `outside_assembly`, or a score is not a number.
    """
    assembly = outside_assembly(run, about, data, parts)
    return {part: (images, _scores(assembly.scorer, part, images)) for part, images in assembly.images.items()}


def _scores(scorer: OutsideScorer, part: str, images: Images) -> dict[str, np.ndarray]:
    with late_progress(f"score {part}", len(images.samples) * len(scorer.networks), "images") as bar:
        return scorer.scores(images, parts=True, scored=bar.advance)
