"""A server answers pictures and clips as `predict` does; whatever else it is sent ends in one JSON error."""

from __future__ import annotations

import json
import signal
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from fastrain.bundle.loading import load
from tests.fastrain.bundle.small import face
from tests.fastrain.serve.served import (
    BOUNDARY,
    FORM,
    Served,
    error_of,
    form,
    png,
    request_head,
    served,
    until_closed,
    video,
    wait_until,
)

LIMITS = (
    "--max-mib", 1, "--max-pixels", 1_000_000, "--max-seconds", 3, "--body-seconds", 1, "--head-seconds", 1,
    "--queue", 4, "--connections", 40,
)  # fmt: skip


@pytest.fixture(scope="module")
def server(pad: Path) -> Iterator[Served]:
    with served(pad, *LIMITS) as running:
        yield running


@pytest.fixture(autouse=True)
def the_next_request_works(server: Served) -> Iterator[None]:
    yield
    wait_until(server.works, 20)


def test_a_picture_gets_the_answer_of_predict(server, pad, tmp_path):
    for brightness, word in ((1.0, "bonafide"), (0.5, "attack")):
        (tmp_path / "a.png").write_bytes(png(face(brightness)))
        expected = load(pad).predict(tmp_path / "a.png")[0]
        status, answer = server.send(png(face(brightness)), "meine Tür.png")
        assert status == 200 and answer["decision"] == word == expected.word
        assert answer["score"] == pytest.approx(expected.score, abs=1e-6)  # type: ignore[union-attr]
        assert answer["box"] == pytest.approx(expected.frames[0].box)  # type: ignore[union-attr]
        assert (answer["input"], answer["threshold"]) == ("meine Tür.png", 0.4)
        assert (answer["width"], answer["height"]) == (320, 240)
        assert bool(answer["unlike"]) == (word == "attack")


def test_a_clip_and_a_picture_without_a_face(server, tmp_path):
    status, answer = server.send(video(tmp_path / "a.mp4", 20), "a.mp4")
    assert status == 200 and answer["decision"] == "bonafide"
    assert answer["frames_used"] == len(answer["frames"]) == 2
    status, answer = server.send(png(np.full((240, 320, 3), 90, np.uint8)))
    assert status == 200 and (answer["decision"], answer["kind"]) == ("no answer", "no face")


def test_what_the_bundle_says_of_itself_and_the_numbers(server, pad):
    status, model = server.get("/v1/model")
    assert status == 200 and model["name"] == "brightness" and model["threshold"]["value"] == 0.4
    assert model["limits"]["body_bytes"] == 2**20 and model["keeps"] is False
    assert any("30 people" in words for words in model["trust"])
    before = numbers(server)
    server.works()
    server.send(b"text")
    after = numbers(server)
    bonafide, refused = 'fastrain_decisions_total{decision="bonafide"}', 'fastrain_refusals_total{kind="wrong type"}'
    assert after[bonafide] == before.get(bonafide, 0) + 1
    assert after[refused] == before.get(refused, 0) + 1
    assert after["fastrain_requests_in_hand"] == 0


def numbers(server: Served) -> dict[str, float]:
    text = server.raw("GET", "/metrics")[1].decode()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


def test_the_page_needs_nothing_from_elsewhere(server):
    for path in ("/", "/page.js", "/page.css"):
        status, data = server.raw("GET", path)
        assert status == 200 and len(data) > 500
        assert b"http:" not in data and b"https:" not in data


def bomb(side: int) -> bytes:
    """A small PNG that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "status", "kind"),
    [
        (b"only words", 415, "wrong type"),
        (b"", 415, "wrong type"),
        (b"GIF89a" + bytes(99), 415, "wrong type"),
        (b"#EXTM3U\nfile:///etc/passwd\n", 415, "wrong type"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), 422, "unreadable"),
        (b"\0\0\0\x18ftypisom" + bytes(999), 422, "unreadable"),
        (b"\x1a\x45\xdf\xa3" + bytes(999), 422, "unreadable"),
        (bomb(2000), 413, "too many pixels"),
        (bomb(60000), 413, "too many pixels"),
        (bytes(2**20), 413, "too many bytes"),
    ],
)
def test_files_that_are_refused(server, data, status, kind):
    assert server.send(data)[0] == status
    reply = server.send(data)[1]
    assert reply["error"]["kind"] == kind and reply["error"]["message"] and "\n" not in reply["error"]["message"]


def test_a_picture_cut_short_gets_no_answer_and_harms_nobody(server):
    whole = png(face())
    status, answer = server.send(whole[: len(whole) // 3])
    assert (status, answer["decision"]) in ((200, "no answer"), (200, "bonafide"), (200, "attack"))


def test_a_video_that_is_too_long(server, tmp_path):
    status, reply = server.send(video(tmp_path / "a.mp4", 50), "a.mp4")  # five seconds; at most three
    assert (status, reply["error"]["kind"]) == (413, "too long")


END = f"--{BOUNDARY}--\r\n".encode()
TWO = form(b"a").removesuffix(END) + form(b"b")
NO_FILE = form(b"a").replace(b'; filename="a.png"', b"")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/v1/predict", b"{}", {"Content-Type": "application/json"}, 415),
        ("POST", "/v1/predict", b"x", {"Content-Type": "multipart/form-data"}, 400),
        ("POST", "/v1/predict", b"x", FORM, 400),
        ("POST", "/v1/predict", TWO, FORM, 400),
        ("POST", "/v1/predict", NO_FILE, FORM, 400),
        ("POST", "/v1/predict", form(b"a")[:60], FORM, 400),
        ("PUT", "/v1/predict", b"", {}, 405),
        ("GET", "/../../etc/passwd", None, {}, 404),
        ("GET", "/docs", None, {}, 404),
        ("GET", "/v1/model", None, {"Host": "evil.example"}, 421),
        ("POST", "/v1/predict", form(b"a"), {**FORM, "Origin": "https://evil.example"}, 403),
    ],
)  # fmt: skip
def test_requests_that_are_refused(server, method, path, body, headers, status):
    code, reply = server.ask(method, path, body, headers)
    assert code == status and reply["error"]["kind"] and reply["error"]["message"]


def test_a_gigabyte_is_refused_before_it_is_read(server):
    before = time.monotonic()
    assert error_of(server.talk(request_head(2**30))) == (413, "too many bytes")
    assert time.monotonic() - before < 5


def test_a_gigabyte_that_is_sent_all_the_same_ends(server):
    """The answer is there to be read, and the connection is closed long before a gigabyte has passed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plug:
        plug.sendall(request_head(2**30))
        reply = b""
        while b"}}" not in reply:
            reply += plug.recv(65536)
        assert error_of(reply) == (413, "too many bytes")
        before, sent = time.monotonic(), 0
        try:
            while sent < 2**30:
                sent += plug.send(bytes(2**14))
                time.sleep(0.002)
        except OSError:
            pass
        assert sent < 2**30 and time.monotonic() - before < 10


