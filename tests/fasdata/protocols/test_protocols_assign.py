"""The subjects that become validation."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fasdata.protocols.assign import choose_subjects


def test_a_fifth_of_the_people_the_same_on_every_machine(make):
    clips = [
        make.clip("casia-fasd", "train", f"s{person:02}", label)
        for person in range(50)
        for label in ("bonafide", "attack")
    ]
    chosen = choose_subjects("casia-fasd", clips, 0.2, 0)
    # sha256 of "0/casia-fasd/s00" …, worked out by hand with sha256sum: the ten smallest.
    assert sorted(chosen) == ["s01", "s04", "s06", "s13", "s17", "s24", "s25", "s27", "s29", "s46"]
    assert chosen == choose_subjects("casia-fasd", clips[::-1], 0.2, 0)
    assert chosen != choose_subjects("casia-fasd", clips, 0.2, 1)
    assert chosen != choose_subjects("oulu-npu", clips, 0.2, 0)


def test_where_people_have_one_label_each_both_kinds_are_held_out(make):
    clips = [make.clip("x", "train", f"g{person}", "bonafide") for person in range(10)]
    clips += [make.clip("x", "train", f"a{person}", "attack") for person in range(30)]
    chosen = choose_subjects("x", clips, 0.2, 0)
    assert (sum(name[0] == "g" for name in chosen), sum(name[0] == "a" for name in chosen)) == (2, 6)


def test_clips_without_a_known_person_stand_for_themselves(make):
    clips = [make.clip("x", "train", "", label, number) for number in range(20) for label in ("bonafide", "attack")]
    assert len(choose_subjects("x", clips, 0.2, 0)) == 8


def test_too_few_people_means_nobody(make):
    one = [make.clip("x", "train", "only", label) for label in ("bonafide", "attack")]
    assert choose_subjects("x", one, 0.2, 0) == frozenset()


PEOPLE = st.lists(st.sampled_from([("bonafide",), ("attack",), ("bonafide", "attack")]), min_size=1, max_size=40)


@settings(deadline=None)  # the machine may be busy
@given(PEOPLE, st.integers(0, 99))
def test_held_out_or_not_both_sides_keep_both_labels(people, seed):
    from fasdata.records import Clip

    clips = [
        Clip("x", f"{person}-{label}", {}, "train", label, subject=str(person))
        for person, labels in enumerate(people)
        for label in labels
    ]
    chosen = choose_subjects("x", clips, 0.2, seed)
    for held in (True, False):
        labels = {clip.label for clip in clips if (clip.subject in chosen) == held}
        assert labels == {"bonafide", "attack"} or not chosen
    assert len(chosen) <= 0.2 * len(people) + 3
