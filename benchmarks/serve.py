"""Measure `fastrain serve` on loopback: how long answers take, how many there are, what is refused, what memory does.

    python benchmarks/serve.py pad.fasb face.png

Clients ask with one picture, over connections that they keep. They are compared with `predict` in a loop, one call a
picture, before and after them, and with one call for all pictures. Beside the times stands what an answer takes of the
processors, which other work on the machine leaves alone: of the server, of its finders, and of the loop. Every part is
bounded in count and in time. Clients and server share the machine's cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

BOUNDARY = "frontier"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def main() -> None:
    """Run all parts and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--workers", type=int, default=0, help="processes that look for faces; 0: one a core")
    parser.add_argument("--requests", type=int, default=400, help="of each number of clients, at most")
    parser.add_argument("--seconds", type=float, default=30, help="for each number of clients, at most")
    parser.add_argument("--long", type=int, default=5000, help="requests over which memory is looked at")
    parser.add_argument("--long-seconds", type=float, default=240)
    parser.add_argument("--opens", type=int, default=10_000)
    asked = parser.parse_args()
    _allow_files(asked.opens + 500)
    body = _form(asked.picture)
    print(f"picture of {asked.picture.stat().st_size:,} bytes")
    print(_line("predict in a loop", *_loop(asked.bundle, asked.picture, asked.requests, asked.seconds)))
    print(_line("predict, one call", *_one_call(asked.bundle, asked.picture, asked.requests)))
    process = subprocess.Popen(
        [sys.executable, "-m", "fastrain", "serve", str(asked.bundle), "--port", "0", "--workers", str(asked.workers)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(re.search(r":(\d+)$", process.stdout.readline().strip())[1])  # type: ignore[index]
        _ask(http.client.HTTPConnection("127.0.0.1", port), body)  # the detector is loaded
        _clients(port, body, 8, 32, 10)
        for clients in (1, 8, 32, 64):
            before = _processor(process.pid)
            of = _clients(port, body, clients, asked.requests, asked.seconds)
            print(_line(f"{clients} clients", *of), _spent(before, _processor(process.pid), process.pid, len(of[0])))
        print(_line("predict in a loop", *_loop(asked.bundle, asked.picture, asked.requests, asked.seconds)))
        print(_opened(port, asked.opens))
        _memory(process.pid, port, body, asked.long, asked.long_seconds)
    finally:
        process.terminate()
        print(f"exit code after SIGTERM: {process.wait(60)}")


def _loop(bundle: Path, picture: Path, most: int, seconds: float) -> tuple[list[float], float, Counter[int]]:
    from fastrain import load

    predictor = load(bundle)
    predictor.predict(picture)
    before = time.process_time()
    of = _timed(lambda: predictor.predict(picture) and 200, most, seconds)
    print(f"  an answer of the loop takes {1000 * (time.process_time() - before) / len(of[0]):.1f} ms of a processor")
    return of


def _one_call(bundle: Path, picture: Path, most: int) -> tuple[list[float], float, Counter[int]]:
    from fastrain import load

    predictor, before = load(bundle), time.perf_counter()
    predictor.predict(*[picture] * most)
    spent = time.perf_counter() - before
    return [spent / most] * most, spent, Counter({200: most})


def _timed(call: object, most: int, seconds: float) -> tuple[list[float], float, Counter[int]]:
    start, times, codes = time.perf_counter(), [], Counter[int]()
    while len(times) < most and time.perf_counter() - start < seconds:
        before = time.perf_counter()
        code = call()  # type: ignore[operator]
        codes[code] += 1
        if code == 200:
            times.append(time.perf_counter() - before)
        else:
            time.sleep(0.05)
    return times, time.perf_counter() - start, codes


def _clients(
    port: int, body: bytes, clients: int, most: int, seconds: float
) -> tuple[list[float], float, Counter[int]]:
    def client(_: int) -> tuple[list[float], float, Counter[int]]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        return _timed(lambda: _ask(connection, body), max(1, most // clients), seconds)

    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        parts = list(pool.map(client, range(clients)))
    codes = sum((part[2] for part in parts), Counter[int]())
    return [spent for part in parts for spent in part[0]], time.perf_counter() - start, codes


def _ask(connection: http.client.HTTPConnection, body: bytes) -> int:
    connection.request("POST", "/v1/predict", body, HEADERS)
    reply = connection.getresponse()
    json.loads(reply.read())
    return reply.status


def _line(name: str, times: list[float], seconds: float, codes: Counter[int]) -> str:
    p50, p95 = 1000 * np.percentile(times, (50, 95)) if times else (np.nan, np.nan)
    refused = sum(count for code, count in codes.items() if code != 200)
    return (
        f"{name:18s} p50 {p50:7.1f} ms  p95 {p95:7.1f} ms  {len(times) / seconds:6.1f} answers/s  "
        f"{len(times)} answered, {refused} refused in {seconds:.1f} s"
    )


def _opened(port: int, count: int) -> str:
    """Open many connections at once; return what became of them, and whether the next request works."""
    plugs, before, failed = [], time.perf_counter(), 0
    for _ in range(count):
        plug = socket.socket()
        plug.setblocking(False)
        failed += plug.connect_ex(("127.0.0.1", port)) not in (0, 115)
        plugs.append(plug)
    outcomes: Counter[str] = Counter()
    waiting = selectors.DefaultSelector()
    for plug in plugs:
        waiting.register(plug, selectors.EVENT_READ)
    end = time.perf_counter() + 40
    while waiting.get_map() and time.perf_counter() < end:
        for key, _ in waiting.select(1):
            try:
                data = key.fileobj.recv(4096)  # type: ignore[union-attr]
            except OSError as error:
                data = type(error).__name__.encode()
            match = re.search(rb'"kind": "([^"]+)"', data)
            outcomes[match[1].decode() if match else (data[:30].decode(errors="replace") or "closed")] += 1
            waiting.unregister(key.fileobj)
    outcomes["silent"] = len(waiting.get_map() or ())
    for plug in plugs:
        plug.close()
    took = time.perf_counter() - before
    status = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    status.request("GET", "/healthz")
    return (
        f"{count} opens at once: {dict(outcomes)}, {failed} not made, {took:.1f} s; then {status.getresponse().status}"
    )


def _memory(pid: int, port: int, body: bytes, most: int, seconds: float) -> None:
    """Print how much memory the server has as requests pass."""
    start, done = time.perf_counter(), 0
    with ThreadPoolExecutor(4) as pool:
        connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(4)]
        while done < most and time.perf_counter() - start < seconds:
            list(pool.map(lambda client: [_ask(client, body) for _ in range(most // 40)], connections))
            done += 4 * (most // 40)
            print(f"after {done:5d} requests: {_resident(pid):6.1f} MiB (server and its finders)")


def _resident(pid: int) -> float:
    """Return the resident memory of a process and of those it started, in MiB."""
    pages = [int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in _processes(pid)]
    return sum(pages) * resource.getpagesize() / 2**20


def _processor(pid: int) -> dict[int, float]:
    """Return the seconds of a processor that a process and those it started have taken."""
    fields = {p: Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split() for p in _processes(pid)}
    return {p: (int(of[11]) + int(of[12])) / os.sysconf("SC_CLK_TCK") for p, of in fields.items()}


def _spent(before: dict[int, float], after: dict[int, float], pid: int, answers: int) -> str:
    each = {p: 1000 * (spent - before.get(p, 0.0)) / max(1, answers) for p, spent in after.items()}
    return f"; of a processor: server {each.pop(pid):.1f} ms, finders {sum(each.values()):.1f} ms an answer"


def _processes(pid: int) -> list[int]:
    """Return a process and all that it started and that still run."""
    pids = [pid]
    for process in pids:
        try:
            tasks = list(Path(f"/proc/{process}/task").iterdir())
            pids += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return [process for process in pids if Path(f"/proc/{process}/stat").exists()]


def _form(picture: Path) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{picture.name}"\r\n\r\n'
    return head.encode() + picture.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def _allow_files(count: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


if __name__ == "__main__":
    main()
