"""The verb `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fasdata.errors import UserError
from fastrain.commands.options import VerifyKey, With

if TYPE_CHECKING:
    from fastrain.bundle.answers import Answer
    from fastrain.bundle.predictor import Predictor

NO_ANSWER = 3  # the exit code where some file got no answer
app = typer.Typer()


def _show_schema(wanted: bool) -> None:
    if wanted:
        from fastrain.bundle.text import SCHEMA

        typer.echo(SCHEMA)
        raise typer.Exit


@app.command(
    epilog="Example: fastrain predict pad.fasb face.jpg clips/ --json. With a run folder: fastrain predict "
    "runs/erm-seed0 clip.mov. From a camera: fastrain predict pad.fasb camera:0. Exit code 3: some file got no answer."
)
def predict(
    model: Annotated[Path, typer.Argument(metavar="RUN|BUNDLE", help="A run folder, or what 'fastrain export' wrote.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="INPUT…", help="Pictures, videos, folders of them, or camera:0.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Recordings of several modalities: columns rgb, depth, ir (paths), name."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="From which score on a file counts as bona fide. Default: the sources' own.")
    ] = None,
    several: Annotated[
        str, typer.Option(help="Several faces: one (no answer) or choose (the face that evaluation takes).")
    ] = "one",
    json_: Annotated[bool, typer.Option("--json", help="A JSON list for programs; see --schema.")] = False,
    csv_: Annotated[bool, typer.Option("--csv", help="A CSV table for programs; see --schema.")] = False,
    frames: Annotated[bool, typer.Option("--frames", help="Say what each frame scored too.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", is_eager=True, callback=_show_schema, help="Show what --json and --csv hold.")
    ] = False,
    annotate: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Draw box, score and decision on copies in this folder.")
    ] = None,
    detector_model: Annotated[
        str, typer.Option(help="The detector's file, where its licence kept it out of the bundle.")
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="No answer where a face is unlike all of the training data.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("-j", "--workers", min=0, help="Processes that look for faces. 0: this one alone.")
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="How many frames of a camera; 0: until it is stopped.")] = 0,
    with_: With = None,
    self_test: Annotated[bool, typer.Option(help="Let a bundle answer its self-test first.")] = True,
    verify_key: VerifyKey = None,
    like: Annotated[
        str, typer.Option(metavar="DATASET", help="Show files as evaluation shows those of a dataset: in grey, or cut.")
    ] = "",
) -> None:
    """Say of each picture or video whether it shows a bona fide face or an attack; never without a face to score."""
    from fastrain.bundle.camera import camera_number
    from fastrain.bundle.loading import load

    if not inputs and table is None:
        raise UserError("there is nothing to judge", expected="pictures, videos, folders, camera:0, or --table CSV")
    if json_ and csv_:
        raise UserError("--json and --csv are two forms of one output", expected="one of them")
    predictor = load(
        model, detector_model=detector_model, self_test=self_test, verify_key=verify_key or ""
    ).with_threshold(threshold)
    from dataclasses import replace

    predictor = predictor.like(like) if like else predictor
    predictor = replace(predictor.with_threshold(threshold), several=several, strict=strict)
    cameras = [number for text in inputs or () if (number := camera_number(text)) is not None]
    if cameras:
        if len(inputs or ()) > 1 or table or json_ or csv_ or annotate:
            raise UserError("a camera is judged alone", expected="no file, table, --json, --csv or --annotate beside")
        _watch(predictor, cameras[0], count)
        return
    answers = _answers(predictor, inputs or [], table, annotate, workers, quiet=json_ or csv_, frames=frames)
    if json_ or csv_:
        from fastrain.bundle.text import as_csv, as_json

        typer.echo(as_json(answers, frames=frames) if json_ else as_csv(answers, frames=frames), nl=json_)
    if any(answer.word == "no answer" for answer in answers):
        raise typer.Exit(NO_ANSWER)


def _answers(
    predictor: Predictor,
    inputs: list[str],
    table: Path | None,
    folder: Path | None,
    workers: int | None,
    *,
    quiet: bool,
    frames: bool,
) -> list[Answer]:
    from contextlib import nullcontext

    from fasdata.cores import usable_cores
    from fasdata.progress import progress
    from fasdata.stopping import stoppable
    from fastrain.bundle.finding import recordings_in, recordings_of

    recordings = [*recordings_of([Path(text) for text in inputs]), *(recordings_in(table) if table else [])]
    if workers is None:
        workers = 0 if len(recordings) < FEW else min(usable_cores(), len(recordings))
    shown = len(recordings) >= FEW
    answers = []
    with stoppable(), progress("predict", len(recordings), "files") if shown else nullcontext() as bar:
        for number, judged in enumerate(predictor.judge(recordings, workers), 1):
            answers.append(judged.answer)
            if not quiet:
                _say(judged.answer, frames)
            if folder is not None:
                from fastrain.bundle.annotate import annotate as draw

                draw(judged, folder, number)
            if bar is not None:
                bar.advance()
    return answers


FEW = 8  # files for which processes of their own would cost more than they save


def _say(answer: Answer, frames: bool) -> None:
    from fastrain.bundle.answers import Decision
    from fastrain.bundle.text import line_of

    typer.echo(line_of(answer))
    if frames and isinstance(answer, Decision):
        for frame in answer.frames:
            typer.echo(f"    frame {frame.index}: score {frame.score:.4f}, face {frame.status}")


def _watch(predictor: Predictor, number: int, count: int) -> None:
    from fasdata.stopping import stoppable
    from fastrain.bundle.camera import watch
    from fastrain.bundle.text import line_of

    with stoppable():
        for answer, _ in watch(predictor, number, count):
            typer.echo(line_of(answer))
