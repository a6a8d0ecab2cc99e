"""Pages on what can be named: protocols, recipes, views, detectors, thresholds and score files, as the commands print them."""

from __future__ import annotations

from collections.abc import Iterator

from docs.written.tables import cell, code, table


def pages() -> Iterator[tuple[str, str]]:
    """Yield the pages."""
    yield "names/protocols.md", _protocols()
    yield "names/recipes.md", _recipes()
    yield "names/views.md", _views()
    yield "names/detectors.md", _detectors()
    yield "names/score_files.md", _score_files()


def _text(words: str) -> str:
    return f"```text\n{words.rstrip()}\n```\n"


def _protocols() -> str:
    from fasdata.protocols.show import list_text

    return "# Protocols that come with the package\n\nAs `fasdata protocol list` prints them.\n\n" + _text(list_text())


def _recipes() -> str:
    from fasdata.protocols.show import recipe_text, recipes_text
    from fasdata.resources import manifests_dir

    names = sorted(path.stem for path in (manifests_dir() / "recipes").glob("*.yaml"))
    lines = ["# Recipes", "", "What a paper feeds under a protocol's name, as `fasdata recipes` prints it.", ""]
    lines += [_text(recipes_text())]
    for name in names:
        lines += [f"## {name}", "", _text(recipe_text(name))]
    return "\n".join(lines)


def _views() -> str:
    from fasdata.faces.view import CONTEXT, NAMES, View
    from fasdata.faces.view_text import SAID

    known = [View.named(name) for name in (*NAMES, CONTEXT)]
    rows = [
        [code(v.name), str(v.size), str(v.geometry_version), cell(", ".join(v.takes)), cell(SAID[v.name])]
        for v in known
    ]
    head = ("name", "pixels", "geometry", "takes", "what it shows")
    return "# Views\n\nHow a stored crop becomes the square image that a method sees. In brackets a view takes numbers of " \
        "your own: `fas-256(size=224,eye_dist=0.35)`.\n\n" + table(head, rows)  # fmt: skip


def _detectors() -> str:
    from fasdata.faces.detectors import DEFAULT, DETECTORS

    rows = [
        [code(name) + (" (default)" if name == DEFAULT else ""), cell(row.about),
         cell(", ".join(dict.fromkeys(row.needs.values()))), cell(row.model), cell(row.licence)]
        for name, row in DETECTORS.items()
    ]  # fmt: skip
    head = ("`--detector`", "what it is", "needs", "`--detector-model`", "licence of the weights")
    return "# Detectors\n\nAs `fasdata detectors` prints them.\n\n" + table(head, rows)


def _score_files() -> str:
    from fastrain.evaluation.score_formats import FORMATS

    return "# Score files that are read\n\nAs `fastrain eval --formats` prints it.\n\n" + _text(FORMATS)
