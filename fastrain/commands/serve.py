"""The verb `serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrain.commands.options import VerifyKey

app = typer.Typer()


@app.command(
    epilog="Example: fastrain serve pad.fasb, then open http://127.0.0.1:8000. From other machines: fastrain serve "
    "pad.fasb --host 0.0.0.0 --token … --tls cert.pem key.pem. Needs the extra: pip install 'fasdata[serve]'"
)
def serve(
    bundle: Annotated[Path, typer.Argument(help="What 'fastrain export' or 'calibrate' wrote.")],
    host: Annotated[str, typer.Option(help="The address; any but this machine's own needs --token and --tls.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    token: Annotated[
        str, typer.Option(envvar="FASTRAIN_SERVE_TOKEN", help="What clients have to send: Authorization: Bearer TOKEN.")
    ] = "",
    tls: Annotated[
        tuple[Path, Path] | None, typer.Option(metavar="CERT KEY", help="Serve HTTPS: two PEM files.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Store what is sent, with its answer. Default: nothing is.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Another threshold than the bundle's.")] = None,
    several: Annotated[
        str, typer.Option(help="Several faces: one (no answer) or choose (the face that evaluation takes).")
    ] = "one",
    strict: Annotated[
        bool, typer.Option("--strict", help="No answer where a face is unlike all of the training data.")
    ] = False,
    detector_model: Annotated[
        str, typer.Option(help="The detector's file, where its licence kept it out of the bundle.")
    ] = "",
    verify_key: VerifyKey = None,
    workers: Annotated[
        int, typer.Option("-j", "--workers", min=0, help="Processes that look for faces. 0: one a core.")
    ] = 0,
    max_mib: Annotated[float, typer.Option(help="The largest body in MiB.")] = 20.0,
    max_pixels: Annotated[int, typer.Option(help="The most pixels of a picture or frame.")] = 50_000_000,
    max_seconds: Annotated[float, typer.Option(help="The longest video in seconds.")] = 30.0,
    body_seconds: Annotated[float, typer.Option(help="In which a body has to arrive.")] = 20.0,
    head_seconds: Annotated[float, typer.Option(help="In which a request has to begin.")] = 10.0,
    answer_seconds: Annotated[float, typer.Option(help="After which there is no decision any more.")] = 60.0,
    queue: Annotated[int, typer.Option(help="Requests in hand at once; more are refused.")] = 32,
    connections: Annotated[int, typer.Option(help="Connections open at once; more are refused.")] = 256,
) -> None:
    """Answer pictures and short videos over HTTP with a bundle, on a page or for programs; nothing is stored."""
    from fastrain.serve.limits import MIB, Limits
    from fastrain.serve.server import ServeRequest
    from fastrain.serve.server import serve as run

    limits = Limits(
        int(max_mib * MIB), max_pixels, max_seconds, body_seconds, head_seconds, answer_seconds, queue, connections
    )
    request = ServeRequest(
        bundle, host, port, token, tls, keep, threshold, several, strict, detector_model, workers, limits, verify_key
    )
    run(request, typer.echo)
