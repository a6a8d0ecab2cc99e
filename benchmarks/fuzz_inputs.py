"""The inputs of a kind: each is a function of the seed and its number alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from fuzz_archives import hdf5_member, onnx_graph, torch_content
from fuzz_bytes import LARGEST, Mutator, flip_bits
from fuzz_tables import lmdb_value, parquet_table

if TYPE_CHECKING:
    from fuzz_media import Kind

# They use the very libraries that read the format, which must not be given what is damaged already.
_FIRST: tuple[Mutator, ...] = (hdf5_member, onnx_graph, lmdb_value, parquet_table, torch_content)


@dataclass(frozen=True)
class Inputs:
    """The whole files of a kind by name, and what becomes of them."""

    kind: Kind
    seed: int
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, kind: Kind, seed: int, folder: Path, paths: Sequence[Path]) -> Inputs:
        """Return the inputs made of these files in `folder`."""
        return cls(kind, seed, {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})

    @property
    def digest(self) -> str:
        """A hash of the whole files: with others, the same numbers are other inputs."""
        digest = hashlib.sha256()
        for name, data in self.files.items():
            digest.update(f"{name} {len(data)}\n".encode() + data)
        return digest.hexdigest()[:16]

    def made(self, index: int, keep: Callable[[int], bool] = lambda step: True) -> tuple[str, bytes]:
        """Return input number `index`: the name of the file, and its bytes after those steps that `keep` keeps."""
        name, steps = self._plan(index)
        data, others = self.files[name], list(self.files.values())
        for number, (mutate, random) in enumerate(steps):
            if keep(number):
                data = _applied(mutate, data, random, others, self.kind.plain)
        return name, data

    def steps(self, index: int) -> int:
        """Return the number of steps of an input."""
        return len(self._plan(index)[1])

    def _plan(self, index: int) -> tuple[str, list[tuple[Mutator, Random]]]:
        random = Random(f"{self.seed} {self.kind.name} {index}")
        name = random.choice(sorted(self.files))
        knows, plain = self.kind.knows, self.kind.plain
        steps: list[tuple[Mutator, Random]] = []
        for number in range(random.choice((1, 1, 1, 1, 2, 2, 3, 5))):
            usable = [mutate for mutate in knows if number == 0 or mutate not in _FIRST]
            pool = usable if usable and random.random() < (0.65 if number == 0 else 0.3) else plain
            steps.append((random.choice(pool), Random(random.getrandbits(64))))
        return name, steps


def _applied(mutate: Mutator, data: bytes, random: Random, others: Sequence[bytes], plain: Sequence[Mutator]) -> bytes:
    """Return the changed bytes; where the mutator cannot take them, or changes nothing, a plain one does."""
    changed = data
    for attempt in (mutate, *random.choices(plain, k=3), flip_bits):
        try:
            changed = attempt(data, random, others)
        except Exception:  # of a mutator that knows another format, or that others have left no such format
            continue
        if changed != data:
            break
    return changed[:LARGEST]
