"""Protocol names: every spelling to one canonical name, and back."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fasdata.errors import UserError
from fasdata.protocols.grammar import parse
from fasdata.protocols.vocabulary import cross, intra, shipped

ALIASES = {
    "mcio:CIO2M": [
        "CIO-M", "C&I&O to M", "C+I+O to M", "OCI2M", "O_C_I_to_M", "CIO->M", "CIO→M", "CIO => M", "M", "OCItoM", "msu",
        "casia+replay+oulu to msu", "CASIA_MFSD, Replay_attack & OULU-NPU -> MSU_MFSD", "O-C-I to M", "cor2m",
    ],
    "mcio:CIM2O": ["ICM2O", "I_C_M_to_O", "CMI-O", "O", "oulu"],
    "mcio:COM2I": ["OCM2I", "COM-I", "I", "Idiap"],
    "mcio:IOM2C": ["OMI2C", "OMI-C", "O_M_I_to_C", "casia"],
    "mcio:IM2C@limited": ["MI2C", "M&I to C", "M_I_to_C", "mcio:MI2C@limited", "mi2c@LIMITED"],
    "mcio:IM2O@limited": ["MI2O", "M&I to O", "M_I_to_O"],
    "mcio:C2I": ["c->i", "CI", "ci", "mcio:C2I", "mcio:c-i"],
    "mcio:B2C+I+O+M": [
        "B2C+I+O+M", "celeba to M + O+i +c", "CelebA-Spoof to each of CASIA, REPLAY, OULU, MSU", "B2each_CIOM",
    ],
    "mcio:B2CIOM": ["B2CIOM", "B to C, I, O, M", "B to casia+replay+oulu+msu"],
    "mcio:to_C+M": ["mcio:to_M+C", "mcio:to_each_CM"],
    "mcio:CIO2M@miss-D": ["CIO to each of M@miss-D"],
    "mcio:CIOB2M": ["CIO+CelebA to M", "CIO+CelebA-M", "OCI+celeba-spoof -> M"],
    "mm:CPS2W": ["SCP2W", "mm:SCP2W", "surf_cefa_padisi_to_wmca", "sufr+cefa+padisi to wmca"],
    "mm:CSW2P": ["SCW2P"],
    "mm:CPW2S": ["CWP2S"],
    "mm:PSW2C": ["SWP2C"],
    "mm:S2W": ["S2W", "SW"],
    "mm:SW2C": ["cefa", "CASIA-SURF & wmca to CeFA"],
    "mm:CW2S": ["surf"],
    "mm:CS2W": ["wmca"],
    "mm:PS2CW": ["PS2CW", "SP->WC"],
    "mm:CPS2W@miss-DI": ["SCP2W@miss-di", "SCP2W@miss_ID"],
    "mcio:CIO2M@shot5": ["CIO-M@shot5"],
    "mcio:CIO2M@all": ["CIO-M@ALL"],
    "oulu:P3.2": ["oulu:p3.2", "OULU-NPU:P3.2"],
    "oulu:P1": ["oulu:P1"],
    "cefa:4@1": ["cefa:4@1", "CeFA:P4.1"],
    "cefa:4@3": ["cefa:p4.5"],
    "cefa:P1.3": ["cefa:p1.3"],
    "wmca:grandtest": ["wmca:grandtest"],
    "wmca:LOO_replay": ["wmca:loo_REPLAY"],
    "surf:challenge": ["surf:challenge", "casia_surf:challenge"],
    "siw:P2.1": ["siw:P2.1"],
    "siw-mv2:P2.Mask_HalfMask": ["siw_mv2:p2.mask_halfmask"],
    "padisi:3fold.0": ["padisi:3fold.0"],
    "replay:grandtest": ["Replay-Attack:grandtest"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("canonical", "alias"), [(name, alias) for name, aliases in ALIASES.items() for alias in aliases]
)
def test_every_spelling_has_one_canonical_name(canonical, alias):
    parsed = parse(alias)
    assert parsed.canonical == canonical
    assert parsed.alias == alias
    assert parse(str(parsed)).canonical == canonical


def test_the_parts_of_a_name():
    parsed = parse("mcio:MI2C@limited")
    assert (parsed.pool, parsed.sources, parsed.targets, parsed.variant, parsed.intra) == (
        "mcio",
        "IM",
        "C",
        "limited",
        False,
    )
    inside = parse("oulu:P3.2")
    assert (inside.dataset, inside.protocol, inside.fold, inside.intra) == ("oulu", "P3", "2", True)
    assert parse("siw-mv2:P3.B").protocol == "P3"


def test_a_pool_given_beside_the_name_settles_what_is_open():
    assert parse("C", pool="mcio").canonical == "mcio:IOM2C"
    assert parse("C2I", pool="mcio").canonical == "mcio:C2I"
    with pytest.raises(UserError, match="is of pool mcio; expected pool mm"):
        parse("mcio:CIO2M", pool="mm")
    with pytest.raises(UserError, match="unknown pool"):
        parse("CIO2M", pool="rgb")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("C2C", "is ambiguous: C is CASIA-FASD (mcio) or CASIA-SURF-CeFA (mm); give the pool"),
        ("C", "give the pool"),
        ("mcio:C2C", "CASIA-FASD as source and as target"),
        ("SCI2W", "mixes pools"),
        ("mcio:S2W", "is no dataset of pool mcio"),
        ("CIX-M", "unknown letter 'X'"),
        ("CIO-Z", "did you mean mcio:CIO2M?"),
        ("CI0-M", "cannot be read at '0-M'"),
        ("CIO", "has no target"),
        ("C_I", "has no target"),
        ("CIO2", "has no target"),
        ("2M", "names no source dataset"),
        ("", "names no source dataset"),
        ("CIO2M2C", "several arrows"),
        ("C-I-O", "several arrows"),
        ("CIC2M", "repeats a dataset; found CASIA-FASD"),
        ("CIR2M", "repeats a dataset; found Replay-Attack"),
        ("CIM2I", "Replay-Attack as source and as target"),
        ("W", "write the sources too, e.g. mm:CPS2W"),
        ("Y", "write the sources too, e.g. mcio:CIOMB2Y"),
        ("siw2M", "siw has no letter"),
        ("CIO2M@mis-D", "did you mean 'miss-D'?"),
        ("CIO2M@shot0", "unknown variant"),
        ("CIO2M@", "unknown variant"),
        ("CIO2M@limited", "expected two source datasets; found 3"),
        ("olu:P1", "did you mean 'oulu'?"),
        ("oulu:P3", "several folds; expected one of oulu:P3.1"),
        ("oulu:P5", "unknown protocol of oulu 'P5'"),
        ("wmca:LOO_replays", "did you mean 'LOO_replay'?"),
        ("../../etc", "cannot be read"),
    ],
)
def test_what_cannot_be_read_says_why(name, words):
    with pytest.raises(UserError) as error:
        parse(name)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, str]:
    """A canonical name and one of its many spellings."""
    pool = draw(st.sampled_from(sorted(cross().pools)))
    entries = cross().pools[pool].letters
    order = [entry.letter for entry in entries]
    letters = draw(st.permutations(order))
    count = draw(st.integers(2, len(letters)))
    cut = draw(st.integers(1, count - 1))
    sources, targets = letters[:cut], letters[cut:count]
    short = "".join(sorted(sources, key=order.index)) + "2" + "".join(sorted(targets, key=order.index))
    variant = draw(st.sampled_from(["", "all", "miss-D", "miss-I", "miss-DI", "shot5"]))
    shown = variant or ("limited" if short in cross().pools[pool].limited else "")

    def side(chosen: list[str], glue: str) -> list[str]:
        names = {entry.letter: entry.spellings for entry in entries}
        words = [draw(st.sampled_from([letter, letter.lower(), *(names[letter] if glue else [])])) for letter in chosen]
        return [word.upper() if draw(st.booleans()) else word for word in words]

    glue = draw(st.sampled_from(["", "&", "+", " & ", "_", ", "]))
    arrow = draw(st.sampled_from(["2", "->", "→", " to ", "_to_", " -> "]))
    tail = draw(st.sampled_from([variant, variant.upper()]))
    prefix = f"{pool}:"  # a bare name of C alone would be ambiguous
    before, after = side(sources, glue), side(targets, glue)
    # `casia-surf_cefa` is the name of one dataset.
    assume(
        glue != "_" or not any({"casia-surf", "cefa"} <= {word.lower() for word in words} for words in (before, after))
    )
    listed = glue == "+" and len(after) > 1 and all(len(word) == 1 for word in after)
    left, _, right = short.partition("2")
    canonical = f"{pool}:{left}2{'+'.join(right) if listed else right}" + (f"@{shown}" if shown else "")
    return canonical, prefix + glue.join(before) + arrow + glue.join(after) + (f"@{tail}" if tail else "")


@settings(deadline=None)  # the machine may be busy
@given(spelled())
def test_any_spelling_prints_as_the_canonical_name_and_reads_back(pair):
    canonical, spelling = pair
    parsed = parse(spelling)
    assert str(parsed) == canonical
    again = parse(str(parsed))
    assert (again.canonical, again.sources, again.targets, again.variant) == (
        parsed.canonical, parsed.sources, parsed.targets, parsed.variant,
    )  # fmt: skip


@settings(deadline=None)  # the machine may be busy
@given(spelled())
def test_the_pool_can_be_left_out_wherever_a_letter_decides_it(pair):
    canonical, spelling = pair
    bare = spelling.partition(":")[2]
    letters = canonical.partition(":")[2].partition("@")[0].replace("2", "").replace("+", "")
    if letters.replace("C", ""):
        assert parse(bare).canonical == canonical


NEAR = st.text(alphabet="CIOMYBPSWRU2->to_&+@:. miss", max_size=20)


@settings(deadline=None)  # the machine may be busy
@given(st.one_of(st.text(max_size=30), NEAR))
def test_any_text_is_a_name_or_one_clear_line(text):
    try:
        parsed = parse(text)
    except UserError as error:
        assert len(str(error).splitlines()) == 1
        return
    assert parse(parsed.canonical).canonical == parsed.canonical


def test_every_shipped_name_is_canonical():
    names = [name for group in shipped().groups for name in group.names]
    assert len(set(names)) == len(names) >= 25
    names += [f"{dataset}:{name}" for dataset, entry in intra().datasets.items() for name in entry.names()]
    for name in names:
        assert parse(name).canonical == name
