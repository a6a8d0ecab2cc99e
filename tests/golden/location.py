"""Where the golden arrays are."""

from __future__ import annotations

import os
from pathlib import Path

ENVIRONMENT = "FAS_GOLDEN_DIR"


def golden_dir(method: str) -> Path:
    """Return the folder of one method's golden arrays (`hfn_mp`, `gac_fas`, `me_fas`, `mmdg`, `mmdgfas`, `metrics`).

    `$FAS_GOLDEN_DIR` names a folder that holds them all, another set of the same form; by default it is the copy here.

    Raises:
        FileNotFoundError: the folder is not there. A test must fail then, not pass on nothing.
    """
    root = Path(os.environ.get(ENVIRONMENT) or Path(__file__).resolve().parent)
    folder = root / method
    if not folder.is_dir():
        raise FileNotFoundError(f"no golden arrays at {folder}; {ENVIRONMENT} names the folder that holds {method}/")
    return folder
