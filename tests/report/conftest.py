"""What the tests of reports share."""

import pytest
from markupsafe import Markup

from fasdata.report import histogram, lines, overlay


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the drawings empty, where they are not the point: they take most of the time."""
    for module in (lines, histogram, overlay):
        monkeypatch.setattr(module, "draw", lambda paint, **named: Markup("<svg></svg>"))
