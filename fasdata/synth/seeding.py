"""Random numbers that depend on a name alone, never on what was drawn before."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(*key: object) -> np.random.Generator:
    """Return the generator of `key`: a PCG64 seeded with the sha256 of its parts joined by slashes.

    Because no stream is shared, any clip can be made alone, in any order and in any process, with the same result.
    """
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
