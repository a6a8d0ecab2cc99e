"""Whether a run's pictures were cut as this version cuts them: a view is its text and the version of its geometry."""

from __future__ import annotations

from fasdata.errors import UserError
from fastrain.rundir.facts import RunFacts


def older_views(about: RunFacts) -> str:
    """Return a note on a run whose pictures this version would cut by another geometry of the same view, else ""."""
    from fasdata.faces.view import View

    if not about.view:
        return ""  # an imported network: nobody knows how its pictures were cut
    try:
        now = View.named(about.view, about.image_size).geometry_version
    except UserError:
        return ""  # no view of this version: whoever needs it says so
    if about.view_geometry == now:
        return ""
    return (
        f"the pictures of this run were cut by version {about.view_geometry} of the geometry of {about.view}, what is "
        f"scored anew is cut by version {now}: the numbers of one are not those of the other"
    )


def other_views_learned(about: RunFacts) -> str:
    """Return a note on scores whose network learned from another version of the view's geometry, "" on others."""
    learned = about.trained_view_geometry
    if learned is None or learned == about.view_geometry:
        return ""
    return (
        f"the network learned from version {learned} of the geometry of {about.view}, "
        f"and was scored on version {about.view_geometry}"
    )
