"""A process that imports what commands import, once, and forks for each command that `client.py` sends."""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

# Neither pandas nor onnxruntime: they start threads when they are imported, which a fork would lose.
PRELOADED = (
    "cv2",
    "torch",
    "torchvision",
    "timm",
    "scipy.stats",
    "lightning_fabric",
    "facenet_pytorch",
    "matplotlib.figure",
    "jinja2",
    "pydantic",
)


def serve(address: str, preloaded: list[str]) -> list[str] | None:
    """Answer until standard input ends, with whoever holds its other end; in the process of a command, return its words."""
    for name in preloaded:
        __import__(name)
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a thread was started, which a fork would lose")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
        print("ready", flush=True)
        while door in select.select([door, sys.stdin], [], [])[0]:
            line, _ = door.accept()
            if os.fork() == 0:
                door.close()
                return _command(line)
            line.close()
    return None


def _command(line: socket.socket) -> list[str] | None:
    """Fork the command, wait for its end and answer with its exit code; in the command, return its words."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(line, 4, 3)
    words = b""
    while len(words) < int.from_bytes(size, "big"):
        words += line.recv(1 << 16)
    if child := os.fork():
        for stream in streams:
            os.close(stream)
        code = _wait(child, line)
        with suppress(OSError):  # nobody asks any more
            line.sendall((code if code >= 0 else 128 - code).to_bytes(4, "big"))
        os._exit(0)
    os.setsid()  # with what it starts it can be stopped as a whole
    line.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 (for the life of the process)
        for number, mode in enumerate("rww")
    )
    order = json.loads(words)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    return list(order["argv"])


def _wait(child: int, line: socket.socket) -> int:
    """Return the exit code of the command, minus the signal that ended it; stop it once the client has gone.

    The client says nothing after its words: what arrives on the line is its end, when a block has run out of time.
    """
    ended = os.pidfd_open(child)
    watched = select.poll()
    watched.register(ended, select.POLLIN)
    watched.register(line, select.POLLIN)
    if ended not in [number for number, _ in watched.poll()]:
        for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 0.0)):
            with suppress(ProcessLookupError):
                os.killpg(child, number)
            select.select([ended], [], [], seconds)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(words: list[str]) -> None:
    """Run a command as its own program would."""
    program, *arguments = words
    if program != "python":
        sys.argv = words
        __import__(f"{program}.__main__", fromlist=["main"]).main()
        return
    first, *rest = arguments
    sys.path.insert(0, "" if first in ("-", "-c", "-m") else str(Path(first).parent))
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first in ("-", "-c"):
        sys.argv = [first]
        exec(compile(sys.stdin.read() if first == "-" else rest[0], "<block>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    ordered = serve(sys.argv[1], sys.argv[2:])
    if ordered:
        run(ordered)
