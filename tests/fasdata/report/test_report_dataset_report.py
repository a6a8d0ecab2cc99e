"""The report of extracted datasets: true to the store, self-contained, and without a face unless asked for."""

import base64
import re
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.page.parts import Notice
from fasdata.report.answer import dataset_answer
from fasdata.report.dataset_report import asked_stores, dataset_page, write_dataset_report
from fasdata.report.dataset_section import summarise
from fasdata.store.reader import Store
from tests.commands import Called
from tests.fasdata.page.markup import Markup
from tests.fasdata.report.datasets import Made, decoded, picture, put, reported


def casia():
    """Sixteen clips of CASIA-FASD: one failed, two without a face, one with fallbacks, one dark."""
    clips = []
    for split, people in (("train", 2), ("test", 2)):
        for person in range(1, people + 1):
            for number, (label, kind, pai) in {
                "1": ("bonafide", "bonafide", ""), "2": ("bonafide", "bonafide", ""),
                "3": ("attack", "print", "print-warped"), "7": ("attack", "replay", "display-video"),
            }.items():  # fmt: skip
                name = f"{split}_release__{person}__{number}"
                clips.append(Made(name, split, label, kind, f"{split}-{person:02}", seed=len(clips), pai=pai))
    clips[3] = replace(clips[3], status="failed", reason="the file is empty (0 bytes)")
    clips[7] = replace(clips[7], status="fta", reason="no usable face in 12 searched frames of 120", statuses=("skip",))
    clips[11] = replace(clips[11], status="fta", reason="no usable face in 9 searched frames of 77", statuses=("skip",))
    clips[4] = replace(clips[4], statuses=("hold", "ok"))
    clips[5] = replace(clips[5], dark=True, level=3)
    clips[6] = replace(clips[6], notes=("stored turned; upright after 180 degrees clockwise",), size=(640, 480))
    return clips


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    put(folder, "casia-fasd", casia())
    return folder


