"""Making a pack: render, encode and write what is still missing of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from fasdata.packs.frames import Wanted, frames_of
from fasdata.packs.pack import IMAGES
from fasdata.packs.plan import PackPlan, spelt_bytes
from fasdata.packs.writer import PackWriter
from fasdata.progress import progress
from fasdata.store.codec import encode

Made: TypeAlias = tuple[int, Mapping[str, bytes], float]  # row, encoded images, share of the view outside the region
_AHEAD = 8  # frames in preparation for each thread
FAR = 0.1  # of a view past the stored region: from there on it is worth a word


@dataclass(frozen=True)
class PackReport:
    """What was done: frames added, bytes of all images now, and how far views left the stored regions.

    `far` counts the frames with more than a tenth of the view outside, `furthest` is the largest share.
    """

    added: int
    bytes: int
    far: int
    furthest: float


def make_pack(plan: PackPlan, *, workers: int = 1) -> PackReport:
    """Write what a pack lacks, rendered by `workers` threads; their number does not change its bytes.

    Raises:
        UserError: a crop is missing or damaged (what was packed before it is kept), or somebody else is writing.
    """
    added, far, furthest = 0, 0, 0.0
    writing = PackWriter(plan.folder, plan.info, plan.manifest.table.num_rows)
    with writing as writer, progress("pack", len(plan.rows), "frames") as bar:
        for row, images, outside in _made(plan, workers):
            if row not in writer.done:  # else another run was quicker, after this one was planned
                writer.add(row, images, outside)
                added, far, furthest = added + 1, far + (outside > FAR), max(furthest, outside)
            bar.advance()
    return PackReport(added, (plan.folder / IMAGES).stat().st_size, far, furthest)


def describe_report(plan: PackPlan, report: PackReport) -> str:
    """Return what packing did, as lines of text."""
    lines = [f"packed {report.added} frames; {spelt_bytes(report.bytes)} in {plan.folder}"]
    if report.far:
        filled = "mirrored" if plan.info.view.border == "reflect" else "black"
        lines.append(
            f"note: {report.far} views reach more than {FAR:.0%} past what is stored (at most {report.furthest:.0%}) "
            f"and are {filled} there; a larger --context of 'fasdata extract' stores more"
        )
    if not plan.info.exact:
        lines.append("note: jpeg changes pixels, so training takes this pack only when told: --set data.images=pack")
    return "\n".join(lines)


def _made(plan: PackPlan, workers: int) -> Iterator[Made]:
    """Yield the frames of a plan in the order of their rows, prepared by threads a little ahead."""
    import cv2

    def make(one: Wanted) -> Made:
        images = {name: plan.renderer.image(one.frame, name) for name in one.modalities}
        return one.row, {name: _encoded(image, name, plan.info.codec) for name, image in images.items()}, outside(one)

    def outside(one: Wanted) -> float:
        return plan.info.view.outside(one.frame.region, one.frame.box, one.frame.landmarks)

    waiting: deque[Future[Made]] = deque()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the threads here are the parallelism
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pack")
    try:
        for one in frames_of(plan.manifest, plan.rows):
            waiting.append(pool.submit(make, one))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        cv2.setNumThreads(before)


def _encoded(image: np.ndarray, modality: str, codec: str) -> bytes:
    if codec == "raw":
        return np.ascontiguousarray(image, image.dtype.newbyteorder("<")).tobytes()
    # A lossy depth would put surfaces where nothing was measured.
    return encode(image, codec if modality == "rgb" else "png")
