"""Choose the images that a landscape is measured on: training images of every source, test images of the target."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fasdata.progress import progress
from fastrain.landscape.surfaces import Domain

if TYPE_CHECKING:
    from fastrain.data.images import Images
    from fastrain.methods.base import Batch
    from fastrain.rescore.finished_run import FinishedRun


@dataclass(frozen=True)
class DomainImages:
    """A domain, the images of its part, and which of them are measured."""

    domain: Domain
    images: Images
    members: np.ndarray


def domain_images(run: FinishedRun, count: int, seed: int) -> list[DomainImages]:
    """Draw up to `count` images of every source domain (part train) and of the target (part test), half of each label.

    A label that has fewer gives all it has. Labels are those that training saw: of a control run the shuffled ones. The
    same seed draws the same images for every network of a manifest.

    Raises:
        UserError: the manifest has no training images.
    """
    meta = run.manifest.meta
    if "train" not in run.images:
        raise UserError(
            f"{meta['canonical']} has no training images", expected="a run that was trained on its manifest"
        )
    train = run.images["train"]
    if run.about.shuffle_labels:
        train = train.relabelled(train.samples.with_shuffled_labels(run.about.seed or 0))
    numbers: dict[int, list[str]] = {}
    for domain in meta["domains"]:
        names = numbers.setdefault(domain["domain_id"], [])
        if domain["name"] not in names:
            names.append(domain["name"])
    chosen = []
    for number, names in sorted(numbers.items()):
        members = np.flatnonzero(train.samples.domain == number)
        chosen.append(_drawn(train, members, " and ".join(names), False, count, (seed, number + 1)))
    if "test" in run.images:
        test = run.images["test"]
        name = " and ".join(dict.fromkeys(domain["name"] for domain in meta["target"]))
        chosen.append(_drawn(test, np.arange(len(test.samples)), name, True, count, (seed, 0)))
    return [each for each in chosen if len(each.members)]


def _drawn(
    images: Images, members: np.ndarray, name: str, target: bool, count: int, seed: tuple[int, int]
) -> DomainImages:
    rng, label = np.random.default_rng(seed), images.samples.label
    by_label = [rng.permutation(members[label[members] == value])[: count // 2] for value in (1, 0)]
    domain = Domain(name, target, len(by_label[0]), len(by_label[1]))
    return DomainImages(domain, images, np.sort(np.concatenate(by_label)))


def batches_of(run: FinishedRun, chosen: Sequence[DomainImages], size: int) -> list[list[Batch]]:
    """Read the images of every domain once and keep them as batches on the network's device.

    Batches of a domain differ by one image at most.
    """
    scorer = run.own_scorer
    with progress("read images", sum(len(each.members) for each in chosen), "images") as bar:

        def read(each: DomainImages) -> Iterator[Batch]:
            for members in np.array_split(each.members, parts_of(len(each.members), size)):
                yield from scorer.batches(each.images, members, len(members))
                bar.advance(len(members), domain=each.domain.name)

        return [list(read(each)) for each in chosen]


def parts_of(count: int, size: int) -> int:
    """Return into how many batches of at most `size` so many images are split."""
    return -(-count // size)


def require_memory(chosen: Sequence[DomainImages], device: Any) -> None:
    """Check that the images fit into the free memory of a device.

    Raises:
        UserError: they do not.
    """
    import torch

    from fastrain.data.batches import CHANNELS

    channels = {name for each in chosen for name in each.images.modalities}
    pixels = max(each.images.size for each in chosen) ** 2 * sum(CHANNELS[name] for name in channels)
    needed = 4 * pixels * sum(len(each.members) for each in chosen)
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > 0.8 * free:
        raise UserError(
            f"the images of a landscape do not fit into the memory of {device}",
            expected=f"{needed / 2**30:.1f} GiB",
            found=f"{free / 2**30:.1f} GiB free",
            do="fewer --images",
        )
