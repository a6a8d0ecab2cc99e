"""`fastrain serve`: check what is asked for, listen, and end only once what is in hand is answered."""

from __future__ import annotations

import ipaddress
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.cores import usable_cores
from fasdata.errors import UserError
from fasdata.stopping import SIGNALS
from fastrain.bundle.answers import ONE
from fastrain.bundle.archive import is_bundle
from fastrain.bundle.loading import predictor_of_bundle
from fastrain.bundle.opened import Bundle
from fastrain.bundle.self_test import require_passed
from fastrain.serve.limits import Limits

if TYPE_CHECKING:
    from fastrain.serve.app import Room

LEAST_TOKEN = 16  # letters
DRAIN = 30  # seconds for what is in hand once the server is to end


@dataclass(frozen=True)
class ServeRequest:
    """What `fastrain serve` is asked for; `tls` are the files of a certificate and its key.

    `finders` are processes that look for faces, which is most of the work: 0 stands for one a core.
    `verify_key` is the file of a public key: its owner has to have signed the bundle.
    """

    bundle: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    tls: tuple[Path, Path] | None = None
    keep: Path | None = None
    threshold: float | None = None
    several: str = ONE
    strict: bool = False
    detector_model: str = ""
    finders: int = 0
    limits: Limits = field(default_factory=Limits)
    verify_key: Path | None = None


def serve(request: ServeRequest, say: Any = print) -> None:
    """Serve until SIGTERM or SIGINT; then answer what is in hand and return.

    Raises:
        UserError: packages of the extra are missing, no bundle or none with a threshold, an address beyond this machine
            without a token and a certificate, or one that is taken.
    """
    _require_packages()
    require_safe(request)
    room = room_of(request)
    import uvicorn

    from fastrain.serve.app import application
    from fastrain.serve.connections import bounded

    loopback = is_loopback(request.host)
    app = application(room, request.token, loopback=loopback)
    certificate = {"ssl_certfile": str(request.tls[0]), "ssl_keyfile": str(request.tls[1])} if request.tls else {}
    config = uvicorn.Config(
        app, host=request.host, port=request.port, log_level="warning", access_log=False, ws="none",
        http=bounded(request.limits, room.counts.refused), timeout_graceful_shutdown=DRAIN, timeout_keep_alive=15,
        lifespan="on", server_header=False, backlog=4096, **certificate,  # type: ignore[arg-type]
    )  # fmt: skip
    server = _server(config, room)
    socket = _bound(config)
    scheme, port = ("https" if request.tls else "http"), socket.getsockname()[1]
    say(f"{room.bundle.facts.name}, threshold {room.predictor.threshold}: {scheme}://{request.host}:{port}")
    say("nothing is stored" if request.keep is None else f"what is sent is stored in {request.keep}")
    server.run(sockets=[socket])


def room_of(request: ServeRequest) -> Room:
    """Open the bundle and have it answer its self-test.

    Raises:
        UserError: no bundle, one that fails its test, or without a threshold.
    """
    from fastrain.serve.app import Room

    if not is_bundle(request.bundle):
        raise UserError(f"{request.bundle} is no bundle", do="export a run: fastrain export RUN --out FILE")
    bundle = Bundle.read(request.bundle, request.verify_key)
    predictor = predictor_of_bundle(bundle, request.detector_model, "auto")
    require_passed(bundle, predictor)
    predictor = predictor.with_threshold(request.threshold)
    if predictor.threshold is None:
        raise UserError(f"{request.bundle} has no threshold", do="give one: --threshold 0.5, or calibrate it")
    predictor = replace(predictor, several=request.several, strict=request.strict)
    return Room(bundle, predictor, request.limits, request.finders or usable_cores(), request.keep)


def is_loopback(host: str) -> bool:
    """Tell whether an address is this machine's own.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_safe(request: ServeRequest) -> None:
    """Check that whoever reaches the server from elsewhere has to know a token, and that nobody listens in.

    Raises:
        UserError: not so.
    """
    if request.token and (len(request.token) < LEAST_TOKEN or not request.token.isascii()):
        raise UserError(f"--token has {len(request.token)} letters", expected=f"{LEAST_TOKEN} or more, ASCII alone")
    for path in request.tls or ():
        if not path.is_file():
            raise UserError(f"there is no {path}", expected="--tls CERT KEY, two PEM files")
    if is_loopback(request.host):
        return
    lacking = [name for name, given in (("--token", request.token), ("--tls", request.tls)) if not given]
    if lacking:
        raise UserError(
            f"{request.host} can be reached from other machines", expected="--token and --tls CERT KEY beside it",
            found=f"no {' and no '.join(lacking)}",
            do="browsers give their camera to this machine's own pages, or to HTTPS, alone",
        )  # fmt: skip


def _require_packages() -> None:
    from importlib.util import find_spec

    needed = {"fastapi": "fastapi", "uvicorn": "uvicorn", "prometheus_client": "prometheus-client",
              "python_multipart": "python-multipart"}  # fmt: skip
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        raise UserError(f"serving needs {', '.join(missing)}", do="pip install 'fasdata[serve]'")


def _bound(config: Any) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host.strip("[]"), config.port))
        listening.listen(config.backlog)  # whoever comes before the first process is up waits, and is not turned away
    except OSError as error:
        listening.close()
        raise UserError(f"{config.host}:{config.port} cannot be listened on", found=str(error.strerror)) from None
    listening.set_inheritable(True)
    return listening


def _server(config: Any, room: Room) -> Any:
    import uvicorn

    class Draining(uvicorn.Server):
        """Ends on a signal once what is in hand is answered; the signal is not raised again after that."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

        def handle_exit(self, sig: int, frame: Any) -> None:
            room.draining = True
            self.should_exit = True

    return Draining(config)
