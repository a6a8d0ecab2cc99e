"""Check a method against every rule, and say in a table what holds."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from fasdata.errors import UserError, in_line
from fastrain.conformance.rule import Broken, Rule, Verdict
from fastrain.conformance.run_rules import RUN_RULES
from fastrain.conformance.scoring_rules import SCORING_RULES
from fastrain.conformance.settings_rules import PRESET_RULES, SETTINGS_RULES
from fastrain.conformance.toys import Toy
from fastrain.conformance.training_rules import TRAINING_RULES
from fastrain.methods.registry import method_class

RULES: tuple[Rule, ...] = (*SETTINGS_RULES, *SCORING_RULES, *TRAINING_RULES, *RUN_RULES)


def rules(*, quick: bool, preset: bool = False) -> list[Rule]:
    """Return the rules of a check, of a method or of a `preset`."""
    chosen = (*PRESET_RULES, *(rule for rule in RULES if rule.of_presets)) if preset else RULES
    return [rule for rule in chosen if rule.quick or not quick]


def toy_of(name: str, folder: Path, preset: str = "") -> Toy:
    """Return the toy of a method that this process knows by name; `folder` takes the files that it needs.

    Raises:
        UserError: there is no such method or preset, or its trial exempts it from a rule that there is not.
    """
    toy = Toy(name, method_class(name), folder, preset=preset)
    strange = sorted(set(toy.trial.exempt) - {rule.name for rule in RULES})
    if strange:
        raise UserError(
            f"the trial of {name} exempts it from {strange[0]!r}", expected=", ".join(rule.name for rule in RULES)
        )
    return toy


def tried(rule: Rule, toy: Toy) -> Verdict:
    """Try one rule on a method."""
    started = time.monotonic()
    if rule.name in toy.trial.exempt:
        return Verdict(rule, "exempt", toy.trial.exempt[rule.name])
    try:
        word, details = "holds", rule.tries(toy)
    except Broken as broken:
        word, details = "broken", str(broken)
    except (UserError, ValidationError) as error:
        word, details = "broken", in_line(str(error))
    except Exception as error:  # code of the user's: it may raise anything, and the other rules go on
        place = traceback.extract_tb(error.__traceback__)[-1]
        word, details = "broken", f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
    return Verdict(rule, word, in_line(details), time.monotonic() - started)  # type: ignore[arg-type]


def checked(name: str, *, quick: bool, preset: str = "") -> Iterator[Verdict]:
    """Try every rule on the method `name`, or on a preset of it, one after the other."""
    import torch

    if quick:
        torch.set_num_threads(1)  # tiny networks: more threads cost more than they save
    with TemporaryDirectory() as folder:
        toy = toy_of(name, Path(folder), preset)
        for rule in rules(quick=quick, preset=bool(preset)):
            yield tried(rule, toy)


def line_of(verdict: Verdict) -> str:
    """Return a row of the table."""
    return f"{verdict.word:7} {verdict.rule.says}: {verdict.details}"


def summary_of(name: str, verdicts: Sequence[Verdict]) -> str:
    """Return what the whole check says, in a line."""
    broken = [verdict.rule.name for verdict in verdicts if verdict.word == "broken"]
    exempt = [verdict.rule.name for verdict in verdicts if verdict.word == "exempt"]
    seconds = sum(verdict.seconds for verdict in verdicts)
    kept = f"{name} keeps {len(verdicts) - len(broken) - len(exempt)} of {len(verdicts)} rules ({seconds:.0f} s)"
    also = f"; exempt from {', '.join(exempt)}" if exempt else ""
    return f"{kept}{also}" + (f"; breaks {', '.join(broken)}" if broken else "")
