"""The model card: in every bundle, of what the bundle says, and as a file of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastrain.bundle.form import LicenceFacts, PlaceFacts, RateFacts, Threshold
from fastrain.bundle.model_card import CARD, model_card
from fastrain.bundle.opened import Bundle
from tests.commands import Called
from tests.fastrain.bundle.small import small_bundle

LICENCES = [
    LicenceFacts(what="dataset", name="MSU-MFSD", licence="by agreement", research_only=True),
    LicenceFacts(what="network from outside", name="<b>x</b>", licence="a | b\n# c", research_only=None),
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(
        tmp_path_factory.mktemp("carded") / "pad.fasb",
        licences=LICENCES,
        provenance={"method": "erm", "protocol_alias": "CIO-M", "selection": {"policy": "last", "checkpoint": "last"}},
    )


def test_it_is_a_member_of_the_bundle_and_says_what_the_bundle_says(bundle: Path) -> None:
    opened = Bundle.read(bundle)
    card = opened.members[CARD].decode()
    assert card == model_card(opened.facts) and opened.facts.files[CARD].size == len(opened.members[CARD])
    assert "| BPCER | test: somewhere | 10.0% | 2.0% to 20.0% | 30 | 90 |" in card
    assert "Of clips, at 0.5000 (source_eer). Intervals are over people" in card
    assert "* Threshold 0.5000 by source_eer, on held-out people." in card
    assert "* Method: erm." in card and "* Selection of the checkpoint: last (last)." in card
    assert "| dataset | MSU-MFSD | by agreement | research only |" in card
    assert "* Research only: the terms of MSU-MFSD bar commercial use." in card
    assert "* Error rates are those of somewhere; with other cameras" in card
    assert "| network from outside | &lt;b>x&lt;/b> | a \\| b # c | not known |" in card and "\n# c" not in card


def test_few_people_and_the_threshold_of_a_place_are_said(bundle: Path) -> None:
    facts = Bundle.read(bundle).facts
    rate = RateFacts(
        part="test", data="somewhere", metric="apcer", value=0.0, low=0.0, high=0.6, rule="worst", people=4
    )
    place = PlaceFacts(promise="bpcer<=0.05", value=0.4, low=0.3, high=0.5, confidence=0.95, people=70,
                       presentations=140, observed=0.01, bound=0.05, data="office")  # fmt: skip
    changes = {"rates": [rate], "place": [place], "threshold": Threshold(value=0.4, policy="bpcer<=0.05"),
               "source_threshold": facts.threshold}  # fmt: skip
    card = model_card(facts.model_copy(update=changes))
    assert "| APCER of the worst species | test: somewhere | 0.0% | 0.0% to 60.0%, worst | 4 |  |" in card
    assert "* Few people: rates rest on 4 people" in card
    assert "at 0.5000 (source_eer), not at the threshold of the place." in card
    assert "* Of a place: bpcer&lt;=0.05 holds at 0.4000 [0.3000, 0.5000]" in card
    bare = model_card(facts.model_copy(update={"rates": [], "threshold": None, "licences": [], "provenance": {}}))
    assert "Not known: no results came with the run." in bare and "whoever predicts gives one" in bare


def test_it_is_written_into_a_file_of_its_own(bundle: Path, tmp_path: Path) -> None:
    done = Called("fastrain", "export", bundle, "--card", tmp_path / "card.md")
    assert done.code == 0 and done.out == f"model card  {tmp_path / 'card.md'}\n"
    assert (tmp_path / "card.md").read_bytes() == Bundle.read(bundle).members[CARD]
    assert "there is nothing to write; expected --out FILE" in Called("fastrain", "export", bundle).line
    (tmp_path / "run").mkdir()
    words = Called("fastrain", "export", tmp_path / "run", "--card", tmp_path / "x.md").line
    assert "is no bundle; expected --out FILE" in words and not (tmp_path / "x.md").exists()
