"""The middle 98 % of what training clips measure, and in which measures another clip lies outside of it.

A network was fitted to faces of some sizes, some light, some poses; outside of these its score is a guess that looks
like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

MEASURES = ("face_size", "sharpness", "brightness", "roll", "yaw", "pitch")  # of `fasdata.quality`
ENDS = (1, 99)  # per cent
LEAST = 10  # clips: with fewer, the ends of a range are two single clips
Range = tuple[float, float]


def ranges_of(clips: Sequence[Mapping[str, float]]) -> dict[str, Range]:
    """Return low and high of each measure that ten clips or more have.

    >>> ranges_of([{"brightness": float(i)} for i in range(101)])
    {'brightness': (1.0, 99.0)}
    """
    ranges = {}
    for name in MEASURES:
        values = np.array([clip[name] for clip in clips if name in clip])
        if len(values) >= LEAST:
            # Ends that some clip has: between two clips of few, the outermost would lie outside of themselves.
            low, high = np.percentile(values, ENDS[0], method="lower"), np.percentile(values, ENDS[1], method="higher")
            ranges[name] = (round(float(low), 6), round(float(high), 6))
    return ranges


def beyond(clip: Mapping[str, float], ranges: Mapping[str, Range]) -> tuple[str, ...]:
    """Return the measures of a clip that lie outside their range; what was not measured is not told.

    >>> beyond({"brightness": 0.5, "yaw": 9.0}, {"brightness": (1.0, 99.0)})
    ('brightness',)
    """
    measured = [name for name in MEASURES if name in ranges and name in clip]
    return tuple(name for name in measured if not ranges[name][0] <= clip[name] <= ranges[name][1])