@pytest.fixture(scope="module")
def html(library, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "report.html"
    write_dataset_report([library / "casia-fasd"], out)
    return out.read_text("utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Markup(html)


def test_nothing_is_fetched_and_nothing_runs(page, html):
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
            assert value.startswith(("data:image/", "#")), (tag, name, value)
        assert not name.startswith("on")
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not re.search(r"https?:|@import", html)


def test_links_inside_the_page_lead_somewhere(page):
    ids = {value for _, name, value in page.attributes if name == "id"}
    links = [value[1:] for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert len(links) == 8
    assert set(links) <= ids


def test_without_faces_no_pixel_is_in_the_file(page, html, library):
    assert "img" not in page.tags
    assert "image" not in page.tags  # nor inside a drawing
    assert not re.search(r"data:\s*image|base64|url\((?!#)", html.split("<body>", 1)[1])
    store = Store.open(library / "casia-fasd")
    for record in store.records():
        for frame in record.frames:
            if frame.crop:
                encoded = cv2.imencode(".png", store.crop(record.clip.clip_id, frame.index))[1].tobytes()
                assert base64.b64encode(encoded).decode()[200:260] not in html
                assert frame.phash not in html  # a picture could be guessed from it


def test_faces_only_when_asked_for_and_they_are_those_of_the_store(library, undrawn):
    page = reported(library / "casia-fasd", faces=True)
    pictures = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert all(source.startswith("data:image/jpeg;base64,") for source in pictures)
    gallery = Markup(dataset_page([summarise(Store.open(library / "casia-fasd"))], faces=True).html())
    body = gallery.sections["casia-fasd"].split("Gallery", 1)[1]
    assert "Bona fide: clips 4 in train, 4 in test" in body
    assert "Attack, replay: clips 1 in test" in body  # of the other three there is no face to show
    shown = [decoded(source) for source in pictures]
    assert all(max(image.shape) <= 128 for image in shown)
    wanted = cv2.resize(picture(0, 1), (128, 128), interpolation=cv2.INTER_AREA).astype(int)
    assert min(np.abs(image - wanted).mean() for image in shown if image.shape == wanted.shape) < 4


def test_counts_stand_against_the_release(page):
    rows = page.table("Clips against the release")
    assert [(row["Split"], row["Label"], row["Found clips"], row["Expected"]) for row in rows] == [
        ("train", "bona fide", "4", "60"), ("train", "attack", "4", "180"),
        ("test", "bona fide", "4", "90"), ("test", "attack", "4", "270"),
    ]  # fmt: skip
    assert rows[0]["Difference"] == "-56 (-93.3 %)"
    assert "584 clips of the release are missing, by name" in page.text


def test_every_attack_type_is_counted_with_its_outcome(page):
    rows = {(row["Split"], row["Attack type"]): row for row in page.table("Clips by attack type")}
    assert rows["train", "replay"] | {"Stored frames": ""} == {
        "Split": "train", "Label": "attack", "Attack type": "replay", "Clips": "2", "Usable": "0", "No face": "1",
        "Failed": "1", "Stored frames": "", "Subjects": "2",
    }  # fmt: skip
    assert rows["all", ""]["Clips"] == "16"
    assert rows["all", ""]["Stored frames"] == "26"
    assert [row["Clips"] for row in page.table("Clips by species")] == ["4", "4"]


def test_losses_are_told_by_label_and_attack_type_with_their_reasons(page):
    rows = {(row["Label"], row["Attack type"]): row for row in page.table("Failure to acquire")}
    assert rows["bona fide", "–"]["No face"] == "0"
    assert rows["attack", "all"]["No face"] == "2"
    assert rows["attack", "all"]["Share of decoded"] == "28.57 %"
    assert rows["attack", "replay"]["Share of all"] == "25.00 %"
    no_face = "no usable face in 9 searched frames of 77 (and 1 more with other numbers)"
    assert [
        (row["What happened"], row["Clips"], row["Reason"], row["For example"])
        for row in page.table("Reasons of losses")
    ] == [
        ("no usable face", "2", no_face, "test_release/1/7.avi"),
        ("could not be decoded", "1", "the file is empty (0 bytes)", "train_release/1/7.avi"),
    ]


def test_how_the_chosen_frames_came_by_their_faces(page):
    rows = {row["Status"]: row for row in page.table("Face status")}
    assert list(rows) == ["ok", "hold", "skip"]
    assert (rows["hold"]["bona fide: frames"], rows["hold"]["attack: frames"]) == ("1", "0")
    assert rows["skip"]["attack: frames"] == "2"
    assert rows["hold"]["bona fide: share"] == "6.25 %"


def test_geometry_is_of_the_frames_on_which_a_face_was_seen(page):
    rows = {row["Measure"]: row for row in page.table("Measures in numbers")}
    assert rows["Size of the face"]["bona fide: median (5 to 95 %)"] == "100 (100 to 100)"
    assert rows["Distance between the eyes"]["attack: median (5 to 95 %)"] == "40 (40 to 40)"
    assert rows["Size of the face"]["Tells the labels apart"] == "0.50"
    assert "25 stored frames with a detected face" in page.text
    assert "measured on all 26 stored frames" in page.text


def test_every_measure_has_a_drawing(html):
    for what in ("Size of the face", "Distance between the eyes", "Sharpness", "Brightness", "Detector score",
                 "Roll of the head", "Turn of the head", "Length of the recordings"):  # fmt: skip
        assert f'aria-label="{what} of CASIA-FASD, bona fide and attack"' in html


def test_what_stands_out_is_said_first(page):
    first = page.sections["casia-fasd"].split("Clips against the release")[0]
    assert "1 recording could not be decoded" in first
    assert "2 of 26 stored frames are dark" in first
    assert "Counts differ from the release in 4 of 4 places" in first
    assert re.search(r"Uneven losses: 2 clips of casia-fasd in train .*0 of 4 bonafide and 2 of 4 attack", first)


def test_provenance_and_licences(page):
    origin = page.sections["casia-fasd"].split("How it was made", 2)[-1]
    for word in ("by signed agreement", "ab" * 32, "facenet-pytorch", "first(2)@decoded", "0.1.0", "mtcnn"):
        assert word in origin
    assert "context" in origin and "2.0" in origin


def test_recordings_by_size_and_rate(page):
    rows = page.table("Resolution, frame rate")
    assert [(row["Upright size"], row["Clips"], row["attack"]) for row in rows] == [
        ("320 × 240", "14", "6"), ("640 × 480", "1", "1"),
    ]  # fmt: skip
    assert page.table("Notes of the extraction")[0]["Note"] == "stored turned; upright after 180 degrees clockwise"


def test_the_same_store_gives_the_same_bytes(library, html, tmp_path):
    write_dataset_report([library / "casia-fasd"], tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text("utf-8") == html


def test_several_datasets_have_an_overview_and_a_section_each(library, tmp_path, undrawn):
    own = put(tmp_path, "own", [Made("a", "train", "bonafide", "bonafide", box=(0.0, 0.0, 60.0, 50.0))])
    page = Markup(
        dataset_page([summarise(Store.open(folder)) for folder in (library / "casia-fasd", own)], faces=False).html()
    )
    assert list(page.sections) == ["overview", "casia-fasd", "own"]
    rows = {row["Dataset"]: row for row in page.table("Contents of the stores")}
    assert rows["CASIA-FASD"]["No face"] == "2 (12.50 %)"
    assert (rows["own"]["Attacks"], rows["own"]["Use"]) == ("0", "not known")
    medians = {row["Dataset"]: row for row in page.table("Medians of the faces")}
    assert medians["own"]["Size of the face"] == "60"
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_names_of_the_datasets_in_any_spelling(library, tmp_path):
    put(tmp_path, "own", [Made("a", "train", "bonafide", "bonafide")])
    assert asked_stores(Library(library), ["casia mfsd", "CASIA-FASD"]) == [library / "casia-fasd"]
    assert asked_stores(Library(tmp_path), ["OWN"]) == [tmp_path / "own"]
    assert asked_stores(Library(library), []) == [library / "casia-fasd"]
    with pytest.raises(UserError, match="no store of oulu-npu"):
        asked_stores(Library(library), ["OULU-NPU"])
    with pytest.raises(UserError, match=r"unknown dataset 'casja-fasd'.*did you mean 'casia-fasd'"):
        asked_stores(Library(library), ["casja-fasd"])
    with pytest.raises(UserError, match="does not exist"):
        asked_stores(Library(library / "none"), [])


def test_the_command_writes_the_file_and_says_where(library, tmp_path, undrawn):
    out = tmp_path / "faces.html"
    done = Called("fasdata", "report", "CASIA-FASD", "--data", library, "--out", out, "--sample", 4)
    assert done.code == 0
    assert f"report: {out}\n" in done.out
    assert "4 of 26 stored frames" in out.read_text("utf-8")
    assert "is a folder" in Called("fasdata", "report", "--data", library, "--out", tmp_path).line


def test_help_says_what_it_writes():
    done = Called("fasdata", "report", "--help")
    assert done.code == 0
    assert "Example: fasdata report" in done.out


@pytest.mark.parametrize(
    ("kinds", "words", "kind"),
    [
        (("good", "good"), "name it in a protocol", "good"),
        (("good", "mixed"), "read the notes on B", "mixed"),
        (("bad", "mixed"), "mend what stands under Problems of A", "bad"),
    ],
)
def test_the_answer_counts_faces_with_an_interval_and_names_the_worst_set(kinds, words, kind):
    def of(name, usable):
        clips = pd.DataFrame({"status": ["ok"] * usable + ["fta"] * (40 - usable)})
        return SimpleNamespace(survey=SimpleNamespace(name=name, clips=clips))

    answer = dataset_answer([of("A", 40), of("B", 30)], [[Notice("t", [], own)] for own in kinds])
    assert answer.title == "2 datasets: 70 of 80 clips have a face to use, 87.50 % [78.21, 93.84]."
    assert answer.sentences[0] == "The least of them is B: 75.00 % [58.80, 87.31]."
    assert words in answer.next and answer.kind == kind
