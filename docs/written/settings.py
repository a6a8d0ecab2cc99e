"""A page for the settings that every run has, and one a method: from the classes, by `fastrain/run/keys.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from docs.written.tables import cell, code, prose, table

BASELINE = "erm"  # whose run settings are shown on the common page: every method has them


def pages() -> Iterator[tuple[str, str]]:
    """Yield the common page, and a page a method."""
    from fastrain.methods.registry import METHODS
    from fastrain.run.keys import method_text

    texts = {name: method_text(name) for name in sorted(METHODS)}
    common = {key.path: key for key in texts[BASELINE].keys if not key.path.startswith("model")}
    agreed = {
        path: key.default if all(_default(text, path) == key.default for text in texts.values()) else None
        for path, key in common.items()
    }
    lines = ["# Settings of every run", "", *_how()]
    lines += ["Where the default is *the method's*, methods differ: the page of each says what it takes.", ""]
    sections: dict[str, list[str]] = {}
    for path, key in common.items():
        if key.takes == "section":
            sections[path] = [f"## {path}", "", cell(key.about), ""]
            continue
        differs = agreed[path] is None and key.default is not None
        sections.setdefault(path.rpartition(".")[0], []).extend(_entry(key, "*the method's*" if differs else ""))
    yield "settings/every_run.md", "\n".join([*lines, *chain.from_iterable(sections.values())])
    for name, text in texts.items():
        yield f"settings/{name}.md", _method(text, agreed)


def _how() -> list[str]:
    return [
        "`--set KEY=VALUE` of `fastrain run` changes a setting; the unambiguous end of a key will do (`seed` for "
        "`train.seed`). `--preset NAME` lays a shipped file over the defaults, `--preset FILE.yaml` one of your own, and "
        "`--set` comes last. `fastrain methods NAME --json` prints the same for programs.",
        "",
    ]


def _entry(key: Any, default: str = "") -> list[str]:
    """Return the lines of a definition: a setting with its default, then what it takes and means."""
    shown = default or f"`{json.dumps(key.default, ensure_ascii=False)}`"
    return [f"`{key.path}` = {shown}", f": *{cell(key.takes)}.* {prose(key.about, in_table=False)}".rstrip(), ""]


def _default(text: Any, path: str) -> Any:
    return next((key.default for key in text.keys if key.path == path), None)


def _method(text: Any, agreed: dict[str, Any]) -> str:
    from fastrain.run.keys import method_text

    own = [key for key in text.keys if key.path.startswith("model.") and key.takes != "section"]
    lines = [f"# {text.name}", "", cell(text.about) + ".", ""]
    lines += [f"Sees {', '.join(text.modalities)}, as view `{text.view}`. What it is, where it leaves the published code, and "
              f"how it compares: [the method's own page](../methods/{text.name}.md).", "", *_how()]  # fmt: skip
    lines += ["## Its own settings", ""]
    lines += chain.from_iterable(map(_entry, own))
    others = [
        (key.path, key.default) for key in text.keys
        if key.path in agreed and agreed[key.path] is None and key.default is not None and key.takes != "section"
    ]  # fmt: skip
    lines += ["## What it takes of the settings that every run has", "", "Those in which methods differ; the others have "
              "their defaults from [the common page](every_run.md).", ""]  # fmt: skip
    lines += [
        table(("key", "value"), [[code(path), code(json.dumps(value, ensure_ascii=False))] for path, value in others])
    ]
    if text.presets:
        lines += ["## Presets", "", "What each changes of the values above.", ""]
    plain = {key.path: key.default for key in text.keys}
    for preset in text.presets:
        changed = [
            [code(key.path), code(json.dumps(key.default, ensure_ascii=False))]
            for key in method_text(text.name, preset).keys
            if key.takes != "section" and key.default != plain.get(key.path)
        ]
        lines += [f"### --preset {preset}", ""]
        lines += [table(("key", "value"), changed) if changed else "The defaults, under the protocol's name.\n"]
    return "\n".join(lines)
