"""What the tests of reports share."""

import pytest
from markupsafe import Markup

from fasdata.page import charts, histograms


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the drawings empty, where they are not the point: they take most of the time."""
    for module in (charts, histograms):
        monkeypatch.setattr(module, "draw", lambda paint, **named: Markup("<svg></svg>"))
