"""Bars in a log: a line now and then, within a long step too, and none for what is short."""

from __future__ import annotations

import pytest

from fasdata import progress as bars


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that it is, for a test to change."""
    now = [100.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_now_and_then_within_a_long_step(clock, capsys):
    with bars.progress("extract x", 2, "clips") as bar:
        assert "0/2" in capsys.readouterr().err
        written = []
        for seconds in (1.0, 3.0, 1.5, 4.0, 1.5):
            clock[0] += seconds
            bar.show(decoded=int(clock[0]))
            written.append(capsys.readouterr().err)
    assert [bool(text) for text in written] == [False, False, True, False, True]  # after 5.5 s, and after 11
    assert "decoded=105" in written[2] and "decoded=111" in written[4]


@pytest.mark.parametrize(("seconds", "lines"), [(0.4, False), (2.0, True)])
def test_work_that_is_short_leaves_no_line(clock, capsys, seconds, lines):
    with bars.late_progress("score test", 8, "images") as bar:
        for _ in range(4):
            clock[0] += seconds
            bar.advance(2)
    written = capsys.readouterr().err
    assert ("score test: 100%" in written and "8/8" in written) == lines and bool(written) == lines


def test_counts_that_are_zero_take_no_room(capsys):
    with bars.progress("extract x", 1, "clips") as bar:
        bar.advance(1, faces=4, misses=0, failed=0)
    written = capsys.readouterr().err
    assert "faces=4]" in written and "misses" not in written