def test_a_body_without_a_length_is_refused_once_it_is_too_long(server):
    head = request_head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + bytes(2**16) + b"\r\n"
    assert error_of(server.talk(head, *[chunk] * 20)) == (413, "too many bytes")


def test_slow_bodies_and_slow_heads_are_given_up(server):
    before = time.monotonic()
    body = form(png(face()))
    drip = [body[i : i + 1] for i in range(30)]
    with ThreadPoolExecutor(3) as clients:
        slow_body = clients.submit(server.talk, request_head(len(body)), *drip, pause=0.1)
        slow_head = clients.submit(server.talk, *[b"POST / HTTP/1.1\r\n", *[b"A: b\r\n"] * 30], pause=0.1)
        silent = clients.submit(server.talk)
        assert error_of(slow_body.result()) == (408, "too slow")
        assert error_of(slow_head.result()) == (408, "too slow")
        assert error_of(silent.result()) == (408, "too slow")
    assert time.monotonic() - before < 10


def test_what_is_no_http(server):
    assert error_of(server.talk(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")) == (400, "no HTTP")
    assert error_of(server.talk(b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + bytes(70_000))) == (400, "no HTTP")


def test_many_opened_connections_are_bounded(server):
    plugs = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(300)]
    try:
        replies = [until_closed(plug) for plug in plugs]
    finally:
        for plug in plugs:
            plug.close()
    kinds = [error_of(answer) for answer in replies if answer]
    assert kinds.count((503, "too many connections")) >= 300 - 40
    assert set(kinds) <= {(503, "too many connections"), (408, "too slow")}


def test_more_requests_than_there_are_places_are_refused_and_none_is_lost(server):
    with ThreadPoolExecutor(24) as clients:
        answers = list(clients.map(lambda _: server.send(png(face())), range(48)))
    assert {status for status, _ in answers} == {200, 503}
    assert all(reply["error"]["kind"] == "too many requests" for status, reply in answers if status == 503)
    assert {reply["decision"] for status, reply in answers if status == 200} == {"bonafide"}


def test_nothing_is_left_on_disk(server):
    server.works()
    memory = Path("/dev/shm")
    wait_until(lambda: not list(memory.glob("fastrain-*")) if memory.is_dir() else True, 10)


def test_a_signal_ends_it_once_what_is_in_hand_is_answered(pad, tmp_path):
    with served(pad, "--keep", tmp_path / "kept", "--queue", 8) as running:
        answers: list[tuple[int, object]] = []
        clients = [threading.Thread(target=lambda: answers.append(running.send(png(face())))) for _ in range(3)]
        for client in clients:
            client.start()
        body = form(png(face()))
        halves = [socket.create_connection(("127.0.0.1", running.port), timeout=30) for _ in range(3)]
        for half in halves:  # in hand until its other half comes
            half.sendall(request_head(len(body)) + body[:99])
        # What is answered is no longer in hand, so that nothing counts twice in this order.
        wait_until(lambda: len(answers) + numbers(running)["fastrain_requests_in_hand"] == 6, 20)
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: running.get("/healthz")[0] != 200, 20)
        assert running.process.poll() is None
        with suppress(ConnectionError):  # whoever comes later finds nobody, or is told
            status, reply = running.send(png(face()))
            assert (status, reply["error"]["kind"]) == (503, "ending")
        for half in halves:
            half.sendall(body[99:])
            answers.append((int(until_closed(half).split()[1]), None))
            half.close()
        for client in clients:
            client.join(30)
        assert running.process.wait(60) == 0
        assert [status for status, _ in answers] == [200] * 6
        pictures = sorted((tmp_path / "kept").glob("*.png"))
        assert len(pictures) == 6 and pictures[0].read_bytes() == png(face())
        assert json.loads(pictures[0].with_suffix(".json").read_text())["decision"] == "bonafide"
