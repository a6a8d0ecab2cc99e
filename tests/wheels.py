"""The wheel of the checkout, built once a test process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def build_wheel(folder: Path) -> Path:
    """Build the wheel into a folder; return its path."""
    line = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*line, str(ROOT)], check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("fasdata-*.whl")
    return wheel
