"""Options that one layout alone has."""

from __future__ import annotations

from fasdata.errors import UserError, unknown_name
from fasdata.exchange.sidecar import SIDECARS


def layout_options(layout: str, sidecars: str) -> dict[str, str]:
    """Return the options that belong to a layout; `sidecars` is "" where none were asked for.

    Raises:
        UserError: the layout has no sidecars, or not of that kind.
    """
    if layout != "safas":
        if sidecars:
            raise UserError("--sidecars", expected="only with --as safas", found=f"--as {layout}")
        return {}
    if sidecars and sidecars not in SIDECARS:
        raise unknown_name("kind of sidecar", sidecars, SIDECARS)
    return {"sidecars": sidecars or "plain"}
