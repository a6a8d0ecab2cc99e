"""Read JSON and YAML from outside, with limits on depth and, written out, on the number of values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer

from fasdata.errors import UserError
from fasdata.foreign.opening import LARGEST, in_words, read_bytes, read_text, text_of

LARGEST_YAML = 16 << 20  # a card with a table of paths; YAML is read slowly
DEEPEST = 100  # lists and mappings inside each other; ours have under ten
_MERGE = "tag:yaml.org,2002:merge"
_HALF = re.compile("[\ud800-\udfff]")
MOST_MERGED = 1_000_000  # keys that the merges (`<<`) of one YAML text copy; our own files merge a few
MOST = 20_000_000  # values of one text, written out; the largest lists have a few million

# -- JSON -------------------------------------------------------------------------------------------------------------


def json_of(text: str | bytes, where: str, *, unique_keys: bool = False, do: str = "") -> Any:
    """Return the value of a JSON text; with `unique_keys` a key that stands twice in an object is refused.

    `where` names the text in an error, `do` says there what helps.

    Raises:
        UserError: it is no JSON, nested deeper than `DEEPEST`, or holds an escape that is half a letter.
    """
    text = text_of(text, where, do=do) if isinstance(text, bytes) else text
    try:
        value = json.loads(text, object_pairs_hook=_once if unique_keys else None)
        _require_letters(text, value)
    except RecursionError:
        raise too_deep(where, do) from None
    except ValueError as error:
        raise UserError(f"{where} is damaged", expected="JSON", found=in_words(error), do=do) from None
    return _shallow(value, where, do)


def read_json(path: Path, *, largest: int = LARGEST, unique_keys: bool = False, do: str = "") -> Any:
    """Return the value of a JSON file.

    Raises:
        UserError: as `read_text` and `json_of`.
    """
    return json_of(read_bytes(path, largest=largest), str(path), unique_keys=unique_keys, do=do)


def read_json_object(path: Path, *, largest: int = LARGEST, do: str = "") -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        UserError: as `read_json`, or it holds another kind of value.
    """
    value = read_json(path, largest=largest, do=do)
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged", expected="a JSON object", found=type(value).__name__, do=do)
    return value


def quick_json(data: bytes) -> Any:
    """Return the value of a JSON text that the caller checks whole, as a store does with a million records.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    value = json.loads(data)
    if b"\\u" in data:
        _require_letters("\\u", value)
    return value


# -- YAML -------------------------------------------------------------------------------------------------------------


def yaml_of(text: str, where: str) -> Any:
    """Return the value of a YAML text, of plain types alone.

    Raises:
        UserError: it is no YAML, or nested deeper than `DEEPEST`.
    """
    try:
        value = _loaded(text)
        _require_letters(text, value)
    except RecursionError:
        raise too_deep(where) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise UserError(f"{where} is not readable YAML", found=in_words(error)) from None
    return _bounded(value, where)


def read_yaml(path: Path) -> Any:
    """Return the value of a YAML file.

    Raises:
        UserError: as `read_text` and `yaml_of`.
    """
    return yaml_of(read_text(path, largest=LARGEST_YAML), str(path))


def line_of(path: Path, value: str) -> int:
    """Return the line, from 1, in which a text stands as a value or key of a YAML file; 0 where it is not to be found.

    It serves an error about that value, so it raises none of its own.
    """
    try:
        loader = _Loader(read_text(path, largest=LARGEST_YAML))
        waiting = [loader.get_single_node()]
    except (UserError, yaml.YAMLError, RecursionError):
        return 0
    looked_at: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in looked_at:
            continue
        looked_at.add(id(node))
        if isinstance(node, yaml.ScalarNode) and node.value == value:
            return int(node.start_mark.line) + 1
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in reversed(node.value) for part in reversed(pair)]
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)
    return 0


def _loaded(text: str) -> Any:
    try:
        return _loaded_by(_QuickLoader, text)
    except yaml.YAMLError:
        return _loaded_by(_Loader, text)  # which says more of what is wrong


def _loaded_by(kind: type[_Loader] | type[_QuickLoader], text: str) -> Any:
    loader = kind(text)
    try:
        return loader.get_single_data()
    except (AttributeError, IndexError, KeyError, TypeError):  # what PyYAML makes of `!!bool "x"` or `!!int ""`
        raise ValueError("a tag (!!bool, !!int, …) that does not fit its value") from None
    finally:
        loader.dispose()


class _Bounded:
    """The safe loader, which reads nested structures by recursion: it stops at `DEEPEST` instead of the stack's end."""

    _depth = 0
    _merged = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise RecursionError
        try:
            return super().compose_node(parent, index)  # type: ignore[misc]
        finally:
            self._depth -= 1

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Copy what a mapping merges; refuse merges of merges, of which a few lines can stand for a billion keys."""
        for key, value in node.value:
            if key.tag == _MERGE:
                for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if isinstance(part, yaml.MappingNode):
                        self.flatten_mapping(part)  # what it merges itself is counted, and part of its value then
                        self._merged += 1 + len(part.value)
                        if self._merged > MOST_MERGED:
                            raise ValueError(f"merges (<<) of more than {MOST_MERGED:,} keys")
        super().flatten_mapping(node)  # type: ignore[misc]


class _Loader(_Bounded, yaml.SafeLoader):
    pass


class _QuickLoader(_Bounded, Composer, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same, of what libyaml splits the text into: ten times as fast, where PyYAML was built with it."""

    def __init__(self, text: str) -> None:
        super(Composer, self).__init__(text)
        Composer.__init__(self)


