"""Frame rules from outside: a function that its user names, known by its name and the hash of its code.

A rule's text is `name.hash`: whoever reads it in a store or a manifest needs no code, and other code is another rule.
Only who chooses frames needs the function, and its user names it in that very command.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fasdata.door import Code, named_code, names_code, offers
from fasdata.errors import UserError

GROUP = "fasdata.frame_rules"
"""The entry point under which an installed package offers frame rules."""
OWN = r"[a-z][a-z0-9_]{0,39}\.[0-9a-f]{12}"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_OURS = ("all", "quarter", "recipes")  # words that mean something without brackets
_COUNTED = ("decoded", "with_face")
_TRIED = (1, 2, 100)  # numbers of frames


@dataclass(frozen=True)
class OwnRule:
    """A function of the number of counted frames and the clip's id, its code, and how to name it in another process."""

    choose: Callable[[int, str], Iterable[int]]
    code: Code
    again: str


_named: dict[str, OwnRule] = {}


def is_own(kind: str) -> bool:
    """Tell whether a kind of rule is one from outside."""
    return re.fullmatch(OWN, kind) is not None


def name_rule(text: str) -> str:
    """Return the text of the rule that the user names, by file, module or package; any other text as it is.

    `@with_face` may follow, as for rules of ours. From then on this process can choose frames by it.

    Raises:
        UserError: it cannot be imported, is no function, or does not return positions.
    """
    named, at, on = text.rpartition("@")
    if not at or on.strip() not in _COUNTED:
        named, at, on = text, "", ""
    named = named.strip()
    if named in _OURS or not (names_code(named) or named in [offer.name for offer in offers(GROUP)]):
        return text
    function, code = named_code(named, GROUP, "frame rule")
    name = named.rpartition(":")[2]
    if not callable(function) or isinstance(function, type) or not _NAME.fullmatch(name):
        raise UserError(
            f"{named} is no frame rule", expected="a function in small letters, of n frames and a clip's id"
        )
    where, colon, member = named.rpartition(":")
    kind = f"{name}.{code.sha256[:12]}"
    again = f"{Path(where).resolve()}{colon}{member}" if where.endswith(".py") else named
    _named[kind] = OwnRule(function, code, again)
    for n in _TRIED:
        own_positions(kind, n, "a-clip")
    return f"{kind}{at}{on}"


def own_positions(kind: str, n: int, clip_id: str) -> list[int]:
    """Return the positions among `n` counted frames that a rule from outside chooses.

    Raises:
        UserError: it is not named in this process, fails, or returns what is no position.
    """
    rule = require_named(kind)
    try:
        positions = [operator.index(position) for position in rule.choose(n, clip_id)]
    except Exception as error:
        raise UserError(f"the frame rule {rule.code.named} fails for {n} frames", found=repr(error)) from error
    if positions and min(positions) < 0:
        raise UserError(
            f"the frame rule {rule.code.named} of {n} frames", expected="positions from 0", found=str(min(positions))
        )
    return positions


def require_named(kind: str) -> OwnRule:
    """Return the rule from outside of that text.

    Raises:
        UserError: its user has not named it in this command, or its code is another one now.
    """
    if kind in _named:
        return _named[kind]
    name = kind.partition(".")[0]
    others = [other for other in _named if other.partition(".")[0] == name]
    raise UserError(
        f"the frame rule {kind} is code from outside",
        expected=f"it to be named where frames are chosen: --frames FILE.py:{name}",
        found=f"{others[0]}, whose code is another" if others else "",
    )


def how_to_name(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the texts by which another process of this extraction names those of `kinds` that are from outside."""
    return tuple(sorted(require_named(kind).again for kind in set(kinds) if is_own(kind)))


def forget_rules() -> None:
    """Know no rule from outside any more."""
    _named.clear()
