"""A server in its own process, and clients that talk to it as browsers, programs and vandals do."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.commands import start
from tests.fastrain.bundle.small import face

BOUNDARY = "frontier"


class Served:
    """A running server."""

    def __init__(self, bundle: Path, *options: object, ready: bool = True, **environment: str) -> None:
        self.process = start("fastrain", "serve", bundle, "--port", 0, *options, **environment)
        assert self.process.stdout is not None
        self.greeting = self.process.stdout.readline()
        match = re.search(r"://[^:]+:(\d+)", self.greeting)
        if not match:
            _, err = self.process.communicate(timeout=60)
            raise AssertionError(self.greeting + err)
        self.port = int(match[1])
        if ready:
            wait_until(lambda: self.get("/healthz")[0] == 200)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Return status and JSON of a request."""
        status, data = self.raw(method, path, body, headers)
        return status, json.loads(data)

    def raw(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Return status and body of a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON."""
        try:
            return self.ask("GET", path)
        except (ConnectionError, OSError):
            return 0, None

    def send(self, data: bytes, name: str = "a.png") -> tuple[int, Any]:
        """Send a file to be judged."""
        return self.ask("POST", "/v1/predict", form(data, name), FORM)

    def talk(self, *pieces: bytes, pause: float = 0.0, seconds: float = 15.0) -> bytes:
        """Send bytes as they are; return what comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as plug:
            try:
                for piece in pieces:
                    plug.sendall(piece)
                    time.sleep(pause)
            except OSError:
                pass  # the server has closed: what it said is still to be read
            return until_closed(plug)

    def works(self) -> bool:
        """Tell whether it answers a picture."""
        return self.send(png(face()))[0] == 200

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """End it; return its exit code."""
        self.process.send_signal(by)
        return self.process.wait(60)


@contextmanager
def served(bundle: Path, *options: object, ready: bool = True, **environment: str) -> Iterator[Served]:
    """Start a server for a block, and wait until it is `ready`: without, its socket alone is there."""
    server = Served(bundle, *options, ready=ready, **environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(30)


def until_closed(plug: socket.socket) -> bytes:
    """Read a socket to its end."""
    reply = b""
    while True:
        try:
            piece = plug.recv(65536)
        except OSError:
            return reply
        if not piece:
            return reply
        reply += piece


def wait_until(there: Any, seconds: float = 60.0) -> None:
    """Wait for something to hold."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(data: bytes, name: str = "a.png", field: str = "file") -> bytes:
    """Return a body with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def request_head(length: int) -> bytes:
    """Return what stands before a body."""
    return (
        f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['Content-Type']}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def error_of(reply: bytes) -> tuple[int, str]:
    """Return status and kind of an error from a raw response."""
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["kind"]


def png(image: np.ndarray) -> bytes:
    """Return an rgb picture as a file."""
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def video(path: Path, frames: int, rate: int = 10) -> bytes:
    """Return a video of a face."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        picture = face()
        stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], "yuv420p"
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()
