"""Select frames of a clip by rule: pure functions of the number of frames and of which frames show a face."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fasdata.errors import UserError, unknown_name
from fasdata.foreign import whole_number
from fasdata.protocols.own_rules import OWN, is_own, own_positions
from fasdata.records import Clip, ClipRecord

Counted = Literal["decoded", "with_face"]
# kind -> (fewest, most) integer arguments
KINDS = {
    "all": (0, 0),
    "equidistant": (1, 1),
    "every": (1, 2),
    "first": (1, 1),
    "linspace": (1, 1),
    "quarter": (0, 0),
    "random": (2, 2),
    "ssdg": (1, 1),
    "three": (3, 3),
}
DENSE = ("all", "every")
_TEXT = re.compile(r"^\s*(?P<kind>" + OWN + r"|[a-z]+)\s*(?:\((?P<args>[\d\s,]*)\))?\s*(?:@\s*(?P<on>\w+))?\s*$")


@dataclass(frozen=True)
class FrameRule:
    """A rule that selects frames of a clip, written `kind(args)@on`.

    `on` says what is counted: `decoded` counts every decoded frame, `with_face` only frames on which a face was
    observed. The kinds, for n counted frames (positions are 0-based, results ascending and without repeats):

    * `first(k)`: 0 … k-1
    * `linspace(k)`: floor(linspace(0, n-1, k)); all of them when n <= k
    * `ssdg(k)`: 6 + j·floor(n/k) for j < k, held at n-1 when the clip is shorter
    * `quarter`: floor(n/4) and floor(3n/4)
    * `equidistant(k)`: floor(j·n/k) for j < k
    * `every(step[, last])`: 0, step, 2·step … up to position `last`
    * `all`
    * `three(a, b, c)`: those positions, held at n-1 when the clip is shorter
    * `random(k, seed)`: k positions without replacement, decided by seed, clip and n alone
    * `name.hash`: what a function from outside returns of n and the clip's id (`own_rules`), held at n-1

    >>> rule = FrameRule.parse("ssdg(2)")
    >>> str(rule)
    'ssdg(2)@decoded'
    >>> rule.positions(100)
    [6, 56]
    """

    kind: str
    args: tuple[int, ...] = ()
    on: Counted = "decoded"

    @classmethod
    def parse(cls, text: str) -> FrameRule:
        """Read the text form; `on` defaults to `decoded`.

        Raises:
            UserError: unknown kind, wrong number of arguments, a zero where a count or step is needed.
        """
        match = _TEXT.match(text)
        if not match:
            raise UserError(
                f"frame rule {text!r} is not understood",
                expected="kind(numbers)@decoded|with_face, e.g. ssdg(2)@decoded",
            )
        kind, on = match["kind"], match["on"] or "decoded"
        if kind not in KINDS and not is_own(kind):
            raise unknown_name("frame rule", kind, KINDS)
        if on not in ("decoded", "with_face"):
            raise unknown_name("frame count in the rule", on, ("decoded", "with_face"))
        numbers = [whole_number(part.strip()) for part in (match["args"] or "").split(",") if part.strip()]
        args = tuple(number for number in numbers if number is not None)
        if len(args) < len(numbers):
            raise UserError(f"frame rule {text!r}", expected="whole numbers of at most 15 digits")
        fewest, most = KINDS.get(kind, (0, 0))
        if not fewest <= len(args) <= most:
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            raise UserError(f"frame rule {text!r}", expected=f"{wanted} number(s) for {kind!r}", found=str(len(args)))
        if args and args[0] < 1:
            raise UserError(f"frame rule {text!r}", expected="a first number of at least 1", found=str(args[0]))
        return cls(kind, args, on)  # type: ignore[arg-type]

    def __str__(self) -> str:
        inside = f"({','.join(map(str, self.args))})" if self.args else ""
        return f"{self.kind}{inside}@{self.on}"

    @property
    def dense(self) -> bool:
        """Whether the number of selected frames grows with the clip."""
        return self.kind in DENSE

    @property
    def sparse(self) -> bool:
        """Whether few frames decide the rule: known from the number of frames alone, or looked for at the ends."""
        return not self.dense and (self.on == "decoded" or self.kind == "first" or self._looks_at_ends)

    @property
    def _looks_at_ends(self) -> bool:
        return self.kind == "linspace" and self.args[0] <= 2

    def positions(self, n: int, clip_id: str = "") -> list[int]:
        """Return the selected positions among `n` counted frames."""
        if n <= 0:
            return []
        return sorted({min(position, n - 1) for position in self._raw_positions(n, clip_id)})

    def _raw_positions(self, n: int, clip_id: str) -> Sequence[int]:
        if is_own(self.kind):
            return own_positions(self.kind, n, clip_id)
        k = self.args[0] if self.args else 0
        match self.kind:
            case "all":
                return range(n)
            case "first":
                return range(min(k, n))
            case "linspace":
                # Integer arithmetic: floor(j (n-1) / (k-1)) without a float that lands just below a whole number.
                return range(n) if n <= k else [j * (n - 1) // (k - 1) for j in range(k)] if k > 1 else [0]
            case "ssdg":
                return [6 + j * (n // k) for j in range(k)]
            case "three":
                return self.args
            case "quarter":
                return [n // 4, 3 * n // 4]
            case "equidistant":
                return [j * n // k for j in range(k)]
            case "every":
                return range(0, min(n, self.args[1] + 1) if len(self.args) > 1 else n, k)
            case _:
                return _random_positions(n, min(k, n), f"{self.args[1]}/{clip_id}/{n}")

    def clamps(self, n: int) -> bool:
        """Tell whether a clip of `n` counted frames is too short for the rule's own positions."""
        return n > 0 and any(position >= n for position in self._raw_positions(n, ""))

    def resolve(self, n: int, has_face: Mapping[int, bool], clip_id: str = "") -> tuple[int, ...] | None:
        """Return the selected frame indices, or None while more frames have to be searched for faces.

        `has_face` tells for each frame searched so far whether it shows a face; `missing` says which to search next.

        >>> rule = FrameRule.parse("linspace(2)@with_face")
        >>> rule.resolve(100, {0: False})
        >>> rule.resolve(100, {0: False, 1: True, 99: True})
        (1, 99)
        """
        if self.on == "decoded":
            return tuple(self.positions(n, clip_id))
        if self.missing(n, has_face):
            return None
        faces = sorted(index for index, face in has_face.items() if face and index < n)
        return tuple(faces[position] for position in self.positions(len(faces), clip_id))

    def missing(self, n: int, has_face: Mapping[int, bool], clip_id: str = "") -> list[int]:
        """Return the frames still to be searched for a face, most useful first; empty when the rule is decided.

        `first` needs only the beginning of a clip and `linspace(2)` only its two ends; the others need every frame,
        because they count all frames with a face.
        """
        if self.on == "decoded":
            return [index for index in self.positions(n, clip_id) if index not in has_face]
        if self.kind == "first" or (self.kind == "linspace" and self.args[0] == 1):
            return _until(range(n), has_face, self.args[0])
        if self.kind == "linspace" and self.args[0] == 2:
            front, back = _until(range(n), has_face, 1), _until(range(n - 1, -1, -1), has_face, 1)
            return list(dict.fromkeys([*front, *back]))
        return [index for index in range(n) if index not in has_face]


