"""Score files of others: what a row is, who and what is in it, and the numbers that a five-line script gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fasdata.errors import UserError
from fastrain.evaluation.metrics.curve import auc, eer
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.score_columns import Reading
from fastrain.evaluation.score_facts import cannot_tell, holdings, other_way_round
from fastrain.evaluation.score_files import OutsideScores, read_outside
from fastrain.evaluation.score_ids import lined_up, matched
from fastrain.evaluation.score_writers import write_scores
from fastrain.evaluation.scores import Samples, ScoreTable
from tests.fastrain.evaluation.tables import frame, row, twelve

RNG = np.random.default_rng(3)


def recordings(name: Callable[[bool, int, int], str], people: int = 10, each: int = 5) -> pd.DataFrame:
    """bob's rows of whole recordings: `name(live, person, number)` is the id."""
    rows = [
        {"claimed_id": person, "test_label": name(live, person, number), "is_bonafide": live,
         "attack_type": "" if live else "print", "score": RNG.normal(1.2 * live)}
        for live in (True, False) for person in range(people) for number in range(each)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def frames(people: int = 12, each: int = 6) -> pd.DataFrame:
    """bob's rows of frames, with `frame_id` and `video_key`, as its frame extractor writes them."""
    rows = []
    for live in (True, False):
        for person in range(people):
            key, up = f"{'real' if live else 'attack'}/client{person:03}.mov", RNG.normal(1.5 * live)
            rows += [
                {"claimed_id": person, "test_label": f"{key}_{at}", "is_bonafide": live,
                 "attack_type": "" if live else "mattescreen", "score": up + RNG.normal(), "frame_id": at,
                 "video_key": key, "fps": 25}
                for at in range(0, 5 * each, 5)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def generated(people: int = 10, kinds: int = 2, samples: int = 2) -> pd.DataFrame:
    """Rows as `bob pad gen` writes them: ids repeat, sample_n and attack_type tell them apart."""
    rows = [
        {"claimed_id": c, "test_label": f"client/real/{c:03}", "is_bonafide": True, "attack_type": "", "sample_n": n,
         "score": RNG.normal(1.5)} for c in range(people) for n in range(samples)
    ] + [
        {"claimed_id": c, "test_label": f"client/attack/{c:03}", "is_bonafide": False, "attack_type": f"type_{kind}",
         "sample_n": n, "score": RNG.normal()} for kind in range(kinds) for c in range(people) for n in range(samples)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def script(rows: pd.DataFrame) -> tuple[int, int, float, float]:
    """What anyone would type: clips, people, AUC and EER."""
    if "video_key" in rows:
        rows = rows.groupby("video_key").agg({"score": "mean", "is_bonafide": "first", "claimed_id": "first"})
    live, spoof = (rows["score"][rows["is_bonafide"] == label].to_numpy() for label in (True, False))
    both = [(abs((spoof >= t).mean() - (live < t).mean()), (spoof >= t).mean() + (live < t).mean())
            for t in [*rows["score"], np.inf]]  # fmt: skip
    return len(rows), rows["claimed_id"].nunique(), roc_auc_score(rows["is_bonafide"], rows["score"]), min(both)[1] / 2


def numbers(read: OutsideScores) -> tuple[int, int, float, float]:
    """The same of a reading."""
    clips = read.table.clips()
    samples = Samples.of(clips, "count")
    people = clips.frame[["dataset", "subject"]].drop_duplicates()
    rates = auc(samples.scores, samples.labels), eer(samples.scores, samples.labels).hter
    return len(clips.frame), len(people), *rates


@pytest.mark.parametrize(
    "rows",
    [
        recordings(lambda live, person, number: f"{'live' if live else 'spoof'}/p{person}/{number}"),
        recordings(lambda live, person, number: f"test/{live:d}{person}_{number}.mov"),
        recordings(lambda live, person, number: f"Dev_files/{person}_{live:d}_{number}"),
        recordings(lambda live, person, number: f"{live:d}{person:02}{number}"),
        frames(),
        generated(),
        recordings(lambda live, person, number: f"v{live:d}{person}{number}").assign(
            attack_type=lambda rows: np.where(rows.is_bonafide, "", "video_replay/" + (rows.claimed_id % 2).astype(str))
        ),
    ],
    ids=["ours-alike", "with endings", "without", "numbers alone", "frames", "generated", "oulu"],
)
def test_bobs_own_forms_give_what_a_short_script_gives(tmp_path: Path, rows: pd.DataFrame) -> None:
    rows.to_csv(tmp_path / "scores-eval.csv", index=False)
    read = read_outside(tmp_path / "scores-eval.csv", Reading())
    assert numbers(read) == pytest.approx(script(rows), abs=1e-9)
    assert read.table.parts() == ("test",)
    assert read.rows.startswith("frames of recordings" if "video_key" in rows else "recordings, one a row")


def test_development_and_evaluation_of_the_generator_are_two_parts(tmp_path: Path) -> None:
    for name in ("scores-dev.csv", "scores-eval.csv"):
        generated().to_csv(tmp_path / name, index=False)
    read = read_outside(tmp_path, Reading())
    assert holdings(read.table) == {
        "val": "60 clips (20 bona fide, 40 attack), 10 people, 60 frames",
        "test": "60 clips (20 bona fide, 40 attack), 10 people, 60 frames",
    }
    assert any("60 ids stand in both files" in note for note in read.notes)


def test_attack_names_are_free_text(tmp_path: Path) -> None:
    names = ["print", "print/1", "type_0", "PA.F.1", "Video_Replay", "attack"]
    rows = recordings(lambda live, person, number: f"{live}/{person}/{number}", people=2, each=6)
    spoof = ~rows["is_bonafide"]
    rows.loc[spoof, "attack_type"] = names * 2
    rows.to_csv(tmp_path / "s.csv", index=False)
    read = read_outside(tmp_path / "s.csv", Reading()).table.frame
    pairs = dict(zip(names, read[["attack_type", "pai"]][spoof.to_numpy()].to_numpy().tolist()[:6], strict=True))
    assert pairs == {
        "print": ["print", ""], "print/1": ["unknown", "print/1"], "type_0": ["unknown", "type_0"],
        "PA.F.1": ["unknown", "PA.F.1"], "Video_Replay": ["replay", "Video_Replay"], "attack": ["unknown", ""],
    }  # fmt: skip
    mapped = read_outside(tmp_path / "s.csv", Reading.of(attacks=["print/1=print", "type_0=latex"])).table
    assert set(Samples.of(mapped, "count").species) - {"bonafide"} >= {"print", "latex", "PA.F.1", "replay"}
    with pytest.raises(UserError, match=r"--map print/9: no attack has that name; found 'print'"):
        read_outside(tmp_path / "s.csv", Reading.of(attacks=["print/9=print"]))


def test_attacks_of_our_own_tables_are_mapped_too(tmp_path: Path) -> None:
    twelve().write_csv(tmp_path / "s.csv")
    read = read_outside(tmp_path / "s.csv", Reading.of(attacks=["print=PA.F.1"])).table
    assert set(Samples.of(read, "count").species) >= {"PA.F.1", "replay"}
    assert "print" not in set(Samples.of(read, "count").species)
    with pytest.raises(UserError, match="--map mask: no attack has that name; found 'print'"):
        read_outside(tmp_path / "s.csv", Reading.of(attacks=["mask=print"]))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
def test_the_minimal_file_with_any_separator(tmp_path: Path, separator: str) -> None:
    lines = [["score", "label"], *([f"{at / 8}", "live" if at > 3 else "spoof"] for at in range(8))]
    (tmp_path / "s.txt").write_text("\n".join(separator.join(line) for line in lines))
    read = read_outside(tmp_path / "s.txt", Reading())
    assert numbers(read)[2:] == (1.0, 0.0)
    assert holdings(read.table)["test"] == "8 clips (4 bona fide, 4 attack), people not named, 8 frames"
    topics = [sentence.partition(":")[0] for sentence in cannot_tell(read)]
    assert topics == ["people", "species", "threshold transfer", "clip by clip", "datasets", "non-response", "data"]


def test_optional_columns_and_columns_of_other_names(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(
        "is_live;p;video;at;who;kind;split\n1;.9;a;x1;7;;eval\n1;.7;a;x2;7;;eval\n0;.2;b;x1;7;print;eval\n0;;c;x1;8;mask;eval\n"
        "1;.9;d;x1;9;;dev\n0;.1;e;x1;9;print;dev\n"
    )
    columns = "label=is_live,score=p,clip=video,frame=at,subject=who,species=kind,part=split"
    read = read_outside(tmp_path / "s.csv", Reading.of(columns=columns, bonafide_is="1"))
    assert holdings(read.table)["test"] == "3 clips (1 bona fide, 2 attack), 2 people, 3 frames"
    clips = read.table.clips().frame.set_index("clip_id")
    assert clips.loc["a", "score"] == pytest.approx(0.8) and clips.loc["c", "status"] == "fta"
    assert (clips.loc["c", "pai"], clips.loc["d", "part"]) == ("mask", "val")
    assert any("numbered by their order" in note for note in read.notes)


def test_names_of_columns_may_hold_commas_and_equals_signs(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text('"p(y=1, live)","label"\n0.9,live\n0.1,spoof\n')
    read = read_outside(tmp_path / "s.csv", Reading(columns=("score=p(y=1, live)", "label=label")))
    assert numbers(read)[2:] == (1.0, 0.0)


def test_lines_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text("".join(f"{at / 10:.4f} {int(at > 4)}\n" for at in range(10)))
    with pytest.raises(UserError, match=r"neither bonafide nor attack; .*found '0', '1'; .*--bonafide-is"):
        read_outside(tmp_path / "map.txt", Reading())
    assert numbers(read_outside(tmp_path / "map.txt", Reading.of(bonafide_is="1")))[2] == 1.0
    turned = read_outside(tmp_path / "map.txt", Reading.of(bonafide_is="1", higher="attack"))
    assert numbers(turned)[2] == 0.0
    (words,) = other_way_round(evaluate(turned.table, selection="x", resamples=0))
    assert words == "test: AUC 0.000 is below 0.5: scores may be the other way round (--higher-is attack)"
    (tmp_path / "scores-eval").write_text(
        "".join(f"{c} {c} real/{c} 0.{9 - c}\n{c} print/1 a/{c} 0.1\n" for c in range(4))
    )
    four = read_outside(tmp_path / "scores-eval", Reading())
    assert four.form == "bob's four columns"
    assert holdings(four.table)["test"] == "8 clips (4 bona fide, 4 attack), 4 people, 8 frames"
    assert set(four.table.frame["pai"]) == {"", "print/1"}
    (tmp_path / "x.csv").write_text("17,0.4,a,spoof\n17,0.6,b,live\n")
    assert numbers(read_outside(tmp_path / "x.csv", Reading.of(columns="subject,score,-,label")))[:3] == (2, 1, 1.0)


@pytest.mark.parametrize("form", ["bob", "csv", "parquet", "gradgpad"])
def test_higher_is_attack_acts_on_every_form(tmp_path: Path, form: str) -> None:
    out = tmp_path / (form if form in ("bob", "gradgpad") else f"s.{form}")
    write_scores(twelve(), out, form)
    straight, turned = (
        read_outside(out, Reading.of(higher), key=twelve()).table.frame.set_index("sample_id")["score"]
        for higher in ("bonafide", "attack")
    )
    pd.testing.assert_series_equal(turned, -straight)


HOSTILE = {
    "not finite": "label,score\nlive,inf\nspoof,0\n",
    "is not a number": "label,score\nlive,high\nspoof,0\n",
    "is labelled bona fide and attack": "label,score,id\nlive,1,a\nspoof,0,a\nspoof,0,b\n",
    r"contradict each other; expected one label a clip": "label,score,clip,frame\nlive,1,a,0\nspoof,0,a,1\n",
    r"'a' occurs 2 times among recordings \(clip\); expected each once, or a column frame":
        "label,score,clip\nlive,1,a\nlive,.9,a\nspoof,0,b\n",
    "occurs 2 times among rows that are the same in every cell": "label,score,id\nlive,1,a\nlive,1,a\nspoof,0,b\n",
    "sample 'a/0' occurs 2 times": "label,score,clip,frame\nlive,1,a,0\nlive,.9,a,0\nspoof,0,b,0\n",
    "a control character in label": "label,score\nli\0ve,1\nspoof,0\n",
    r"a cell of 10,000,000 characters \(id\)": f"label,score,id\nlive,1,{'a' * 10_000_000}\nspoof,0,b\n",
    "a bona fide row names an attack": "label,score,species\nlive,1,print\nspoof,0,print\n",
    "names 400 different attacks": "label,score,species\nlive,1,\n" + "".join(f"spoof,0,k{n}\n" for n in range(400)),
    "is empty": "\n\n",
    "lacks the column label; expected a CSV with the columns label and score, bob": "score,name\n1,a\n",
    "is no score file that can be read; expected a CSV": "hello world, this is text\nand more of it\n",
    "rows of more cells than the 2 columns": "label,score\nlive,1,x\nspoof,0,y\n",
    "has two columns 'score'": "label,score,score\nlive,1,1\n",
}  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_files_end_in_one_line(tmp_path: Path, words: str) -> None:
    (tmp_path / "s.csv").write_text(HOSTILE[words])
    with pytest.raises(UserError, match=words) as caught:
        read_outside(tmp_path / "s.csv", Reading())
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 3000


def test_formulas_and_lost_scores_give_right_numbers(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(
        'label,score,clip,frame,subject\nlive,1,"=HYPERLINK(""x"")",0,=1+1\nlive,nan,"=HYPERLINK(""x"")",1,=1+1\n'
        "live,,@b,0,-2\nspoof,0,+c,0,=1+1\nspoof,-1,-d,0,\n"
    )
    read = read_outside(tmp_path / "s.csv", Reading())
    assert holdings(read.table)["test"] == (
        "4 clips (2 bona fide, 2 attack), 2 people (1 clips of people not named), 3 frames"
    )
    assert read.table.frame["status"].tolist() == ["ok", "fta", "ok", "ok"]
    assert "1 frames without a score are left out" in read.notes[0]
    read.table.write_csv(tmp_path / "again.csv")
    assert ScoreTable.read_csv(tmp_path / "again.csv").frame["clip_id"].tolist() == read.table.frame["clip_id"].tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(-3, 3)), min_size=6, max_size=30), st.randoms())
def test_a_renaming_of_ids_and_people_changes_no_number(rows: list[tuple[int, bool, int]], random: object) -> None:
    """Rows stay in their order, names change one to one: counts, rates and intervals are the same to the last bit."""
    if len({live for _, live, _ in rows}) < 2:
        return
    names = [f"n{number}" for number in range(len(rows))]
    people = [f"p{number}" for number in range(6)]
    random.shuffle(names)  # type: ignore[attr-defined]
    random.shuffle(people)  # type: ignore[attr-defined]

    def table(renamed: bool) -> ScoreTable:
        made = [
            row(names[at] if renamed else f"c{at:03}", score / 3, "bonafide" if live else "attack:print",
                subject=people[who] if renamed else f"{who}")
            for at, (who, live, score) in enumerate(rows)
        ]  # fmt: skip
        return ScoreTable(frame(*made))

    first, second = (evaluate(table(renamed), selection="last", resamples=100) for renamed in (False, True))
    assert first == second


def test_ids_that_are_a_manifests_clips(tmp_path: Path) -> None:
    key = twelve()
    clips = [clip for clip in key.clips().frame.itertuples() if clip.part == "test"]
    text = "label,score,clip\n" + "".join(f"live,{at},{clip.clip_id}\n" for at, clip in enumerate(clips))
    (tmp_path / "s.csv").write_text(text)
    frame = lined_up(read_outside(tmp_path / "s.csv", Reading()).table, key).frame
    assert frame["label"].tolist() == [clip.label for clip in clips]  # the manifest's, not the file's
    assert frame["score"].tolist() == list(range(len(clips))) and set(frame["part"]) == {"test"}
    bare = "score,clip\n" + "".join(f"{at},{clip.clip_id}\n" for at, clip in enumerate(clips))
    (tmp_path / "bare.csv").write_text(bare)
    again = read_outside(tmp_path / "bare.csv", Reading(), key=key).table
    pd.testing.assert_frame_equal(lined_up(again, key).frame, frame)
    (tmp_path / "s.csv").write_text(text + "live,1,odd1\nlive,1,odd2\n")
    with pytest.raises(UserError, match=r"does not have; found 'odd1', 'odd2'; name the manifest"):
        lined_up(read_outside(tmp_path / "s.csv", Reading()).table, key)
    (tmp_path / "s.csv").write_text("\n".join(text.splitlines()[:-2]))
    with pytest.raises(
        UserError, match=r"lacks scores of clips that the manifest has; found 'OULU-NPU/r1', 'OULU-NPU/r2'"
    ):
        lined_up(read_outside(tmp_path / "s.csv", Reading()).table, key)


def test_frames_of_a_manifests_clips_are_samples_of_their_own(tmp_path: Path) -> None:
    """A recording's only frame is its sample, unless it has a number above 0; then the number is part of the id."""
    key = twelve()
    clips = [clip.clip_id for clip in key.clips().frame.itertuples() if clip.part == "test"]
    for number, ids in ((0, "OULU-NPU/b0"), (1, "OULU-NPU/b0/1")):
        text = "label,score,clip,frame\n" + "".join(f"live,{at},{clip},{number}\n" for at, clip in enumerate(clips))
        (tmp_path / "s.csv").write_text(text)
        assert lined_up(read_outside(tmp_path / "s.csv", Reading()).table, key).frame["sample_id"].iloc[0] == ids


def test_ids_of_samples_and_of_clips_find_their_rows() -> None:
    samples = twelve().frame
    by_sample = matched(["OULU-NPU/b1/0", "OULU-NPU/b0/0"], samples, "s.csv")
    assert by_sample["clip_id"].tolist() == ["b1", "b0"] and by_sample["frame_index"].tolist() == [0, 0]
    by_clip = matched(["OULU-NPU/b1", "b0"], samples, "s.csv")
    assert by_clip["sample_id"].tolist() == ["OULU-NPU/b1", "OULU-NPU/b0"] and set(by_clip["frame_index"]) == {0}
    with pytest.raises(UserError, match="mixes ids of clips and of samples"):
        matched(["OULU-NPU/b1/0", "b0"], samples, "s.csv")


def test_repeated_ids_are_told_apart_by_attack_then_by_their_order(tmp_path: Path) -> None:
    rows = generated(people=2, kinds=2, samples=2)
    rows = rows.astype({"sample_n": str})
    rows.loc[rows["is_bonafide"], "sample_n"] = ""  # nothing tells the samples of a bona fide recording apart
    rows.to_csv(tmp_path / "s.csv", index=False)
    read = read_outside(tmp_path / "s.csv", Reading())
    assert read.has_ids and any("rows share their id with another row" in note for note in read.notes)
    ids = set(read.table.frame["clip_id"])
    assert {"client/real/000 #1", "client/real/000 #2", "client/attack/000 type_0 1"} <= ids
    assert not any(name.startswith("client/attack") and "#" in name for name in ids)


def test_a_score_that_is_no_number_is_named_by_its_row(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("label,score,clip\nlive,,a\nlive,0.5,b\nspoof,abc,c\nspoof,x,d\n")
    with pytest.raises(UserError, match=r"the score of row 3 is not a number; found 'abc'"):
        read_outside(tmp_path / "s.csv", Reading())


def test_a_file_of_others_is_not_our_own_table(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("label,score\nlive,0.5\nspoof,0.1\n")
    read = read_outside(tmp_path / "s.csv", Reading())
    assert not read.own and not read.has_ids


def test_a_recording_without_any_score_keeps_one_row(tmp_path: Path) -> None:
    text = "label,score,clip,frame\nlive,0.5,a,0\nlive,,a,1\nlive,,b,0\nlive,,b,1\nlive,,b,2\nspoof,0.1,c,0\n"
    (tmp_path / "s.csv").write_text(text)
    table = read_outside(tmp_path / "s.csv", Reading()).table.frame
    rows = zip(table["clip_id"], table["status"], table["frame_index"], strict=True)
    assert list(rows) == [("a", "ok", 0), ("b", "fta", -1), ("c", "ok", 0)]


@pytest.mark.parametrize(("scores", "warned"), [("0,1", False), ("-0.1,0.5", True), ("0.5,1.5", True)])
def test_scores_that_leave_zero_to_one_are_no_probabilities(tmp_path: Path, scores: str, warned: bool) -> None:
    spoof, live = scores.split(",")
    (tmp_path / "s.csv").write_text(f"label,score\nlive,{live}\nspoof,{spoof}\n")
    sentences = cannot_tell(read_outside(tmp_path / "s.csv", Reading()))
    assert any(words.startswith("calibration: ") for words in sentences) is warned
