"""Patterns of foreign cards and recipes: they run under a time limit, and the line that is too slow is named."""

import pickle
import re
from pathlib import Path

import pytest

from fasdata.datasets.card import Card
from fasdata.datasets.layouts import path_parser
from fasdata.datasets.registry import find_card, load_cards
from fasdata.datasets.tree import redact
from fasdata.errors import UserError
from fasdata.foreign import ForeignPattern, expression, patterns, placed, read_declared
from fasdata.protocols.recipe_parts import Condition
from fasdata.records import Clip
from tests.commands import Called

SLOW = "(a|aa)+"
LONG = "a" * 60 + "!"
CARD = """
name: Mine
owner: us
licence: ours
modalities: [rgb]
subject_rule: none
{extra}
layouts:
  - name: flat
    examples: [real/x.avi]
    rules:
      - pattern: "(?P<label>real|fake)/(?P<name>{pattern})\\\\.avi"
        tail: '{{label}}/{{name}}'
        label: {{of: '{{label}}', map: {{real: bonafide, fake: attack}}}}
        fields: {{kind: {{of: '{{name}}', map: {{'{key}': x}}, default: ''}}}}
"""
ROWS = [
    ({"pattern": SLOW}, f"real/{LONG}.avi", 12),
    ({"key": SLOW}, f"real/{LONG}.avi", 15),
    ({"extra": f"rejects: {{sidecar: [x, '{SLOW}$']}}"}, LONG, 7),
    ({"extra": f"media: ['{SLOW}$']"}, LONG, 7),
]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(patterns, "LONGEST", 0.05)


def card(path: Path, *, pattern=r"\\w[^/]*", key="x", extra="") -> Card:
    path.write_text(CARD.format(pattern=pattern, key=key, extra=extra))
    return find_card("Mine", path)


def test_a_foreign_card_reads_paths_as_a_shipped_one_does(tmp_path):
    mine = card(tmp_path / "mine.yaml", key="X.*")
    clip = path_parser(mine, mine.layouts[0])("anywhere/REAL/Xaver.AVI")
    assert isinstance(clip, Clip) and (clip.label, clip.fields) == ("bonafide", {"kind": "x"})


@pytest.mark.parametrize(("changes", "relpath", "line"), ROWS)
def test_a_pattern_that_would_take_for_ever_is_named_with_its_line(tmp_path, changes, relpath, line):
    mine = card(tmp_path / "mine.yaml", **changes)
    with pytest.raises(UserError, match=re.escape(f"mine.yaml line {line}: the pattern")) as error:
        path_parser(mine, mine.layouts[0])(relpath)
    assert SLOW in str(error.value) and "\n" not in str(error.value)


def test_what_must_be_redacted_runs_under_the_limit_too(tmp_path):
    mine = card(tmp_path / "mine.yaml", extra=f"redact: ['_{SLOW}$', 'b']")
    assert redact(["b_aa", "c"], mine.redact) == ["**", "c"]
    with pytest.raises(UserError, match="line 7"):
        redact(["_" + LONG], mine.redact)


def test_a_command_with_such_a_card_ends(tmp_path):
    card(tmp_path / "mine.yaml", pattern=SLOW)
    (tmp_path / "raw/real").mkdir(parents=True)
    (tmp_path / f"raw/real/{LONG}.avi").touch()
    arguments = ("verify", "mine", "--root", tmp_path / "raw", "--card", tmp_path / "mine.yaml")
    assert "mine.yaml line 12" in Called("fasdata", *arguments).line


def test_a_condition_of_a_recipe_runs_under_the_limit(tmp_path):
    (tmp_path / "mine.yaml").write_text("of: pai\n# of attacks\nmatches: 'x{fold}" + SLOW + "$'\n")
    condition = read_declared(tmp_path / "mine.yaml", Condition).filled("2")
    assert condition.holds(Clip("d", "c", {}, pai="x2aa")) and not condition.holds(Clip("d", "c", {}, pai="X2aa"))
    with pytest.raises(UserError, match="line 3"):
        condition.holds(Clip("d", "c", {}, pai="x2" + LONG))


def test_many_paths_that_each_take_long_are_too_slow_as_well(monkeypatch):
    monkeypatch.setattr(patterns, "_AT_FIRST", 0.0)
    monkeypatch.setattr(patterns, "LONGEST", 5.0)
    slow = expression(ForeignPattern("(a|aa)+$", "card.yaml"))
    with pytest.raises(UserError, match="on the paths so far"):
        for _ in range(1000):
            slow.search("a" * 25 + "!")


def test_shipped_patterns_stay_ours_and_foreign_ones_reach_other_processes():
    rules = [rule.pattern for shipped in load_cards().values() for layout in shipped.layouts for rule in layout.rules]
    assert rules and not any(isinstance(pattern, ForeignPattern) for pattern in rules)
    sent = pickle.loads(pickle.dumps(placed(ForeignPattern("a{fold}", "card.yaml"), "a1")))
    assert (sent, sent.where, sent.written) == ("a1", "card.yaml", "a{fold}")


@pytest.mark.parametrize("pattern", ["(", "(" * 9000 + ")" * 9000, "a{99999999999999999999}", "(?<=a+)b"])
def test_what_is_no_expression_is_refused_with_the_card(tmp_path, pattern):
    with pytest.raises(UserError, match="not a regular expression"):
        card(tmp_path / "mine.yaml", pattern=pattern)
