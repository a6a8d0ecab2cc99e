"""MyMethod keeps the rules that every method keeps, as `fastrain methods check` tries them."""

import pytest

from fastrain.conformance.suite import rules, toy_of, tried
from fastrain.methods.registry import name_method


@pytest.mark.parametrize("rule", rules(quick=True), ids=lambda rule: rule.name)
def test_it_keeps_the_rules(rule, tmp_path):
    verdict = tried(rule, toy_of(name_method("my_method.method:MyMethod"), tmp_path))
    assert verdict.word != "broken", verdict.details
