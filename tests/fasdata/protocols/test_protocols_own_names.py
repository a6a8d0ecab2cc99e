"""Names across any datasets, own ones too: one canonical form, in both directions, safe for shells and folders."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasdata.datasets.card import Claim
from fasdata.datasets.kept_card import FILE, KeptCard
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.protocols.dataset_names import Names, own_card
from fasdata.protocols.grammar import parse, parse_in
from fasdata.protocols.own_grammar import own_name
from tests.fasdata.protocols.building import write_store
from tests.fasdata.protocols.conftest import clip, record

NAMES = {
    "own:casia-fasd+oulu-npu_to_mylab": [
        "CASIA-FASD + OULU-NPU to mylab", "casia & oulu -> MyLab", "OULU-NPU, CASIA_FASD to mylab",
        "oulu and casia to mylab", "own:oulu-npu+casia-fasd_to_mylab", "OWN:Casia-FASD+oulu-npu_to_MYLAB",
    ],
    "own:mylab_to_casia-fasd": ["mylab to CASIA-FASD", "mylab->casia", "mylab TO casia"],
    "own:casia-fasd_to_siw": ["CASIA-FASD to SiW"],
    "own:replay-mobile_to_3dmad": ["Replay-Mobile -> 3DMAD", "replay mobile to 3dmad"],
    "own:wmca_to_each_casia-fasd+mylab": ["WMCA to each of casia, MyLab", "own:wmca_to_each_mylab+casia-fasd"],
    "own:wmca_to_casia-fasd+mylab": ["WMCA to casia + MyLab", "WMCA -> casia, mylab"],
    "own:to_each_casia-fasd+mylab": ["own:to_each_mylab+casia-fasd"],
    "own:casia-fasd+wmca_to_oulu-npu": ["WMCA + CASIA-FASD to OULU-NPU"],
    "own:siw-mv2_to_lab-2": ["SiW-Mv2 to lab-2", "siw_mv2 -> lab-2"],
    "own:to_mylab": ["own:to_mylab"],
    "own:casia-fasd_to_mylab@shot5": ["casia to mylab@shot5"],
    "own:wmca_to_3dmad@miss-D": ["wmca to 3dmad@miss_d"],
    "mcio:CO2M": ["CASIA-FASD + OULU-NPU to MSU-MFSD", "casia and oulu to msu"],
    "mcio:CIOB2M": ["CIO + CelebA-Spoof to M", "O_C_I and celeba to msu"],
    "mcio:to_CM": ["mcio:to_MC", "mcio:to_msu+casia"],
    "mylab:split": ["mylab:SPLIT", "MyLab:split"],
    "mylab:official": ["mylab:official"],
    "mylab:cv5.1": ["mylab:CV5.1"],
    "mylab:LOO_print-1": ["mylab:loo_print-1"],
    "mylab:LOO_s-cce4a7": ["mylab:LOO_面具", "mylab:loo_面具"],
    "mylab:LOO_grosse": ["mylab:LOO_Größe"],
    "oulu:split": ["OULU-NPU:split", "oulu:split"],
    "casia-fasd:cv10.10": ["casia:cv10.10"],
    "mcio:CI2L": ["C I to L", "casia + replay to phones", "CI2L", "CI-L"],
}  # fmt: skip


def kept(name: str, **values: object) -> KeptCard:
    return KeptCard.model_validate({"name": name, **values})


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Stores of three own datasets: one claims a letter, one is of an older version and has no card."""
    made = Library(tmp_path_factory.mktemp("own"))
    cards = {
        "mylab": kept("MyLab", modalities=["rgb"]),
        "lab-2": None,
        "phones.2024": kept("phones.2024", aliases=["phones"], protocol={"pool": "mcio", "letter": "L"}),
    }
    for slug, card in cards.items():
        write_store(made, slug, [record(clip(slug, "", "a", "bonafide"))])
        if card:
            (made.store_dir(slug) / FILE).write_text(card.text())
    return made


@pytest.mark.parametrize(("canonical", "alias"), [(name, alias) for name, of in NAMES.items() for alias in of])
def test_every_spelling_has_one_canonical_name(library: Library, canonical: str, alias: str) -> None:
    parsed = parse_in(library, alias)
    assert (parsed.canonical, parsed.alias) == (canonical, alias)
    assert parse_in(library, canonical).canonical == canonical
    assert parsed.target_sets and parsed.intra == (":" in alias and not alias.lower().startswith(("own", "mcio")))


