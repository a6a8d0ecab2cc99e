"""`fasdata describe`: valid Croissant whose records can be read, a card for people, and nothing that leaks."""

from __future__ import annotations

import json
from pathlib import Path

import mlcroissant
import pytest
from typer.testing import CliRunner

from fasdata.cli import app
from fasdata.describe.croissant import croissant
from fasdata.describe.dataset_card import dataset_card
from fasdata.describe.description import described, facts_of
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.records import Clip, ClipRecord
from fasdata.store.info import StoreInfo
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.fastrain.world import CANONICAL, RECIPE, TARGET, write_library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Four small stores and their manifest; only descriptions are added."""
    return write_library(tmp_path_factory.mktemp("described"))


def written(library: Library, name: str, folder: Path) -> Path:
    out = folder / "croissant.json"
    done = CliRunner().invoke(
        app, ["describe", name, "--as", "croissant", "--data", str(library.root), "--out", str(out)]
    )
    assert done.exit_code == 0 and done.output == f"description: {out}\n"
    return out


def validated(path: Path) -> mlcroissant.Dataset:
    """Read a description as mlcroissant does; all that it may miss is what nobody here knows."""
    dataset = mlcroissant.Dataset(str(path))
    assert not dataset.metadata.ctx.issues.errors
    missed = {warning.partition('"')[2].partition('"')[0].rpartition("/")[2]
              for warning in dataset.metadata.ctx.issues.warnings}  # fmt: skip
    assert missed == {"citeAs", "datePublished"}
    return dataset


def texts(rows, *names: str) -> list[tuple]:
    return [tuple(row[name].decode() if isinstance(row[name], bytes) else row[name] for name in names) for row in rows]


def test_a_dataset_as_croissant_is_valid_and_its_records_are_the_clips(library: Library) -> None:
    dataset = validated(written(library, "MSU-MFSD", library.store_dir(TARGET)))
    clips = texts(dataset.records("clips"), "clips/clip_id", "clips/label", "clips/subject", "clips/n_frames")
    records = list(Store.open(library.store_dir(TARGET)).records())
    assert clips == [(r.clip.clip_id, r.clip.label, r.clip.subject, r.n_frames) for r in records]
    frames = texts(dataset.records("frames"), "frames/clip_id", "frames/frame_index", "frames/face_status")
    assert frames == [(r.clip.clip_id, f.index, f.status) for r in records for f in r.frames]
    about = dataset.metadata
    assert about.license == ["research use under the agreement of Michigan State University; not to be passed on"]
    assert about.creators[0].name.startswith("Pattern Recognition")
    assert "10 clips are here of the 280" in about.data_limitations[0]
    assert any("biometric data" in words for words in about.personal_sensitive_information)
    assert "Research only, by the terms of MSU-MFSD." in about.data_use_cases
    assert "0 of 5 attacks have no usable face" in about.data_collection_missing_data
    assert about.version == f"1.0.0+{Store.open(library.store_dir(TARGET)).content_hash()[:12]}"


def test_a_manifest_as_croissant_is_valid_and_its_records_are_the_rows(library: Library) -> None:
    folder = library.protocol_dir(CANONICAL, RECIPE)
    dataset = validated(written(library, "CIO-M", folder))
    samples = texts(dataset.records("samples"), "samples/sample_id", "samples/part", "samples/frame_index")
    rows = Manifest.read(folder).frame()
    assert samples == list(zip(rows["sample_id"], rows["part"], rows["frame_index"], strict=True))
    assert len(dataset.metadata.license) == 4 and len(dataset.metadata.creators) == 4
    assert described(str(folder), "croissant", library) == (folder / "croissant.json").read_text()


@pytest.mark.parametrize("name", ["MSU-MFSD", "CIO-M"])
@pytest.mark.parametrize("form", ["croissant", "card"])
def test_no_clip_no_person_and_no_path_is_in_it(library: Library, name: str, form: str) -> None:
    text = described(name, form, library)
    assert str(library.root) not in text and str(Path.home()) not in text
    for dataset in library.stores():
        for record in Store.open(library.store_dir(dataset)).records():
            clip = record.clip
            for word in (clip.clip_id, *clip.relpaths.values(), f'"{clip.subject}"', f" {clip.subject} "):
                assert word not in text
    assert "relpath" not in text


def test_the_card_of_a_dataset_has_its_terms_counts_and_limits(library: Library) -> None:
    card = described("msu-mfsd", "card", library)
    assert card.startswith("---\npretty_name: MSU-MFSD\nlicense: other\n")
    assert "| none | bona fide | 5 | 5 | 10 | 0 |" in card and "| print | 5 |" in card
    assert "not to be passed on | research only |" in card
    assert "* Few people: 5 of bona fide clips in msu-mfsd" in card
    assert "| face size px | 32 | 32 | 32 |" in card
    titles = [line for line in card.splitlines() if line.startswith("## ")]
    assert titles == [
        "## How it came about", "## Terms", "## What is in it", "## How faces were found and stored",
        "## What is missing", "## The stored faces", "## Uses", "## Personal and sensitive", "## Biases and limits",
        "## Care",
    ]  # fmt: skip
    card = described("CIO-M", "card", library)
    assert "| casia-fasd | train | bona fide | 2 | 2 | 4 | 0 |" in card and "* Target: msu-mfsd." in card


def test_words_of_others_stay_words(tmp_path: Path) -> None:
    library = Library(tmp_path)
    with StoreWriter(library.store_dir("mine"), StoreInfo("mine", {"detector": "mtcnn"}, "0")) as writer:
        for label, attack in (("bonafide", "bonafide"), ("attack", "a|b<script>\n# x")):
            writer.add(
                ClipRecord(Clip("mine", label, {"rgb": "x"}, label=label, attack_type=attack), "fta", "no face"), {}
            )
    (library.store_dir("mine") / "card.json").write_text(
        json.dumps({"name": "Mine", "owner": "<b>me</b>\n## No", "licence": "*free* | all", "research_only": False})
    )
    facts = facts_of("mine", library)
    card, tree = dataset_card(facts), json.loads(croissant(facts))
    assert "<" not in card and "\n## No" not in card and "\n# x" not in card
    assert "| Mine | &lt;b>me&lt;/b> ## No | \\*free\\* \\| all | not limited to research |" in card
    assert "| a\\|b&lt;script> # x | 1 |" in card and "1 of 1 attacks have no usable face (100.0%)" in card
    assert tree["license"] == ["*free* | all"] and "rai:dataUseCases" in tree


@pytest.mark.parametrize(
    ("name", "form", "words"),
    [
        ("MSU-MFSD", "cards", "unknown form of a description 'cards'; .* did you mean 'card'"),
        ("WMCA", "card", "no store of wmca"),
        ("nothing", "card", "nothing is no dataset of the library"),
        ("OCI-M", "card", None),
        ("IOM-C", "card", "mcio:IOM2C with the recipe standard is not built in .*; fasdata build-protocol 'IOM-C'"),
        ("nowhere/manifest.parquet", "card", "no manifest at nowhere"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(library: Library, name: str, form: str, words: str | None) -> None:
    if words is None:  # another spelling of what is built
        assert described(name, form, library) == described("CIO-M", form, library)
        return
    with pytest.raises(UserError, match=words) as raised:
        described(name, form, library)
    assert "\n" not in str(raised.value)
