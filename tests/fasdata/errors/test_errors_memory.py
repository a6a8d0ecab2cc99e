"""Want of memory has a line of its own, whichever library says it; a bug keeps its traceback."""

import errno
import resource
import subprocess
import sys

import cv2
import lmdb
import numpy as np
import pyarrow as pa
import pytest

from fasdata.errors import UserError, guarded, is_out_of_memory, memory_is_short

ADVICE = "fewer --workers"
# Each gets 2 GB of address space, which a library needs to start; what it then asks for is not there.
TASKS = {
    "numpy": "import numpy as np; np.ones((1 << 32,), np.uint8)",
    "arrow": "import pyarrow as pa; pa.allocate_buffer(1 << 33)",
    "opencv": "import cv2, numpy as np; cv2.resize(np.zeros((9, 9), np.uint8), (60_000, 60_000))",
    "python": "bytearray(1 << 33)",
    "import": "limit(90); import cv2",
}
PRELUDE = """
import resource
from fasdata.errors import guarded
def limit(mebibytes): resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))
def task():
    limit(2048)
    {task}
guarded(task)
"""


@pytest.mark.parametrize("library", TASKS)
def test_a_process_that_gets_no_memory_says_so_in_one_line(library):
    script = PRELUDE.format(task=TASKS[library])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if "error:" in line]
    assert lines[-1].startswith("error: out of memory (") and ADVICE in lines[-1] and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((9,), np.dtype("u1")),
        pa.ArrowMemoryError("malloc of size 64 failed"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried 4 bytes"
        ),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("can't start new thread"),
        ImportError("libx.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        cv2.error("OpenCV(4.12.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
        lmdb.MemoryError("mdb_env_open: Cannot allocate memory"),
    ],
)
def test_every_library_s_words_are_known(error, capsys):
    def fail() -> None:
        raise error

    assert is_out_of_memory(error)
    with pytest.raises(SystemExit) as ended:
        guarded(fail)
    assert ended.value.code == 2 and ADVICE in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shape mismatch"),
        ValueError("the file says 'out of memory'"),
        ImportError("libx.so: cannot allocate memory in static TLS block"),
        OSError(errno.EIO, "Input/output error"),
    ],
)
def test_a_bug_is_no_want_of_memory(error):
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        guarded(fail)


def test_a_file_that_quotes_the_words_is_no_want_of_memory():
    assert not is_out_of_memory(UserError("x.csv is damaged", found="out of memory"))


def test_memory_is_asked_for_to_know_whether_it_is_short():
    assert not memory_is_short(1 << 20)
    assert memory_is_short(1 << 60)


def test_the_memory_that_is_asked_for_is_not_taken():
    """Where memory is short, writing to it would be what ends the process."""

    def pages_touched() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        assert not memory_is_short()
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    assert min(pages_touched() for _ in range(3)) < 50


def test_an_error_that_blames_a_file_for_want_of_memory_says_so_too(capsys):
    def fail() -> None:
        try:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        except RuntimeError:
            raise UserError("weights.pth cannot be read") from None

    with pytest.raises(SystemExit):
        guarded(fail)
    line = capsys.readouterr().err
    assert line.startswith("error: weights.pth cannot be read; if memory is short: ") and ADVICE in line
