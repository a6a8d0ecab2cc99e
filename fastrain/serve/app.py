"""The application: judge a file, say what the bundle says of itself, health, numbers, and the one page."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from fasdata.errors import UserError
from fastrain.bundle.answers import Decision
from fastrain.bundle.finding import Recording
from fastrain.bundle.opened import Bundle
from fastrain.bundle.predictor import Judged, Predictor
from fastrain.bundle.text import object_of
from fastrain.serve.guard import LOOPBACK, Guard
from fastrain.serve.judging import Judge
from fastrain.serve.limits import Limits, Refusal
from fastrain.serve.prometheus import TYPE, Counts
from fastrain.serve.trust import trust
from fastrain.serve.upload import COLOUR, Upload, parts_of, read_upload, require_size

PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"), "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}  # fmt: skip
SAID = (
    "name", "tool_version", "networks", "finding", "threshold", "source_threshold", "place", "rates", "licences",
    "parity", "seen", "jitter", "provenance",
)  # fmt: skip
_MEMORY = Path("/dev/shm")
logger = logging.getLogger("fastrain.serve")


@dataclass
class Room:
    """What one server holds: its predictor, its limits and numbers, and how many requests are in its hands."""

    bundle: Bundle
    predictor: Predictor
    limits: Limits = field(default_factory=Limits)
    finders: int = 1
    keep: Path | None = None
    counts: Counts = field(default_factory=Counts)
    in_hand: int = 0
    draining: bool = False
    judge: Judge | None = None

    @contextmanager
    def place(self) -> Any:
        """Take a place in the queue for as long as a request is read and judged.

        Raises:
            Refusal: there is none, or the server is about to end.
        """
        if self.draining:
            raise Refusal(503, "ending", "the server is about to end")
        if self.in_hand >= self.limits.queue:
            raise Refusal(503, "too many requests", f"{self.in_hand} requests are in hand; try again in a second")
        hold = _Hold(self)
        try:
            yield hold
        finally:
            hold.release_when_judged()

    def about(self) -> dict[str, Any]:
        """Return what the bundle says of itself, how far that goes, and what the server takes."""
        tree = self.bundle.facts.model_dump(mode="json")
        facts = self.bundle.facts.model_copy(update={"threshold": self.predictor.threshold})
        if self.predictor.threshold != self.bundle.facts.threshold:
            facts = facts.model_copy(update={"threshold": None, "place": [], "rates": []})
        limit = self.predictor.threshold
        return {
            **{name: tree[name] for name in SAID}, "sha256": self.bundle.sha256, "trust": trust(facts),
            "parts": parts_of(self.predictor.modalities, self.predictor.finding.settings().form.registered),
            "threshold": limit.model_dump(mode="json") if limit else None, "strict": self.predictor.strict,
            "several": self.predictor.several, "limits": vars(self.limits), "keeps": self.keep is not None,
        }  # fmt: skip


class _Hold:
    """A place in the queue; it is given back once its recording is judged, even where nobody waits any more."""

    def __init__(self, room: Room) -> None:
        self._room, self.future = room, None
        self.folder: tempfile.TemporaryDirectory[str] | None = None
        room.in_hand += 1
        room.counts.busy.set(room.in_hand)
        self._loop = asyncio.get_running_loop()

    future: Future[Judged] | None

    def release_when_judged(self) -> None:
        if self.future is None or self.future.done():
            self._release()
        else:
            self.future.add_done_callback(lambda _: self._release_in_loop())

    def _release_in_loop(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it the queue
            self._loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        if self.folder is not None:
            with suppress(OSError):
                self.folder.cleanup()
        self._room.in_hand -= 1
        self._room.counts.busy.set(self._room.in_hand)


def application(room: Room, token: str = "", *, loopback: bool = True) -> Guard:
    """Return the application of a server."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        room.judge = Judge(room.predictor, room.finders, room.limits.answer_seconds, room.counts.batch.observe)
        yield
        room.draining = True
        await asyncio.to_thread(room.judge.close)

    app = FastAPI(title="fastrain serve", docs_url=None, redoc_url=None, lifespan=life)

    @app.post("/v1/predict")
    async def predict(request: Request) -> Response:
        return await _predict(room, request)

    @app.get("/v1/model")
    async def model() -> dict[str, Any]:
        return room.about()

    @app.get("/healthz")
    async def healthz() -> Response:
        return JSONResponse({"status": "ending" if room.draining else "ok"}, 503 if room.draining else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(room.counts.text(), headers={"content-type": TYPE})

    for path, (name, kind) in PAGE.items():
        app.add_route(path, _file(name, kind), methods=["GET"])

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        room.counts.refused(refusal.kind)
        headers = {"retry-after": "1"} if refusal.retry else {}
        return Response(refusal.body(), refusal.status, headers, "application/json")

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        return await refused(
            request,
            Refusal(error.status_code, "no such thing", f"{request.method} {request.url.path[:200]}: {error.detail}"),
        )

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        logger.error("a request failed", exc_info=error)
        return Response(Refusal(500, "fault", "a fault of this server; it is in its log").body(), 500, {},
                        "application/json")  # fmt: skip

    return Guard(app, token, LOOPBACK if loopback else (), room.counts.refused)


def _file(name: str, kind: str) -> Any:
    data = (files("fastrain.serve") / "page" / name).read_bytes()

    async def give(request: Request) -> Response:
        return Response(data, headers={"content-type": kind})

    return give


async def _predict(room: Room, request: Request) -> Response:
    with room.place() as hold:
        try:
            upload = await read_upload(request, room.limits, room.predictor.modalities)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        before = time.monotonic()
        judged = await _judged(room, hold, upload)
        answer = object_of(judged.answer, frames=not upload.is_picture)
        width, height = _size(judged)
        answer |= {"input": upload.name, "width": width, "height": height, "modalities": _shown(room, judged, upload)}
        room.counts.seconds.observe(time.monotonic() - before)
        room.counts.decisions.labels(judged.answer.word).inc()
        if answer["unlike"]:
            room.counts.unlike.inc()
        if room.keep is not None:
            await asyncio.to_thread(_keep, room.keep, upload, answer)
        return JSONResponse(answer)


async def _judged(room: Room, hold: _Hold, upload: Upload) -> Judged:
    """Judge a file that lies in memory, or for a moment in a folder that is removed.

    Raises:
        Refusal: too many pixels or seconds, no answer in time, or it cannot be judged.
    """
    assert room.judge is not None
    hold.folder = tempfile.TemporaryDirectory(prefix="fastrain-", dir=_MEMORY if _MEMORY.is_dir() else None)
    folder = Path(hold.folder.name)
    paths = {name: folder / f"{name}.{sent.ending}" for name, sent in upload.files.items()}

    def written() -> None:
        for name, sent in upload.files.items():
            paths[name].write_bytes(sent.data)
            require_size(sent, paths[name], room.limits)

    await asyncio.to_thread(written)
    hold.future = room.judge.judge(Recording(upload.name, paths))
    try:
        judging = asyncio.wrap_future(hold.future)
        judging.add_done_callback(lambda done: done.cancelled() or done.exception())  # where nobody waits any more
        return await asyncio.wait_for(asyncio.shield(judging), room.limits.answer_seconds)
    except TimeoutError:
        words = f"no decision within {room.limits.answer_seconds:g} s"
        raise Refusal(503, "no answer in time", words) from None
    except UserError as error:
        raise Refusal(422, "cannot be judged", str(error)) from None


def _shown(room: Room, judged: Judged, upload: Upload) -> list[str]:
    """Return the modalities that the network was shown, none where no face was scored.

    Raises:
        Refusal: something that was sent does not lie on the colour, so that it could not be shown.
    """
    frames = judged.clip.frames
    if not frames or frames[0].crop is None:
        return []
    lost = sorted(upload.files.keys() - set(frames[0].crop.modalities))
    if lost:
        why = [note for note in judged.clip.record.notes if note.startswith(lost[0])]
        raise Refusal(422, "cannot be judged", why[0] if why else f"{lost[0]} cannot be used beside this colour")
    return [name for name in room.predictor.modalities if name in upload.files]


def _size(judged: Judged) -> tuple[int, int]:
    """Return width and height of the upright picture."""
    answer, record = judged.answer, judged.clip.record
    scored = answer if isinstance(answer, Decision) else answer.scored
    frame = record.frame(scored.frames[0].index) if scored else None
    return (frame.size if frame and frame.size else None) or (record.width, record.height)


def _keep(folder: Path, upload: Upload, answer: dict[str, Any]) -> None:
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, sent in upload.files.items():
        kind = "" if name == COLOUR else f"-{name}"
        (folder / f"{stem}{kind}.{sent.ending}").write_bytes(sent.data)
    (folder / f"{stem}.json").write_text(json.dumps(answer), encoding="utf-8")
