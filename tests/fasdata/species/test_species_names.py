"""Names of attacks: words of the field give a type, all others are species of their own, and slugs are safe."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.records import ATTACK_TYPES
from fasdata.species import UNKNOWN, family_of, read_attack_name, species_of, species_slug


@pytest.mark.parametrize("name", ATTACK_TYPES[1:])
def test_a_type_of_ours_is_itself_and_says_no_more(name: str) -> None:
    assert read_attack_name(name) == (name, "")
    assert read_attack_name(f" {name.upper().replace('-', '_')} ")[0] == name


@pytest.mark.parametrize("name", ["print/1", "video_replay/2", "PA.F.1", "type_0", "mask", "bonafide", "latex", "面具"])
def test_a_word_outside_the_field_is_a_species_of_its_own(name: str) -> None:
    assert read_attack_name(name) == (UNKNOWN, name)
    assert species_of(*read_attack_name(name)) == name


@pytest.mark.parametrize("name", ["attack", "spoof", "Fake", "unknown", "", "  "])
def test_words_that_only_say_attack_name_no_species(name: str) -> None:
    assert read_attack_name(name) == (UNKNOWN, "")
    assert species_of(*read_attack_name(name)) == UNKNOWN


def test_digital_attacks_are_a_family_of_their_own() -> None:
    assert read_attack_name("Deepfakes") == ("digital-attack", "Deepfakes")
    families = {name: family_of(name) for name in ATTACK_TYPES}
    assert [name for name, family in families.items() if family == "digital"] == [
        "face-swap", "reenactment", "synthetic-face", "adversarial", "digital-attack",
    ]  # fmt: skip
    assert [name for name, family in families.items() if not family] == ["bonafide", "unknown"]


def test_a_word_of_the_field_keeps_what_it_says_beyond_the_type() -> None:
    assert read_attack_name("Silicone Mask") == ("mask-3d", "Silicone Mask")
    assert species_of("mask-3d", "Silicone Mask") == "mask-3d"
    assert species_of("mask-3d", "Silicone Mask", "pai") == "Silicone Mask"


@given(st.text())
def test_slugs_are_safe_stable_and_never_empty(name: str) -> None:
    slug = species_slug(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert species_slug(slug) == slug
