"""Which searched frames a record keeps: those that matter, so that it does not tell in which steps it came about."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fasdata.faces.fallback import REACH
from fasdata.sampling import FrameRule


def kept_frames(
    n: int, has_face: Mapping[int, bool], selections: Mapping[str, Collection[int]], *, around_misses: bool
) -> set[int]:
    """Return the frames of a clip of `n` that decide what its rules take and what its misses become.

    `has_face` tells the outcome of every searched frame, `selections` what each rule took. Kept are the frames that a
    rule took, those it had to know for it, and with `around_misses` those on both sides of a taken frame without a
    face, up to the nearest that shows one. Others were looked at because a container counts its frames wrongly, or on
    the way to what was looked for: had the rules been asked for at once, they might not have been.
    """
    kept = {index for chosen in selections.values() for index in chosen}
    if around_misses:
        for index in [index for index in kept if not has_face.get(index, False)]:
            for side in (range(index - 1, index - REACH - 1, -1), range(index + 1, index + REACH + 1)):
                kept.update(_up_to_faces(side, has_face, 1))
    for text in selections:
        kept.update(_decisive(FrameRule.parse(text), n, has_face))
    return kept & has_face.keys()


def _decisive(rule: FrameRule, n: int, has_face: Mapping[int, bool]) -> Collection[int]:
    """The frames whose outcome a rule has to know."""
    if rule.on == "decoded":
        return ()
    if rule.kind == "first" or (rule.kind == "linspace" and rule.args[0] == 1):
        return _up_to_faces(range(n), has_face, rule.args[0])
    if rule.kind == "linspace" and rule.args[0] == 2:
        ends = (range(n), range(n - 1, -1, -1))
        return {index for end in ends for index in _up_to_faces(end, has_face, 1)}
    return range(n)


def _up_to_faces(order: range, has_face: Mapping[int, bool], wanted: int) -> set[int]:
    """The frames along `order` up to the `wanted`-th that shows a face."""
    passed = set()
    for index in order:
        passed.add(index)
        wanted -= has_face.get(index, False)
        if not wanted:
            break
    return passed
