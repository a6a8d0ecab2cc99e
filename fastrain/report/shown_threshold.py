"""The threshold that belongs to the scores a report shows clip by clip."""

from __future__ import annotations

import math

from fastrain.report.results import HONEST
from fastrain.report.run_folder import RunFolder

LAST_ALONE = "Of the last network alone, at its own threshold: a mean over networks gives no clip a score. "


def shown_threshold(run: RunFolder) -> tuple[float | None, str]:
    """Return the clip-level threshold of the sources for `run.scores`, None where there is none, and what to say of it.

    A run that reports the mean over several of its networks has their mean threshold in its results, but its scores are
    the last network's: that one's threshold is found anew.
    """
    if "averaged_over" not in run.results.data:
        return run.results.threshold("clip", HONEST), ""
    from fastrain.evaluation.held_out_threshold import held_out_threshold

    fta = "exclude" if run.results.data.get("fta") == "exclude" else "count"
    value = held_out_threshold(run.scores, fta=fta) if run.scores else math.nan
    return (value if math.isfinite(value) else None), LAST_ALONE