# -- Limits -----------------------------------------------------------------------------------------------------------


def _require_letters(text: str, value: Any) -> None:
    """Stop where an escape (`\\ud800`) is half of a letter: no file, table or terminal could take what it stands for.

    Raises:
        ValueError: there is one; names it.
    """
    if "\\u" not in text and "\\U" not in text:
        return
    waiting, looked_at = [value], set[int]()
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            if not node.isascii() and (half := _HALF.search(node)):
                raise ValueError(f"\\u{ord(half[0]):04x}, which is half of a letter")
        elif isinstance(node, dict | list) and id(node) not in looked_at:
            looked_at.add(id(node))
            waiting += [*node, *node.values()] if isinstance(node, dict) else node


def _shallow(value: Any, where: str, do: str) -> Any:
    """Return the value of a JSON text; refuse one that is nested deeper than `DEEPEST`."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        if not level:
            return value
        level = [part for node in level for part in _parts(node)]
    raise too_deep(where, do)


def _bounded(value: Any, where: str) -> Any:
    """Return the value; refuse one so deep or so large, written out, that code which walks it would not come back.

    YAML lets one part stand in many places, or inside itself: a few lines can stand for a billion values.
    """
    heights: dict[int, int] = {}
    sizes: dict[int, int] = {}
    path: list[tuple[Any, Iterator[Any]]] = [(value, _parts(value))]
    inside = {id(value)}
    while path:
        node, rest = path[-1]
        part = next((part for part in rest if id(part) not in heights), None)
        if part is not None:
            if id(part) in inside or len(path) >= DEEPEST:
                raise too_deep(where)
            inside.add(id(part))
            path.append((part, _parts(part)))
            continue
        path.pop()
        inside.discard(id(node))
        parts = list(_parts(node))
        heights[id(node)] = 1 + max((heights[id(part)] for part in parts), default=0)
        sizes[id(node)] = (
            1 + len(node if isinstance(node, dict | list) else ()) + sum(sizes[id(part)] for part in parts)
        )
        if heights[id(node)] > DEEPEST:
            raise too_deep(where)
        if sizes[id(node)] > MOST:
            raise UserError(f"{where} holds too many values", expected=f"at most {MOST:,}")
    return value


def _parts(node: Any) -> Iterator[Any]:
    """Yield the lists and mappings directly inside a value."""
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return (part for part in values if isinstance(part, dict | list))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands twice")
    return keys


def too_deep(where: str, do: str = "") -> UserError:
    """Return the error for a text that is nested deeper than `DEEPEST`."""
    return UserError(f"{where} is nested too deeply", expected=f"at most {DEEPEST} levels", do=do)
