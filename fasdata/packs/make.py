"""Make a pack: plan and check it before anything is written, then render, encode and write what is missing."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from fasdata.errors import UserError, unknown_name
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests.table import PARTS
from fasdata.packs.info import FILE, PackInfo, pack_dir
from fasdata.packs.pack import IMAGES, read_index
from fasdata.packs.renderer import FrameToPack, Renderer, frames_of, image_rows, require_geometry
from fasdata.packs.writer import PackWriter
from fasdata.progress import progress
from fasdata.records import MODALITIES
from fasdata.store.atomic import require_writable
from fasdata.store.codec import encode

if TYPE_CHECKING:
    from fasdata.manifests import Manifest


# -- What packing would take: checked before anything is written ------------------------------------------------------

_VALUES = {"rgb": 3, "depth": 2, "ir": 2}  # bytes a pixel, at most


@dataclass(frozen=True)
class PackPlan:
    """A checked request: the rows of the manifest still to be packed, and how many were packed before.

    `raw_bytes` are what the rest takes as raw pixels, at most. A pack in that place with another version of the view's
    geometry is made anew: `replaces` is that version, 0 where there is no such pack.
    """

    manifest: Manifest
    renderer: Renderer
    info: PackInfo
    folder: Path
    parts: tuple[str, ...]
    rows: np.ndarray
    n_done: int
    raw_bytes: int
    replaces: int = 0


def plan_pack(
    protocol: str, recipe: str, library: Library, view: View, codec: str, parts: Sequence[str] = PARTS
) -> PackPlan:
    """Check a request against the manifest, its stores, and what is packed already; write nothing.

    Raises:
        UserError: unknown protocol, codec or part; no manifest, or stores that it was not built from; faces without
            the landmarks or box that the view needs; another pack in that place; too little space on the disk.
    """
    from fasdata.manifests import Manifest
    from fasdata.protocols.grammar import parse_in

    for part in parts:
        if part not in PARTS:
            raise unknown_name("part", part, PARTS)
    manifest = Manifest.read(library.protocol_dir(parse_in(library, protocol).canonical, recipe))
    info = PackInfo.of(manifest, view, codec)
    rows = image_rows(manifest, parts)
    require_geometry(manifest, rows, view)
    shown = {name: _shown(manifest, rows, name) for name in MODALITIES}
    renderer = Renderer(manifest.open_stores(library), view)
    renderer.require(_pairs(manifest, rows, shown))
    renderer.require_stored(packed.frame for packed in frames_of(manifest, rows))
    folder = pack_dir(library, info.protocol, info.recipe, view)
    require_writable(folder)
    outdated = _outdated(folder)
    done = np.empty(0, np.uint32) if outdated else _packed(folder, info, manifest.table.num_rows)
    left = ~np.isin(rows, done)
    pixels = sum(int((shown[name] & left).sum()) * _VALUES[name] for name in MODALITIES)
    plan = PackPlan(
        manifest, renderer, info, folder, tuple(parts), rows[left], int((~left).sum()), pixels * view.size**2, outdated
    )
    _require_space(plan, library)
    return plan


def describe_plan(plan: PackPlan) -> str:
    """Describe what packing will do, in lines of text."""
    done = f", {plan.n_done} of them packed before" if plan.n_done else ""
    size = spelt_bytes(plan.raw_bytes) + ("" if plan.info.codec == "raw" else " if they were raw pixels")
    version = plan.info.geometry
    anew = f"made anew: what is there has version {plan.replaces} of the view's geometry, not {version}"
    return "\n".join(
        [
            f"manifest  {plan.info.protocol}, recipe {plan.info.recipe}, parts {', '.join(plan.parts)}",
            f"view      {plan.info.view} at {plan.info.view.size} pixels, codec {plan.info.codec}",
            f"frames    {plan.n_done + len(plan.rows)}{done}; to do {len(plan.rows)}, {size}",
            f"pack      {plan.folder}",
            *([f"note      {anew}"] if plan.replaces else []),
        ]
    )


def spelt_bytes(number: int) -> str:
    """Spell a number of bytes in MiB or GiB."""
    return f"{number / 2**30:.1f} GiB" if number >= 2**30 else f"{number / 2**20:.1f} MiB"


def _shown(manifest: Manifest, rows: np.ndarray, modality: str) -> np.ndarray:
    import pyarrow.compute as pc

    return np.asarray(pc.not_equal(manifest.table[f"key_{modality}"].take(rows), "").combine_chunks().to_numpy(False))


def _pairs(manifest: Manifest, rows: np.ndarray, shown: Mapping[str, np.ndarray]) -> set[tuple[str, str]]:
    """Return the pairs (dataset, modality) that these rows show."""
    return {
        (dataset, name)
        for name, there in shown.items()
        for dataset in manifest.table["dataset"].take(rows[there]).unique().to_pylist()
    }


def _outdated(folder: Path) -> int:
    """Return the version of the geometry of a pack that has another one than this version of fasdata makes, else 0."""
    there = PackInfo.read(folder) if (folder / FILE).is_file() else None
    return there.geometry if there and there.outdated else 0


def _packed(folder: Path, info: PackInfo, n_rows: int) -> np.ndarray:
    """Return the rows that a pack holds already."""
    if not (folder / FILE).is_file():
        return np.empty(0, np.uint32)
    info.require_same(PackInfo.read(folder), folder)
    images = folder / IMAGES
    return read_index(folder, n_rows, images.stat().st_size if images.is_file() else 0)["row"]


def _require_space(plan: PackPlan, library: Library) -> None:
    free = shutil.disk_usage(next(path for path in (plan.folder, *plan.folder.parents) if path.exists())).free
    if plan.info.codec == "raw" and plan.raw_bytes > free:
        raise UserError(
            f"the pack does not fit on the disk of {library.root}",
            expected=spelt_bytes(plan.raw_bytes),
            found=f"{spelt_bytes(free)} free",
            do="pack fewer --parts, a smaller --size, or with --codec png",
        )


# -- Rendering, encoding and writing what is missing ------------------------------------------------------------------

Rendered: TypeAlias = tuple[int, Mapping[str, bytes], float]  # row, encoded images, share of the view outside
_AHEAD = 8  # frames in preparation for each thread
FAR = 0.1  # share of a view past the stored region from which it is reported


@dataclass(frozen=True)
class PackReport:
    """What packing did: frames added, bytes of all images now, and how far views reach past the stored regions.

    `far` counts the frames with more than a tenth of the view outside, `furthest` is the largest share.
    """

    added: int
    bytes: int
    far: int
    furthest: float


def make_pack(plan: PackPlan, *, workers: int = 1) -> PackReport:
    """Write what a pack lacks, rendered by `workers` threads; their number does not change its bytes.

    Raises:
        UserError: a crop is missing or damaged (what was packed before is kept), or another process is writing.
    """
    added, far, furthest = 0, 0, 0.0
    writing = PackWriter(plan.folder, plan.info, plan.manifest.table.num_rows)
    with writing as writer, progress("pack", len(plan.rows), "frames") as bar:
        for row, images, outside in _rendered(plan, workers):
            if row not in writer.done:  # else another process packed it after this one was planned
                writer.add(row, images, outside)
                added, far, furthest = added + 1, far + (outside > FAR), max(furthest, outside)
            bar.advance()
    return PackReport(added, (plan.folder / IMAGES).stat().st_size, far, furthest)


def describe_report(plan: PackPlan, report: PackReport) -> str:
    """Describe what packing did, in lines of text."""
    lines = [f"packed {report.added} frames; {spelt_bytes(report.bytes)} in {plan.folder}"]
    if report.far:
        filled = "mirrored" if plan.info.view.border == "reflect" else "black"
        lines.append(
            f"note: {report.far} views reach more than {FAR:.0%} past what is stored (at most {report.furthest:.0%}) "
            f"and are {filled} there; a larger --context of 'fasdata extract' stores more"
        )
    if not plan.info.exact:
        lines.append("note: jpeg changes pixels, so training uses this pack only on request: --set data.images=pack")
    return "\n".join(lines)


def _rendered(plan: PackPlan, workers: int) -> Iterator[Rendered]:
    """Yield the frames of a plan in the order of their rows, prepared by threads a little ahead."""
    import cv2

    def render(job: FrameToPack) -> Rendered:
        frame = job.frame
        images = {name: plan.renderer.image(frame, name) for name in job.modalities}
        encoded = {name: _encoded(image, name, plan.info.codec) for name, image in images.items()}
        return job.row, encoded, plan.info.view.outside(frame.region, frame.box, frame.landmarks)

    waiting: deque[Future[Rendered]] = deque()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the threads here are the parallelism
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pack")
    try:
        for frame in frames_of(plan.manifest, plan.rows):
            waiting.append(pool.submit(render, frame))
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
