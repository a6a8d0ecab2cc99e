"""The verb `extract`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.offered import offering
from fasdata.commands.options import BonafideIs, LayoutName, Workers, own_rules, own_view, processes
from fasdata.errors import EXIT_PARTIAL
from fasdata.faces.detectors import DEFAULT, DETECTORS, PRECROPPED, name_detector

app = typer.Typer()


def _of_detectors(words: str) -> str:
    """Return what the table of detectors has under `words`, one after the other."""
    return "; ".join(f"{name}: {getattr(row, words)}" for name, row in DETECTORS.items() if getattr(row, words))


@app.command(
    cls=offering("detector", "view", "frame rule"),
    epilog="Example: fasdata extract CASIA-FASD --root /mnt/CASIA-FASD --out data. "
    "Exit code 3: done, but some recordings could not be read, decoded or matched (they are listed). SIGTERM or "
    "Ctrl-C: the clips in hand are finished within 30 s and kept, exit code 143 or 130; the same command goes on.",
)
def extract(
    dataset: Annotated[str, typer.Argument(help="Dataset name, e.g. CASIA-FASD, or 'folder' for your own tree.")],
    root: Annotated[Path, typer.Option(help="Where the raw dataset lies.")],
    out: Annotated[
        Path | None, typer.Option(help="The library to write into. Default: $FASDATA_DATA, else ./data.")
    ] = None,
    frames: Annotated[
        str,
        typer.Option(
            help="Frame rules joined by +, e.g. 'recipes + every(5)'; 'recipes' = what shipped recipes need. A store "
            "can be given further rules later: only the new frames are extracted. One of your own: FILE.py:NAME."
        ),
    ] = "recipes",
    detector: Annotated[
        str,
        typer.Option(
            help=f"{_of_detectors('about')}; auto: {PRECROPPED} where the release is pre-cropped, else {DEFAULT}; "
            "or one of your own, FILE.py:CLASS."
        ),
    ] = "auto",
    detector_model: Annotated[
        str,
        typer.Option(help=f"{_of_detectors('model')}."),
    ] = "",
    allow_download: Annotated[
        bool,
        typer.Option(
            "--allow-download",
            help=f"Download the model if it is not there. {_of_detectors('downloads')}.",
        ),
    ] = False,
    min_face: Annotated[int, typer.Option(help="Smallest face side to detect, pixels.")] = 40,
    min_score: Annotated[float, typer.Option(help="Least detector score of a face.")] = 0.5,
    tracking: Annotated[
        str,
        typer.Option(
            help="off: search every frame completely; on: follow a detected face, much faster with many frames a clip; "
            "careful: search the area around it."
        ),
    ] = "off",
    detect_every: Annotated[
        int, typer.Option(help="With tracking: search the complete frame at least every so many frames.")
    ] = 15,
    context: Annotated[
        float | None,
        typer.Option(
            help="Side of the stored region in units of the longer box side. Default: 2, or what --views need."
        ),
    ] = None,
    views: Annotated[
        list[str] | None,
        typer.Option(
            help="Store the smallest region that holds these views, e.g. 'context(factor=2.7,size=80) + mxnet-256'; "
            "also FILE.py:NAME; may be repeated. "
            "A context that is moved into the picture needs up to 2 x factor - 1 of the box."
        ),
    ] = None,
    max_side: Annotated[int, typer.Option(help="Shrink stored regions longer than this, pixels; 0 = never.")] = 1024,
    codec: Annotated[
        str,
        typer.Option(help="How crops are stored: png, webp (lossless) or jpeg:98; crops of 16 bits are always png."),
    ] = "png",
    fallbacks: Annotated[
        str, typer.Option(help="on: interpolate, hold, shift or rotate where no face is detected; off: skip the frame.")
    ] = "on",
    borders: Annotated[
        str, typer.Option(help=f"Black around pre-cropped faces: cut or keep (only with detector {PRECROPPED}).")
    ] = "cut",
    face_rule: Annotated[
        str,
        typer.Option(
            help="Which of several faces is kept. confident: of those about as sure as the best, the one that goes on "
            "from the frames before, else the largest; largest, probable: by size or score, in each frame alone. "
            "Default: the store's own, in a new one confident."
        ),
    ] = "",
    on_damage: Annotated[
        str,
        typer.Option(
            help="skip: a damaged packet of a video costs its own frames; stop: the recording ends there, as with "
            "OpenCV's reader, so that others' frame lists fit. Default: the store's own, in a new one skip."
        ),
    ] = "",
    read: Annotated[
        str,
        typer.Option(
            help="needed: decode only the groups of pictures that hold wanted frames, where a video's packets prove "
            "which these are; all: decode everything, so that damage is found anywhere. The crops are the same."
        ),
    ] = "needed",
    card: Annotated[
        Path | None, typer.Option(help="Your own dataset card (YAML) or table (CSV with path and label).")
    ] = None,
    bonafide_is: BonafideIs = "",
    layout: LayoutName = "",
    lists: Annotated[Path | None, typer.Option(help="Folder of official list files, if not in the root.")] = None,
    device: Annotated[str, typer.Option(help="Device of the detector: cpu, cuda, cuda:1.")] = "cpu",
    workers: Workers = 0,
    executor: Annotated[str, typer.Option(help="local: this machine; ray: the nodes of a Ray cluster.")] = "local",
    ray_address: Annotated[
        str, typer.Option(help="Head of the Ray cluster, host:port. Default: $RAY_ADDRESS, else this machine alone.")
    ] = "",
    clip_timeout: Annotated[
        float,
        typer.Option(
            min=0,
            help="Give a recording up that yields no frame for so many seconds; 0 = never. The time for a whole "
            "recording has no limit.",
        ),
    ] = 1800,
    worker_memory: Annotated[
        float,
        typer.Option(
            min=0,
            help="Memory that each process may hold, GiB (Linux); 0 = no limit. A recording that needs more is tried "
            "again alone, then given up.",
        ),
    ] = 0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again the recordings that could not be decoded.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")] = False,
) -> None:
    """Detect faces in a raw dataset and write crops, boxes, landmarks and labels into a store."""
    from fasdata.datasets.registry import find_card
    from fasdata.errors import UserError, unknown_name
    from fasdata.extract.child import Limits
    from fasdata.extract.executor import Executor
    from fasdata.extract.extraction import plan_extract, run_extract, settings_for
    from fasdata.extract.text import describe_plan, describe_report
    from fasdata.faces.view_text import split_views
    from fasdata.library import Library
    from fasdata.protocols.dataset_names import own_card
    from fasdata.stopping import Stopped, leave, stoppable

    if views and context is not None:
        raise UserError("--views and --context exclude each other", do="leave one of them out")
    if fallbacks not in ("on", "off"):
        raise unknown_name("value of --fallbacks", fallbacks, ("on", "off"))
    # Ray counts the cores of its own nodes.
    selected = Executor(
        executor, workers if executor == "ray" else processes(workers), ray_address, Limits(clip_timeout, worker_memory)
    )
    described = find_card(dataset, card, bonafide_is)
    own_card(Library.locate(out), described)  # a letter that cannot be claimed is told before anything else
    known, code = name_detector(detector)
    settings = settings_for(
        described.slug, own_rules(frames), described.protocol, detector=known, detector_code=code,
        detector_model=detector_model,
        allow_download=allow_download, min_face=min_face, min_score=min_score, tracking=tracking,
        detect_every=detect_every, context=2.0 if context is None else context,
        views=tuple(map(own_view, split_views(views or ()))),
        max_side=max_side, codec=codec, fallbacks=fallbacks == "on", borders=borders, face_rule=face_rule,
        on_damage=on_damage, read=read, device=device,
    )  # fmt: skip
    plan = plan_extract(described, root, Library.locate(out), settings, lists, layout)
    typer.echo(describe_plan(plan))
    if dry_run:
        selected.require(plan.settings)  # what would be refused is refused here, after the plan
        return
    try:
        with stoppable():
            report = run_extract(plan, root, executor=selected, retry_failed=retry_failed)
    except Stopped as stopped:
        leave(stopped, "run the same command again")
    typer.echo(describe_report(report))
    if report.failed or report.not_widened or plan.has_more_to_see:
        raise typer.Exit(EXIT_PARTIAL)
