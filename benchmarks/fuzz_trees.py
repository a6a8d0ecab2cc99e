"""Mutators that know the structure of a text: values, keys, rows and cells of JSON, YAML, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

import yaml

Tree = Any
_DEEP = 60
_TWICE = "\ue000"  # ends a key that is to stand a second time


def odd_value(random: Random) -> Tree:
    """Return a value of some type, most of them at an edge of what readers expect."""
    deep: Tree = 0
    for _ in range(random.choice((3, _DEEP, 150))):
        deep = [deep] if random.random() < 0.5 else {"a": deep}
    return random.choice((
        None, True, False, 0, 1, -1, 2, 255, 2**31, -(2**31) - 1, 2**63, 2**64, 10**18, 10**400, 0.0, -0.0, 0.5, 1e-320,
        1e308, float("nan"), float("inf"), float("-inf"), "", " ", "0", "1", "nan", "\0", "\ud800", "a\nb", "\x1b[2J",
        "ä" * 99, "a" * 5000, "../../x", "/", "{x}", "{0.__class__}", "(a+)+$", "(", "[", "1..99999999999", "9" * 4500,
        "bonafide", "rgb", [], {}, [[]], [None], [1, "a", None], {"": ""}, {"a": 1}, [0] * 5000, deep,
    ))  # fmt: skip


def places(tree: Tree) -> list[tuple[Any, Any]]:
    """Return the places in a tree, of long lists some: the container and the key or index."""
    waiting, result = [tree], []
    while waiting and len(result) < 3000:
        node = waiting.pop(0)
        inside = (
            list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        )
        inside = [*inside[:6], *inside[-2:]] if isinstance(node, list) and len(inside) > 8 else inside
        for key, value in inside:
            result.append((node, key))
            waiting.append(value)
    return result


def changed(tree: Tree, random: Random) -> Tree:
    """Return a copy of a tree with one change: a value of another type, a key dropped, renamed or added, a swap."""
    tree = deepcopy(tree)
    every = places(tree)
    if not every or random.random() < 0.03:
        return odd_value(random)
    node, key = random.choice(every)
    value = node[key]
    match random.randrange(12):
        case 0 | 1 | 2 | 3 | 4:
            node[key] = odd_value(random)
        case 5 | 6:
            del node[key]
        case 7:
            _repeat(node, key, random)
        case 8:
            node[key] = random.choice(([value], {"a": value}, str(value), [value] * 3))
        case 9:
            other, place = random.choice(every)
            node[key] = deepcopy(other[place])
        case 10:
            node[key] = _near(value, random)
        case _:
            _rename(node, key, random)
    return tree


def _repeat(node: Any, key: Any, random: Random) -> None:
    if isinstance(node, list):
        node[key:key] = [node[key]] * random.choice((1, 2, 1000))
    else:  # most formats let a key stand twice
        node[f"{key}{_TWICE}"] = random.choice((node[key], odd_value(random)))


def _rename(node: Any, key: Any, random: Random) -> None:
    if isinstance(node, list):
        random.shuffle(node)
        return
    name = random.choice((str(key)[:-1], str(key) + "s", str(key).upper(), "", "a" * 300, "\0", "\ud800", "__proto__"))
    node[name] = node.pop(key)


def _near(value: Tree, random: Random) -> Tree:
    """Return a value of the same type nearby."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + random.choice((-1, 1, 10**6, -(10**6), 2**40))
    if isinstance(value, float):
        return random.choice((-value, value * 1e10, value + 1, float(int(value)), 1e300))
    if isinstance(value, str):
        at = random.randrange(len(value) + 1)
        return (
            value[:at]
            + random.choice(("", "x", "/", "..", "\0", "\n", "é", "\u202e", "'", '"', "{", "*"))
            + value[at + 1 :]
        )
    return [] if isinstance(value, list) else {}


# -- JSON, JSON lines, YAML -------------------------------------------------------------------------------------------


def json_value(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change one value or key of a JSON text."""
    return spelled(changed(json.loads(data), random), random)


def json_line(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change one value or key of one line of JSON lines."""
    lines = data.split(b"\n")
    at = random.choice([place for place, line in enumerate(lines) if line.strip()])
    lines[at] = spelled(changed(json.loads(lines[at]), random), random, whole=True)
    return b"\n".join(lines)


def yaml_value(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change one value or key of a YAML text; it is written as YAML, or as JSON, which YAML contains."""
    tree = changed(yaml.load(data, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), random)
    if random.random() < 0.5:
        try:
            text = yaml.dump(
                tree, allow_unicode=True, sort_keys=False, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)
            )
            return text.replace(_TWICE, "").encode()
        except (yaml.YAMLError, UnicodeError):
            pass
    return spelled(tree, random)


def spelled(tree: Tree, random: Random, *, whole: bool = False) -> bytes:
    """Return a tree as JSON, with keys that stand twice; `whole`: on one line."""
    text = json.dumps(tree, indent=None if whole or random.random() < 0.7 else 1, default=str)
    return text.replace(json.dumps(_TWICE)[1:-1], "").encode()


def in_tree(tree: Tree, random: Random) -> Tree:
    """Return a changed tree without keys that stand twice, for formats that hold trees as objects."""
    return json.loads(spelled(changed(tree, random), random), parse_constant=float)


# -- CSV --------------------------------------------------------------------------------------------------------------


def csv_cell(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a cell, a row or a column of a CSV."""
    rows = list(csv.reader(io.StringIO(data.decode(errors="surrogateescape"), newline="")))
    rows = [row for row in rows if row] or [[""]]
    at = random.randrange(len(rows)) if random.random() < 0.75 else 0
    row = rows[at]
    column = random.randrange(len(row))
    change = random.randrange(9)
    if change < 4:
        row[column] = _text(random)
    elif change == 4:
        row[column] = str(_near(row[column], random))
    elif change == 5:
        del row[column]
    elif change == 6:
        row.insert(column, random.choice((row[column], _text(random))))
    elif change == 7:
        _columns(rows, column, random)
    else:
        rows[at : at + 1] = random.choice(([], [row, row], [row] * 300, [[]], [[*row, *row]]))
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=random.choice(("\n", "\n", "\r\n"))).writerows(rows)
    return out.getvalue().encode(errors="surrogatepass" if random.random() < 0.1 else "replace")


def _columns(rows: list[list[str]], column: int, random: Random) -> None:
    drop, value = random.random() < 0.4, _text(random)
    for row in rows[random.randrange(2) :]:
        if column < len(row):
            if drop:
                del row[column]
            else:
                row[column] = value


def _text(random: Random) -> str:
    value = odd_value(random)
    return value if isinstance(value, str) else json.dumps(value, default=str)
