"""Dataset cards: found by their names, and malformed ones refused."""

from __future__ import annotations

import pytest

from fasdata.datasets.card import Card
from fasdata.datasets.parse import meanings
from fasdata.datasets.registry import find_card, load_cards, own_cards
from fasdata.errors import UserError
from fasdata.foreign import read_declared
from fasdata.protocols.vocabulary import cross
from tests.commands import Called

CARD = """
name: Mine
owner: us
licence: ours
modalities: [rgb]
subject_rule: none
layouts:
  - name: flat
    examples: [train/x.avi]
    rules:
      - pattern: '(?P<split>train|test)/(?P<stem>\\w+)\\.avi'
        tail: '{split}/{stem}'
        split: '{split}'
        label: {of: '{stem}', map: {real: bonafide, fake: attack}}
"""


def test_datasets_are_found_by_any_of_their_names():
    for name in ("CASIA-FASD", "casia_mfsd", "Casia Fasd", "CASIA_faceAntisp"):
        assert find_card(name).slug == "casia-fasd"
    assert find_card("Idiap").name == "Replay-Attack"
    assert set(load_cards()) == {
        *("casia-fasd", "replay-attack", "oulu-npu", "msu-mfsd", "rose-youtu", "celeba-spoof", "siw", "siw-mv2"),
        *("casia-surf", "casia-surf-cefa", "wmca", "padisi-face", "hq-wmca", "replay-mobile", "3dmad", "hifimask"),
        *("uniattackdata", "uniattackdata-plus", "casia-surf-3dmask", "hkbu-mars-v2", "wfas", "suhifimask"),
        "folder",
    }


def test_an_unknown_dataset_names_the_nearest():
    with pytest.raises(UserError, match=r"unknown dataset 'OLU-NPU'.*did you mean 'OULU-NPU'"):
        find_card("OLU-NPU")


def test_letters_of_cards_and_of_protocol_names_agree():
    for card in load_cards().values():
        for pool, letter in card.pools.items():
            assert cross().pools[pool].entry(letter).dataset == card.slug
            assert cross().pools[pool].entry(letter).name == card.name


def read(tmp_path, text: str) -> Card:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return read_declared(path, Card)


def test_a_card_is_read(tmp_path):
    assert read(tmp_path, CARD).layouts[0].rules[0].tail == "{split}/{stem}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("owner:", "ownr:"), "unknown key 'ownr'; did you mean 'owner'"),
        (("        tail:", "        tial:"), "unknown key 'layouts.0.rules.0.tial'; did you mean 'tail'"),
        (("modalities: [rgb]", "modalities: [thermal]"), "modalities"),
        (("modalities: [rgb]", "modalities: [depth]"), "a layout holds rgb, which is not among the modalities"),
        (("{split}/{stem}", "{split}/{person}"), "{person} is not a group of the pattern"),
        (("(?P<split>train", "(?P<split>(train"), "not a regular expression"),
        (("fake: attack", "fake: spoof"), "label maps to something other than bonafide, attack"),
        (("name: Mine", "name: ../up"), "does not make a folder name"),
        (("licence: ours\n", ""), "licence: Field required"),
        (("owner: us", "owner: [us"), "is not readable YAML"),
        (("{split}/{stem}", "{split}/{stem:999999999}"), "expected {group}, {group:width} or {group:upper}"),
        (("examples:", "complete: [{tail: '{n}', over: {n: [1..99999999999]}}]\n    examples:"), "10,000,000 clips"),
        (("examples:", f"complete: [{{tail: '{{n}}', over: {{n: [1..{'9' * 5000}]}}}}]\n    examples:"), "clips"),
    ],
)
def test_a_malformed_card_is_one_clear_line(tmp_path, change, message):
    with pytest.raises(UserError) as error:
        read(tmp_path, CARD.replace(*change))
    assert message in str(error.value)
    assert "mine.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_path_that_gives_an_unknown_word_is_unmatched(tmp_path):
    card = read(tmp_path, CARD.replace("split>train|test", "split>train|test|demo"))
    kinds = [getattr(row.means, "kind", "clip") for row in meanings(card, ["train/real.avi", "demo/real.avi"])]
    assert kinds == ["clip", "unmatched-media"]


def test_a_card_that_holds_a_list_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not hold keys and values"):
        read(tmp_path, "- 1\n- 2\n")


def test_cards_and_tables_of_a_folder_are_known_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("FASDATA_CARDS", str(tmp_path))
    (tmp_path / "a.yaml").write_text(CARD)
    (tmp_path / "office.csv").write_text("path,label\nx.png,bonafide\ny.png,attack\n")
    assert list(own_cards()) == ["Mine", "office"]
    assert find_card("mine").name == "Mine" and find_card("OFFICE").table == "office.csv"
    assert find_card("OULU-NPU") is load_cards()["oulu-npu"]
    with pytest.raises(UserError, match=r"unknown dataset 'offic'.*did you mean 'office'"):
        find_card("offic")
    shown = Called("fasdata", "datasets").out
    assert "of $FASDATA_CARDS:" in shown and f"office  {tmp_path / 'office.csv'}" in shown


def test_a_card_of_the_folder_takes_no_name_of_another(tmp_path, monkeypatch):
    monkeypatch.setenv("FASDATA_CARDS", str(tmp_path))
    (tmp_path / "a.yaml").write_text(CARD.replace("name: Mine", "name: OULU-NPU"))
    with pytest.raises(UserError, match="belongs to two cards"):
        find_card("something")
    monkeypatch.setenv("FASDATA_CARDS", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="names no folder"):
        find_card("something")
