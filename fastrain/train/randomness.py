"""Save and restore the states of all random generators as JSON values."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fasdata.errors import UserError
from fastrain.networks.checkpoint import HELP
from fastrain.networks.checkpoint_facts import GeneratorFacts


@dataclass(frozen=True)
class Generators:
    """The run's own generators; the global ones of torch, numpy and Python are saved along with them."""

    torch: torch.Generator
    python: random.Random

    @classmethod
    def seeded(cls, seed: int, rank: int = 0) -> Generators:
        """Seed everything; the run's own generators alike on all devices, the global ones (dropout) by rank."""
        random.seed(seed + rank)
        np.random.seed((seed + rank) % 2**32)
        torch.manual_seed(seed + rank)  # seeds the accelerators too
        return cls(torch.Generator().manual_seed(seed), random.Random(seed))

    def state(self) -> dict[str, Any]:
        """Return every state; after restoring it all later random numbers are the same."""
        name, keys, *rest = np.random.get_state()
        return {
            "run_torch": _text(self.torch.get_state()),
            "run_python": self.python.getstate(),
            "torch": _text(torch.get_rng_state()),
            "cuda": [_text(state) for state in torch.cuda.get_rng_state_all()] if torch.cuda.is_available() else [],
            "numpy": [name, np.asarray(keys).tolist(), *rest],
            "python": random.getstate(),
        }

    def restore(self, state: GeneratorFacts) -> None:
        """Restore the states; those of accelerators only where their number is the same.

        Raises:
            UserError: they are no states of these generators.
        """
        try:
            self._restore(state)
        # What torch, numpy and Python raise for states that are none.
        except (ValueError, TypeError, LookupError, RuntimeError, OverflowError) as error:
            raise UserError(
                "a state of a random generator is damaged", found=" ".join(str(error).split())[:160], do=HELP
            ) from None

    def _restore(self, state: GeneratorFacts) -> None:
        self.torch.set_state(_tensor(state.run_torch))
        self.python.setstate(_python(state.run_python))
        torch.set_rng_state(_tensor(state.torch))
        if torch.cuda.is_available() and len(state.cuda) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([_tensor(text) for text in state.cuda])
        name, keys, *rest = state.numpy
        np.random.set_state((name, np.array(keys, np.uint32), *rest))
        random.setstate(_python(state.python))


def _text(state: torch.Tensor) -> str:
    return base64.b64encode(state.numpy().tobytes()).decode()


def _tensor(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)


def _python(state: Any) -> Any:
    version, numbers, gauss = state
    return version, tuple(numbers), gauss