@pytest.mark.parametrize("canonical", [name for name in NAMES if name != "mcio:CI2L"])
def test_canonical_names_are_read_without_the_library(canonical: str) -> None:
    assert parse(canonical).canonical == canonical


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("CASIA-FASD to mylap", "WMCA, folder, lab-2, phones.2024; did you mean 'MyLab'?"),
        ("CIO + mylab to M", "mixes letters with datasets of no common pool; found CIO; write the names"),
        ("mylab to mylab", "MyLab as source and as target"),
        ("mylab + mylab to casia", "repeats a dataset; found MyLab"),
        ("own:mylab", "cannot be read; expected own:casia-fasd+oulu-npu_to_mylab"),
        ("own:a/b_to_c", "cannot be read"),
        ("own:_to_c", "cannot be read"),
        ("own:a_to_", "cannot be read"),
        ("own:a+_to_b", "cannot be read"),
        ("own:../x_to_b", "cannot be read"),
        ("casia to mylab@shot0", "unknown variant"),
        ("mylab:P1", "unknown protocol of mylab 'P1'"),
        ("mylab:cv1.1", "unknown protocol"),
        ("mylab:cv5.6", "unknown protocol"),
        ("mylab:cv5.0", "unknown protocol"),
        ("mylab:cv21.1", "unknown protocol"),
        ("mylab:LOO_", "unknown protocol"),
        ("mylab:LOO_a b", "unknown protocol"),
        ("mylab:LOO_面 具", "unknown protocol"),
        ("nolab:P1", "unknown start of a protocol name 'nolab'"),
        ("wmca:LOO_print", "unknown protocol of wmca"),
        ("file:mine", "cannot be read; expected the protocol's file"),
        ("mcio:to_", "has no target"),
        ("to_M", "names no source dataset"),
    ],
)
def test_what_cannot_be_read_says_why(library: Library, name: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        parse_in(library, name)
    assert words in str(error.value)


def test_a_claimed_letter_that_is_taken_is_refused_with_both_names(library: Library) -> None:
    for letter, owner in (("C", "CASIA-FASD"), ("R", "Replay-Attack"), ("L", "phones.2024")):
        with pytest.raises(UserError, match=rf"other claims the letter {letter} of pool mcio, which is {owner}'s"):
            own_card(library, _card("other", letter))
    with pytest.raises(UserError, match="unknown pool"):
        own_card(library, _card("other", "Q", "mcoi"))
    free = own_card(library, _card("other", "Q"))
    assert free and free.protocol == Claim(pool="mcio", letter="Q")


def _card(name: str, letter: str, pool: str = "mcio") -> object:
    from fasdata.datasets.card import Card, Layout

    layout = Layout.model_validate(
        {"name": "flat", "examples": ["a.mp4"], "rules": [{"pattern": "(?P<stem>.+)", "tail": "{stem}"}]}
    )
    return Card(
        name=name, owner="me", licence="mine", modalities=["rgb"], subject_rule="none", layouts=[layout],
        protocol=Claim(pool=pool, letter=letter),
    )  # fmt: skip


def test_a_name_of_two_datasets_is_refused_and_the_slug_still_works(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for slug in ("msu", "own"):
        write_store(library, slug, [record(clip(slug, "", "a", "bonafide"))])
        (library.store_dir(slug) / FILE).write_text(kept(slug).text())
    with pytest.raises(UserError, match="'msu' means MSU-MFSD and msu"):
        parse_in(library, "CASIA-FASD to msu")
    assert parse_in(library, "own:casia-fasd_to_msu").target_sets[0].own
    with pytest.raises(UserError, match="cannot be read"):
        parse_in(library, "own:split")


def test_a_broken_card_of_another_dataset_stops_nothing(tmp_path: Path) -> None:
    library = Library(tmp_path)
    write_store(library, "mylab", [record(clip("mylab", "", "a", "bonafide"))])
    (library.store_dir("mylab") / FILE).write_text('{"name": 1}')
    assert parse_in(library, "CIO-M").canonical == "mcio:CIO2M"
    assert parse_in(library, "casia to mylab").canonical == "own:casia-fasd_to_mylab"


SLUGS = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,12}", fullmatch=True)


@settings(max_examples=150, deadline=None)
@given(st.lists(SLUGS, min_size=1, max_size=4, unique=True), st.data())
def test_any_datasets_have_a_safe_name_that_reads_back(slugs: list[str], data: st.DataObject) -> None:
    names = Names.of(None)
    cut = data.draw(st.integers(0, len(slugs) - 1))
    left, right = [names.member(slug) for slug in slugs[:cut]], [names.member(slug) for slug in slugs[cut:]]
    name = own_name("", left, right)
    assert not re.search(r"[/><&|\s]", name.canonical)
    again = parse(name.canonical)
    assert again.canonical == name.canonical
    assert {member.dataset for member in again.source_sets} == set(slugs[:cut])
    assert {member.dataset for member in again.target_sets} == set(slugs[cut:])
    assert own_name("", left[::-1], right[::-1]).canonical == name.canonical
    assert shlex.split(name.canonical) == [name.canonical]


def test_canonical_names_go_through_a_shell_and_a_file_system(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for canonical in NAMES:
        echoed = subprocess.run(
            ["sh", "-c", f"printf %s {canonical}"], capture_output=True, text=True, check=True
        ).stdout
        assert echoed == canonical
        library.protocol_dir(canonical, "standard").mkdir(parents=True)
    assert len(list(tmp_path.glob("protocols/*"))) == len(NAMES)


@settings(max_examples=200, deadline=None)
@given(SLUGS, SLUGS, st.sampled_from(["official", "split", "cv5.1", "LOO_a-b", "LOO_b"]))
def test_folders_of_protocols_are_told_apart(first: str, other: str, protocol: str) -> None:
    library = Library(Path("lib"))
    names = {f"{first}:{protocol}", f"{other}:{protocol}", f"{first}-{other}:{protocol}", f"{first}-official:split"}
    names |= {f"own:{first}_to_{other}x", f"own:to_{first}"}
    assert len({library.protocol_dir(name, "standard") for name in names}) == len(names)


def test_a_store_of_own_data_keeps_what_its_card_says(tmp_path: Path) -> None:
    card = kept("MyLab", aliases=["lab"], owner="we", licence="ours", modalities=["rgb"], research_only=False)
    (tmp_path / FILE).write_text(card.text())
    assert KeptCard.read(tmp_path) == card
    assert KeptCard.read(tmp_path / "nothing") is None
    (tmp_path / FILE).write_text(json.dumps({"name": "a", "nmae": 1}))
    with pytest.raises(UserError, match="nmae"):
        KeptCard.read(tmp_path)


def test_the_datasets_of_a_manifest_are_names_enough():
    names = Names.among({"mylab": "MyLab", "oulu-npu": "OULU-NPU"})
    assert parse("OULU-NPU -> MyLab", names=names).canonical == "own:oulu-npu_to_mylab"
    assert names.datasets["mylab"].own and not names.datasets["oulu-npu"].own