_STRIDE = 8  # how many frames ahead a search from one end asks for at a time


def _until(order: Sequence[int], has_face: Mapping[int, bool], wanted: int) -> list[int]:
    """Return the next unsearched frames along `order`, or nothing once `wanted` faces lie before the first of them."""
    faces = 0
    for place, index in enumerate(order):
        if index not in has_face:
            ahead = [i for i in order[place : place + _STRIDE] if i not in has_face]
            # The first look is one frame: nearly always it has a face.
            return ahead[: wanted - faces] if place == 0 else ahead
        faces += has_face[index]
        if faces >= wanted:
            return []
    return []


def _random_positions(n: int, k: int, key: str) -> list[int]:
    """Return k of n positions, ordered by a hash: the same on every platform and version."""
    digests = [(hashlib.sha256(f"{key}/{position}".encode()).digest(), position) for position in range(n)]
    return [position for _, position in sorted(digests)[:k]]


def parse_rules(text: str) -> list[FrameRule]:
    """Read several rules separated by `+` or blanks; a rule given twice counts once.

    >>> [str(rule) for rule in parse_rules("ssdg(2) + linspace(2)@with_face")]
    ['ssdg(2)@decoded', 'linspace(2)@with_face']

    Raises:
        UserError: no rule, or one that is malformed.
    """
    rules = [FrameRule.parse(part) for part in re.split(r"[+\s;]+", text.strip()) if part]
    if not rules:
        raise UserError("no frame rule given", expected="e.g. ssdg(2)@decoded or every(5)")
    return list(dict.fromkeys(rules))


def choose(rule: FrameRule, record: ClipRecord) -> tuple[int, ...]:
    """Return the frame indices that `rule` selects from an extracted clip.

    What extraction recorded for the rule counts; otherwise the rule is applied to the stored frames.

    >>> from fasdata.records import Clip
    >>> rule = FrameRule.parse("ssdg(2)")
    >>> choose(rule, ClipRecord(Clip("d", "c", {}), "ok", n_frames=20, selections={"ssdg(2)@decoded": (6, 16)}))
    (6, 16)

    Raises:
        UserError: the store lacks frames the rule needs; says how to extract them.
    """
    stored = record.selections.get(str(rule))
    if stored is not None:
        return tuple(stored)
    has_face = {frame.index: frame.face_observed for frame in record.frames}
    # A frame that was only searched has no crop, and "no face there" does not prove that no fallback would have served:
    # extraction worked that out only for frames that some rule selected.
    settled = {frame.index for frame in record.frames if frame.crop is not None}
    settled |= {index for selected in record.selections.values() for index in selected}
    return applied(rule, record.clip, record.n_frames, has_face, settled, record.selections)


def applied(
    rule: FrameRule,
    clip: Clip,
    n_frames: int,
    has_face: Mapping[int, bool],
    settled: Collection[int],
    rules: Iterable[str],
) -> tuple[int, ...]:
    """Return the frames that a rule selects of a clip whose extraction did not know it.

    `has_face` tells for each searched frame whether it shows a face; of `settled` ones the store has the crop, or knows
    that there is none. `rules` are those that the clip was extracted by.

    Raises:
        UserError: as `choose`.
    """
    indices = rule.resolve(n_frames, has_face, clip.clip_id)
    if indices is None or not set(settled).issuperset(indices):
        raise UserError(
            f"clip {clip.clip_id} of {clip.dataset} lacks frames of the rule {rule}",
            found="rules " + ", ".join(rules),
            do=f"run the same 'fasdata extract' with --frames '{rule}': it adds those frames to the store",
        )
    return indices
