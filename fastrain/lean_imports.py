"""Import a library without what it imports on sight and we do not use, where that costs a second a process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unseen(*packages: str) -> Iterator[None]:
    """Let imports in the block find none of these packages, unless they are loaded already.

    timm loads wandb where it is installed, and Lightning Fabric loads torchmetrics for its version, with all of SciPy's
    signals behind it.
    """
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # an import of it is an ImportError
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
