"""Reading a report back: its tables, its sections, and every attribute that could fetch something."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link"}


class Markup(HTMLParser):
    """What a page holds: `tables` by caption (rows of cells), `sections` by id, `attributes`, `tags`, plain `text`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.sections: dict[str, str] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.text = ""
        self._open: list[tuple[str, str]] = []
        self._caption, self._section = "", ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in given.items()]
        if tag not in VOID:
            self._open.append((tag, given.get("class", "")))
        if tag == "section":
            self._section = given["id"]
            self.sections[self._section] = ""
        elif (tag, given.get("class")) == ("p", "caption"):
            self._caption = ""
        elif tag == "table":
            self.tables[self._caption] = []
        elif tag == "tr":
            self.tables[self._caption].append([])
        elif tag == "small" and any(name in ("td", "th") for name, _ in self._open):
            self.tables[self._caption][-1][-1] += " "  # on a line of its own
        elif tag in ("td", "th"):
            self.tables[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        if "style" in tags or "script" in tags:
            return
        self.text += data
        if self._section:
            self.sections[self._section] += data
        if ("p", "caption") in self._open:
            self._caption += data
        if "td" in tags or "th" in tags:
            self.tables[self._caption][-1][-1] += data.strip()

    def table(self, beginning: str) -> list[dict[str, str]]:
        """Return the rows of the table whose caption begins so, each by column heading."""
        head, *rows = next(rows for caption, rows in self.tables.items() if caption.startswith(beginning))
        return [dict(zip(head, row, strict=True)) for row in rows]
