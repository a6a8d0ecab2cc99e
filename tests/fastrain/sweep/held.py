"""ERM that can be held in the middle of its training, so that a test has all the time to do something to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

from fasdata.stopping import stop_requested
from fastrain.methods.erm.method import ERM
from fastrain.methods.erm.settings import ERMSettings

AT = 6  # iterations are done when it is held


class HeldSettings(ERMSettings):
    gate: str = ""


class Held(ERM):
    """Waits once `AT` iterations are done as long as the file `gate` is there, at most until a stop is requested."""

    name: ClassVar[str] = "held"
    Config: ClassVar[type[HeldSettings]] = HeldSettings

    def training_step(self, batch: Any, ctx: Any) -> Any:
        gate = Path(self.config.gate)  # type: ignore[attr-defined]
        if ctx.iteration == AT + 1 and gate.exists():
            gate.with_name(f"reached-{time.monotonic_ns()}").touch()
            while gate.exists() and not stop_requested():
                time.sleep(0.02)
        return super().training_step(batch, ctx)
