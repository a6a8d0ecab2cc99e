"""Reports of datasets with problems: shortcuts, duplicates, damage, and stores that lack nearly everything."""

import re

import pytest

from fasdata.datasets.kept_card import FILE, KeptCard
from fasdata.errors import UserError
from fasdata.report.dataset_report import dataset_page
from fasdata.report.dataset_section import summarise
from fasdata.store.reader import Store
from tests.fasdata.page.markup import Markup
from tests.fasdata.report.datasets import POINTS, Made, decoded, put, reported

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_single_number_that_gives_the_labels_away_is_told(tmp_path):
    clips = [
        Made(f"{kind}{n}", "train", kind, kind if kind == "bonafide" else "replay", str(n), seed=n + 50 * (kind > "b"),
             level=90 if kind == "attack" else 150, blurred=kind == "attack")
        for kind in ("bonafide", "attack") for n in range(8)
    ]  # fmt: skip
    page = reported(put(tmp_path, "own", clips))
    rows = {row["Measure"]: row["Tells the labels apart"] for row in page.table("Measures in numbers")}
    assert rows["Sharpness"] == rows["Brightness"] == "1.00"
    assert rows["Roll of the head"] == "0.50"
    assert rows["Length of the recordings"] == "under 10 of a label"
    assert "sharpness (1.00), brightness (1.00)" in page.text
    assert "no card of this dataset comes with fasdata" in page.text


def test_own_data_are_described_as_the_card_that_their_store_keeps(tmp_path):
    folder = put(tmp_path, "entry", [Made("a", "train", "bonafide", "bonafide", "1")])
    card = KeptCard(name="Entry-Hall", owner="the door's maker", licence="in the house alone", research_only=False)
    (folder / FILE).write_text(card.text(), encoding="utf-8")
    page = reported(folder)
    for words in ("Entry-Hall", "the door's maker", "in the house alone", "not limited to research by its card"):
        assert words in page.text
    (folder / FILE).write_text("{", encoding="utf-8")
    assert "the door's maker" not in reported(folder).text


def test_copies_are_found_across_splits_and_labels(tmp_path):
    clips = [
        Made("a", "train", "bonafide", "bonafide", "1", seed=1),
        Made("b", "test", "bonafide", "bonafide", "2", seed=1),
        Made("c", "train", "attack", "print", "1", seed=1, blurred=True),
        Made("d", "train", "bonafide", "bonafide", "1", seed=4),
        Made("e", "test", "bonafide", "bonafide", "1", seed=5),
    ]
    folder = put(tmp_path, "own", clips)
    page = reported(folder)
    pairs = {(row["First clip"], row["Second clip"]) for row in page.table("Near-duplicate pairs")}
    assert pairs == {("a", "b"), ("a", "c"), ("b", "c")}
    assert page.table("Identical recordings")[0]["Clips with the same pixels"] == "a = b"
    assert "2 pairs of similar clips in two splits" in page.text
    assert "1 recording stored more than once, with identical pixels" in page.text
    assert re.search(r"People in two official splits: 1, such as 1 in test and train", page.text)
    pictures = [value for tag, name, value in reported(folder, faces=True).attributes if (tag, name) == ("img", "alt")]
    assert "First stored frames of a and b" in pictures


def test_a_sample_is_counted_and_takes_as_many_of_each_label(tmp_path):
    clips = [Made(f"b{n}", "train", "bonafide", "bonafide", seed=n) for n in range(3)]
    clips += [Made(f"a{n}", "train", "attack", "print", seed=100 + n) for n in range(20)]
    folder = put(tmp_path, "own", clips)
    summary = summarise(Store.open(folder), 16)
    labels = summary.survey.clips["label"].to_numpy()[summary.sample.frames["clip"].to_numpy()]
    assert sorted(labels) == ["attack"] * 10 + ["bonafide"] * 6  # all six bona fide frames, the rest attacks
    page = Markup(dataset_page([summary], faces=False).html())
    assert "16 of 46 stored frames, drawn at random" in page.text
    none = Markup(dataset_page([summarise(Store.open(folder), 0)], faces=False).html())
    assert "measured on none (--sample 0)" in none.text


def test_modalities_stand_side_by_side(tmp_path):
    clips = [Made("a", "train", "bonafide", "bonafide", modalities=("rgb", "depth", "ir"))]
    page = reported(put(tmp_path, "own", clips, layout="table"), faces=True)
    sources = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert decoded(sources[-1]).shape == (96, 288, 3)


@pytest.mark.parametrize(
    "clips",
    [
        [Made("a", "", "", "", status="failed", reason="no")],
        [Made("a", "test", "attack", "print", status="fta", statuses=("skip", "skip"))],
        [Made("a", "", "", "", points=(), size=(0, 0), frame_rate=0.0)],
        [Made("a", "train", "bonafide", "bonafide", points=POINTS[:2])],
    ],
)
def test_a_store_that_lacks_nearly_everything_still_reports(tmp_path, clips):
    page = reported(put(tmp_path, "own", clips), faces=True)
    assert page.table("Clips by attack type")[-1]["Clips"] == "1"


def test_a_damaged_crop_is_told_and_does_not_end_the_report(tmp_path, monkeypatch):
    folder = put(tmp_path, "own", [Made("a", "train", "bonafide", "bonafide"), Made("b", "train", "attack", "print")])
    whole = Store.crop

    def crop(self, clip_id, index, modality="rgb"):
        if clip_id == "a":
            raise UserError("crop/a is damaged")
        return whole(self, clip_id, index, modality)

    monkeypatch.setattr(Store, "crop", crop)
    page = reported(folder, faces=True)
    assert "2 of the sampled crops cannot be read, such as: crop/a is damaged" in page.text
    assert "cannot be read" in page.text


def test_scores_and_points_nobody_made_are_absent(tmp_path):
    clips = [Made("a", "train", "bonafide", "bonafide", statuses=("given",), points=())]
    page = reported(put(tmp_path, "own", clips, detector="none", detector_weights_sha256="", detector_settings={}))
    rows = {row["Measure"]: row for row in page.table("Measures in numbers")}
    assert rows["Detector score"]["bona fide: median (5 to 95 %)"] == "not known"
    assert rows["Distance between the eyes"]["bona fide: median (5 to 95 %)"] == "not known"
    assert "has no weights: every image is a face" in page.text
