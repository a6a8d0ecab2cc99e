"""Export a protocol's pictures and lists in another project's layout: plan, write and describe."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata import __version__
from fasdata.exchange.folder import ExportFolder, require_free
from fasdata.exchange.layout import Context, Layout, Unit, accept_codec, layout_class
from fasdata.exchange.names import require_safe
from fasdata.exchange.pictures import Pictures
from fasdata.exchange.sample import ExportClip, clips_of
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.meta import recipe_text
from fasdata.page.spelling import text_table
from fasdata.progress import progress

if TYPE_CHECKING:
    from fasdata.records import ClipRecord
    from fasdata.store.reader import Store


_AHEAD = 4  # units in preparation for each thread


@dataclass(frozen=True)
class Request:
    """The user's request. `view` and `codec` are "" for the layout's own; `options` are those of one layout alone."""

    layout: str
    out: Path
    view: str = ""
    codec: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportPlan:
    """A checked request: the layout, its pictures and units, and the description of the export.

    A folder is this export's where its `identity` is equal; `counts` are rows of part, dataset, label, clips, frames.
    """

    request: Request
    manifest: Manifest
    layout: Layout
    pictures: Pictures
    units: list[Unit]
    lists: dict[str, bytes]
    links: dict[str, str]
    identity: dict[str, Any]
    counts: list[tuple[str, str, str, int, int]]
    notes: list[str]


@dataclass(frozen=True)
class ExportReport:
    """What a run did: units written, units already there, bytes written, and links that could not be made."""

    written: int
    kept: int
    bytes: int
    unlinked: int


def plan_export(request: Request, manifest: Manifest, stores: Mapping[str, Store]) -> ExportPlan:
    """Check a request against manifest, stores and folder; write nothing.

    Raises:
        UserError: unknown layout, view or codec, or one that the layout does not allow; faces without the box or
            landmarks that the view needs; paths that would leave the folder; a folder that holds something else.
    """
    kind = layout_class(request.layout)
    codec = accept_codec(kind, request.codec)
    clips = clips_of(manifest)
    pictures = Pictures(stores, request.view or kind.default_view(manifest.meta), kind.side, clips)
    layout = kind(Context(manifest.meta, codec, _reader(stores), request.options))
    units = layout.units(clips)
    lists, links = layout.lists(units), layout.links(units)
    require_safe([*(path for unit in units for path in unit.files), *lists, *links])
    meta = manifest.meta
    identity = {
        "layout": layout.name,
        "protocol": meta["canonical"],
        "recipe": recipe_text(meta["recipe"]),
        "manifest_fingerprint": meta["fingerprint"],
        "stores": meta["stores"],
        "view": pictures.view,
        # The first exports do not state the version of their view's geometry: it was 1.
        **({"geometry": pictures.geometry} if pictures.geometry > 1 else {}),
        "codec": str(codec),
        "options": dict(request.options),
        "tool_version": __version__,
    }
    require_free(request.out, identity)
    notes = [*layout.notes, *_fta_notes(meta)]
    return ExportPlan(request, manifest, layout, pictures, units, lists, links, identity, _counts(clips), notes)


def run_export(plan: ExportPlan, *, workers: int = 1) -> ExportReport:
    """Write the missing or changed files of a plan with `workers` threads; keep files that have the right bytes.

    Raises:
        UserError: a picture cannot be made (what was written before is kept), or another process is writing.
    """
    written = kept = size = 0
    with ExportFolder(plan.request.out, plan.identity) as folder:
        if not all(folder.knows(unit.files) for unit in plan.units):
            folder.reopen()
        with progress(f"export {plan.layout.name}", len(plan.units), "units") as bar:
            for sums, number in _write_units(plan, folder, workers):
                if sums:
                    folder.note(sums)
                written, kept, size = written + bool(sums), kept + (not sums), size + number
                bar.advance(written=written, kept=kept)
        files = [path for unit in plan.units for path in unit.files]
        samples = ((p.frame.sample_id, p.modality, p.path) for unit in plan.units for p in unit.pictures)
        folder.finish(facts(plan), plan.lists, plan.links, files, samples)
        return ExportReport(written, kept, size, len(folder.unlinked))


def facts(plan: ExportPlan) -> dict[str, Any]:
    """Return the entries of `export.json` beside the identity."""
    keys = ("part", "dataset", "label", "clips", "frames")
    return {
        "reads": plan.layout.reads,
        "labels": plan.layout.labels,
        "protocol_alias": plan.manifest.meta["alias"],
        "counts": [dict(zip(keys, row, strict=True)) for row in plan.counts],
        "files": sum(len(unit.files) for unit in plan.units) + len(plan.lists),
        "notes": plan.notes,
    }


def _write_units(plan: ExportPlan, folder: ExportFolder, workers: int) -> Iterator[tuple[dict[str, str], int]]:
    """Write the units and yield for each the hashes of its files and their bytes; ({}, 0) where all was right."""

    def work(number: int, unit: Unit) -> tuple[dict[str, str], int]:
        if folder.holds(unit.files):
            return {}, 0
        stage = folder.stage(number)
        plan.layout.write(unit, plan.pictures, stage)
        size = sum((stage / path).stat().st_size for path in unit.files)
        return folder.settle(stage, unit.files), size

    pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="export")
    waiting: deque[Any] = deque()
    try:
        for number, unit in enumerate(plan.units):
            waiting.append(pool.submit(work, number, unit))
            if len(waiting) >= _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _reader(stores: Mapping[str, Store]) -> Any:
    @lru_cache(maxsize=8)
    def read(dataset: str, clip_id: str) -> ClipRecord:
        return stores[dataset].record(clip_id)

    return lambda clip: read(clip.dataset, clip.clip_id)


def _counts(clips: Sequence[ExportClip]) -> list[tuple[str, str, str, int, int]]:
    clip_count: Counter[tuple[str, str, str]] = Counter()
    frame_count: Counter[tuple[str, str, str]] = Counter()
    for clip in clips:
        key = (clip.part, clip.domain, clip.label)
        clip_count[key] += 1
        frame_count[key] += len(clip.frames)
    return [(*key, number, frame_count[key]) for key, number in clip_count.items()]


def _fta_notes(meta: Mapping[str, Any]) -> list[str]:
    lost = sum(loss["clips"] for loss in meta["fta"])
    note = f"{lost} clips of the target have no usable frame: they are in the manifest, not in the export"
    return [note] if lost else []


# -- The manifest to export -------------------------------------------------------------------------------------------


def manifest_for(protocol: str, recipe: str, library: Library, *, build: bool = True) -> Manifest:
    """Return the library's manifest of a protocol in a recipe, or build it.

    With `build` the new manifest is saved in the library; without it nothing is written.

    Raises:
        UserError: unknown protocol or recipe, a store is missing, the manifest is damaged.
    """
    from fasdata.protocols.build import build_protocol
    from fasdata.protocols.grammar import parse_in

    path = library.protocol_dir(parse_in(library, protocol).canonical, recipe) / "manifest.parquet"
    if path.is_file():
        return Manifest.read(path)
    return build_protocol(protocol, recipe=recipe, library=library, write=build)


# -- Text for the terminal --------------------------------------------------------------------------------------------


def describe_plan(plan: ExportPlan) -> str:
    """Return layout, labels, view, codec, counts by part, dataset and label, and notes."""
    meta, identity = plan.manifest.meta, plan.identity
    files = sum(len(unit.files) for unit in plan.units)
    lines = [
        f"layout     {plan.layout.name}, read by {plan.layout.reads}",
        f"labels     {plan.layout.labels}",
        f"protocol   {meta['canonical']}, recipe {meta['recipe']['name']}, manifest {meta['fingerprint'][:16]}",
        f"pictures   view {identity['view']}, codec {identity['codec']}",
        "",
        *text_table(("part", "dataset", "label", "clips", "frames"), plan.counts),
        "",
        f"files      {files} and {len(plan.lists)} lists into {plan.request.out}",
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in [*plan.notes, *_path_notes(plan)])])


def describe_report(plan: ExportPlan, report: ExportReport) -> str:
    """Return how many units were written, and how many were there already."""
    parts = [f"wrote {report.written} of {len(plan.units)} units, {report.bytes / 2**20:.1f} MiB"]
    if report.kept:
        parts.append(f"{report.kept} were there already")
    lines = [f"{'; '.join(parts)}: {plan.request.out}"]
    if report.unlinked:
        lines.append(f"note: this file system has no links, {report.unlinked} are missing: SA-FAS will find no folders")
    return "\n".join(lines)


def _path_notes(plan: ExportPlan) -> list[str]:
    path = str(plan.request.out.absolute())
    words = [word for word in ("live", "spoof") if word in path]
    if plan.layout.name != "safas" or not words:
        return []
    return [f"GAC-FAS looks for the label in the whole path, and this path has {' and '.join(words)} in it: move it"]
