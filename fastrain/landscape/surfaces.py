"""Hold the losses over a grid, domain by domain, and keep them in `landscape.npz`, which may be half finished."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args
from zipfile import BadZipFile

import numpy as np

from fasdata.errors import UserError
from fasdata.foreign import json_of, opened
from fasdata.store.atomic import replacing

FILE = "landscape.npz"
FORMAT = 1

BatchNorm: TypeAlias = Literal["ignore", "move", "refit"]
"""What becomes of batch norm and of all biases, that is of tensors with at most one dimension.

ignore: they stay, and so do the running statistics; the published default. move: each follows its own value in both
directions, as the published code does where it is told not to ignore them; running statistics stay. refit: they stay,
and the running statistics are estimated anew at every point, from the images of the sources.
"""
BATCHNORM: tuple[BatchNorm, ...] = get_args(BatchNorm)


@dataclass(frozen=True)
class Domain:
    """A domain: its name, whether it is the target, and how many of its images are measured, by label."""

    name: str
    target: bool
    bonafide: int
    attack: int

    @property
    def title(self) -> str:
        """Return the name, and that it is the target where it is."""
        return f"{self.name} (target)" if self.target else self.name


@dataclass(frozen=True)
class Landscape:
    """Losses around a network's weights; S points an axis, D domains with the target last, R radii.

    The file holds these arrays under the same names, with `format`, `request` as JSON, and of the domains `domain` (D,)
    text, `target` (D,) bool, `n_bonafide` and `n_attack` (D,) int64. Nothing in it is pickled.
    """

    request: Mapping[str, Any]
    """What was asked for and of what network and data; plain JSON values."""
    domains: tuple[Domain, ...]
    axis: np.ndarray
    """(S,) float64: the coordinates of both axes, in lengths of the directions."""
    loss: np.ndarray
    """(D,S,S) float64: mean loss at `axis[i]` of the first and `axis[j]` of the second direction; NaN: not done."""
    accuracy: np.ndarray
    """(D,S,S) float64: share of images whose log odds have the sign of their label."""
    done: np.ndarray
    """(S,S) bool."""
    seconds: np.ndarray
    """(S,S) float64: what a point took, all domains together."""
    rho: np.ndarray
    """(R,) float64: radii."""
    sharpness: np.ndarray
    """(D,R) float64: L(w + rho g / |g|) - L(w), along each domain's own gradient g."""
    gradient: np.ndarray
    """(D,) float64: |g|; NaN where not done."""

    @classmethod
    def blank(
        cls, request: Mapping[str, Any], domains: Sequence[Domain], *, reach: float, steps: int, rho: Sequence[float]
    ) -> Landscape:
        """Return a landscape with nothing done yet, from -reach to reach in an odd number of steps.

        >>> Landscape.blank({}, [Domain("a", False, 1, 1)], reach=1, steps=5, rho=[0.05]).axis.tolist()
        [-1.0, -0.5, 0.0, 0.5, 1.0]
        """
        half = steps // 2
        axis = np.arange(-half, half + 1) * (reach / half)
        shape = (len(domains), steps, steps)
        return cls(
            request, tuple(domains), axis, np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape[1:], bool),
            np.full(shape[1:], np.nan), np.array(rho, float), np.full((len(domains), len(rho)), np.nan),
            np.full(len(domains), np.nan),
        )  # fmt: skip

    @property
    def centre(self) -> int:
        """Return the place on each axis of the network as it is."""
        return len(self.axis) // 2

    def points_left(self) -> list[tuple[int, int]]:
        """Return the points not done, from the centre outwards: what is stopped early is a smaller square."""
        places = [(int(i), int(j)) for i, j in np.argwhere(~self.done)]
        return sorted(places, key=lambda place: (max(abs(place[0] - self.centre), abs(place[1] - self.centre)), place))

    def put(self, place: tuple[int, int], values: Sequence[tuple[float, float]], seconds: float) -> None:
        """Enter loss and accuracy of every domain at a point."""
        self.loss[:, *place], self.accuracy[:, *place] = zip(*values, strict=True)
        self.seconds[place] = seconds
        self.done[place] = True

    def here(self, domain: int) -> tuple[float, float]:
        """Return loss and accuracy of a domain at the network's own weights."""
        return float(self.loss[domain, self.centre, self.centre]), float(
            self.accuracy[domain, self.centre, self.centre]
        )

    def lowest(self, domain: int) -> float:
        """Return the lowest finite loss of a domain on the grid; NaN where none is finite."""
        losses = self.loss[domain][np.isfinite(self.loss[domain])]
        return float(losses.min()) if len(losses) else float("nan")

    def differences(self, request: Mapping[str, Any]) -> list[str]:
        """Return what another request asks for otherwise, `name: old -> new`."""
        names = dict.fromkeys([*self.request, *request])
        pairs = [(name, self.request.get(name), request.get(name)) for name in names]
        return [f"{name}: {old} -> {new}" for name, old, new in pairs if old != new]

    def write(self, path: Path) -> None:
        """Write the file, whole."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                format=np.array(FORMAT),
                request=np.array(json.dumps(dict(self.request))),
                domain=np.array([domain.name for domain in self.domains]),
                target=np.array([domain.target for domain in self.domains]),
                n_bonafide=np.array([domain.bonafide for domain in self.domains]),
                n_attack=np.array([domain.attack for domain in self.domains]),
                **{name: getattr(self, name) for name in _SHAPES},
            )

    @classmethod
    def read(cls, path: Path) -> Landscape:
        """Read a file; nothing in it is unpickled.

        Raises:
            UserError: it cannot be read, is damaged, or of another format.
        """
        do = "remove it, and run 'fastrain landscape' again"
        try:
            with opened(path) as file, np.load(file, allow_pickle=False) as arrays:
                return cls._of({name: arrays[name] for name in arrays.files}, path)
        # A zip that says it is encrypted, packed otherwise or of a later version is a RuntimeError.
        except (ValueError, TypeError, LookupError, EOFError, OSError, RuntimeError, BadZipFile, zlib.error) as error:
            missing = f"no array {error}" if isinstance(error, KeyError) else ""
            problem = missing or " ".join(str(error).split())
            raise UserError(f"{path} is no readable landscape", found=problem, do=do) from None

    @classmethod
    def _of(cls, arrays: Mapping[str, np.ndarray], path: Path) -> Landscape:
        if int(arrays["format"]) != FORMAT:
            raise UserError(f"{path} has another format", expected=str(FORMAT), found=str(arrays["format"]))
        names = ("domain", "target", "n_bonafide", "n_attack")
        columns = [arrays[name].tolist() for name in names]
        rows = zip(*columns, strict=True)
        domains = tuple(Domain(str(name), bool(target), int(live), int(fake)) for name, target, live, fake in rows)
        sizes = {"D": len(domains), "S": len(arrays["axis"]), "R": len(arrays["rho"])}
        for name, letters in _SHAPES.items():
            if arrays[name].shape != tuple(sizes[letter] for letter in letters):
                raise ValueError(f"{name} has the shape {arrays[name].shape}")
        request = json_of(str(arrays["request"]), f"the request inside {path}")
        if not isinstance(request, dict) or sizes["S"] % 2 == 0:
            raise ValueError("no request, or an axis without a middle")
        return cls(request, domains, **{name: arrays[name] for name in _SHAPES})


_SHAPES = {
    "axis": "S", "loss": "DSS", "accuracy": "DSS", "done": "SS", "seconds": "SS", "rho": "R", "sharpness": "DR",
    "gradient": "D",
}  # fmt: skip
