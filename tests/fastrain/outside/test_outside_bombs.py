"""Networks that ask for gigabytes are refused: the tests of `bombs.py`, all of them in one fresh process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BOMBS = Path(__file__).with_name("bombs.py")


def test_bombs_are_refused_in_a_process_that_holds_little(tmp_path):
    """What a process of many tests holds and no longer uses, a bomb may use: see `bounded_allocation`."""
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'own'}", BOMBS]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"^(\d+) passed in", done.stdout, re.MULTILINE)
    assert passed and int(passed[1]) == 14, done.stdout[-2000:]  # none is skipped
