"""The parts of the HTML kit."""

import base64
import warnings

import cv2
import numpy as np
import pytest
from markupsafe import escape

from fasdata.page.charts import Axis, Line, draw, line_chart
from fasdata.page.figures import Gallery, Picture, data_uri
from fasdata.page.histograms import Group, histogram_rows
from fasdata.page.page import Page, Section
from fasdata.page.parts import Code, Column, Details, Facts, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent

pytestmark = pytest.mark.charts

HOSTILE = '<script>alert("1")</script>&\'"><img src=x onerror=y>'


@pytest.mark.parametrize(
    "part",
    [
        Paragraph(HOSTILE),
        Notice(HOSTILE, [HOSTILE]),
        Facts([(HOSTILE, HOSTILE)]),
        Code(HOSTILE),
        Details(HOSTILE, [Paragraph(HOSTILE)]),
        Table(HOSTILE, [Column(HOSTILE)], [Row([HOSTILE])], HOSTILE),
        Table("t", [Column("c")], [Row([Absent(HOSTILE)])]),
        Gallery([Picture(HOSTILE, [(HOSTILE, HOSTILE)], absent=HOSTILE), Picture("t", [], "data:,", HOSTILE)]),
        Section("s", HOSTILE, [], HOSTILE),
    ],
)
def test_every_part_escapes_text(part):
    html = Page(HOSTILE, [part if isinstance(part, Section) else Section("s", "t", [part])], [("a", HOSTILE)]).html()
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html


def test_drawings_escape_text_and_read_no_formula():
    svg = line_chart(
        [Line(HOSTILE + "$x^2$", [0, 1], [0, 1])], Axis(HOSTILE), Axis("y"), name="a", alt=HOSTILE, upright=(HOSTILE, 1)
    )
    assert "<script" not in svg
    assert "$x^2$" in svg
    assert f'aria-label="{escape(HOSTILE)}"' in svg
    assert "<script" not in histogram_rows([Group(HOSTILE, [0.1], 0)], HOSTILE, "clips", name="b", alt="b")


def test_same_drawing_same_bytes_and_no_state_left():
    import matplotlib

    before = dict(matplotlib.rcParams)

    def chart(name):
        return line_chart([Line("a", [0, 1, 2], [0.2, 0.1, 0.4])], Axis("x"), Axis("y"), name=name, alt="a")

    first = chart("one")
    matplotlib.rcParams["lines.linewidth"] = 7.0
    assert chart("one") == first
    matplotlib.rcParams["lines.linewidth"] = before["lines.linewidth"]
    assert dict(matplotlib.rcParams) == before
    assert 'id="one-' in first
    assert 'id="one-' not in chart("two")


def test_drawing_carries_no_address():
    svg = draw(lambda figure: figure.add_subplot().plot([0, 1]), name="a", alt="a")
    assert "http" not in svg
    assert "<metadata" not in svg
    assert "<style" not in svg


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5], [-1e6, 1e6], list(np.linspace(0, 1, 999))])
def test_histogram_of_any_spread(values):
    assert "<svg" in histogram_rows([Group("a", values, 0), Group("b", [0.1], 1)], "x", "clips", name="a", alt="a")


def test_thumbnail_is_small_and_keeps_colour_order():
    image = np.zeros((300, 200, 3), np.uint8)
    image[:, :, 0] = 200  # red
    uri = data_uri(image)
    head, body = uri.split(",", 1)
    assert head == "data:image/jpeg;base64"
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(body), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert picture.shape == (128, 85, 3)
    assert np.abs(picture.astype(int).mean((0, 1)) - [200, 0, 0]).max() < 6


def test_small_pictures_are_not_blown_up_and_odd_ones_refused():
    body = data_uri(np.full((20, 30, 3), 9, np.uint8)).split(",", 1)[1]
    assert cv2.imdecode(np.frombuffer(base64.b64decode(body), np.uint8), cv2.IMREAD_COLOR).shape == (20, 30, 3)
    for odd in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="expected an RGB uint8 image"):
            data_uri(odd)


def test_a_row_must_fit_its_columns():
    with pytest.raises(ValueError, match="2 cells for 1 columns"):
        Table("t", [Column("a")], [Row(["1", "2"])])


def test_page_is_written_whole_or_not_at_all(tmp_path):
    class Broken:
        def __html__(self) -> str:
            raise RuntimeError("no")

    out = tmp_path / "new" / "report.html"
    Page("old", []).write(out)
    with pytest.raises(RuntimeError):
        Page("new", [Section("s", "t", [Broken()])]).write(out)
    assert "<title>old</title>" in out.read_text()
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_a_name_that_is_no_unicode_does_not_cost_the_report(tmp_path):
    Page("bad \udcff name", []).write(tmp_path / "r.html")
    assert "<title>bad ? name</title>" in (tmp_path / "r.html").read_text("utf-8")


def test_names_in_any_script_are_drawn_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "面具" in histogram_rows([Group("面具", [0.1, 0.3], 0)], "score", "clips", name="a", alt="a")
