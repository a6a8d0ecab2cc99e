"""Protocols across any datasets, from a file, of the target alone; parameters of recipes and where manifests stand."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from fasdata.datasets.kept_card import FILE, KeptCard
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.protocols.build import Options, assemble, build_protocol
from fasdata.protocols.built import Wanted, find_built
from fasdata.protocols.dataset_names import Names
from fasdata.protocols.diff import diff_text
from fasdata.protocols.grammar import parse, parse_in
from fasdata.protocols.manifest_text import describe
from fasdata.protocols.parameters import Parameters
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import frame_rules_for, load_recipe
from fasdata.protocols.show import list_text, show_text
from fasdata.records import Clip
from tests.fasdata.protocols.building import build, rows, write_store
from tests.fasdata.protocols.conftest import FakeStore


def lab(
    make: SimpleNamespace, slug: str = "mylab", splits: tuple[str, ...] = ("",), device: str = "phone"
) -> FakeStore:
    records = []
    for person in range(10):
        for kind in ("bonafide", "print", "replay"):
            label = "bonafide" if kind == "bonafide" else "attack"
            split = splits[person % len(splits)]
            name = f"{person:02}-{kind}"
            used = device if person < 6 else "tablet"
            clip = Clip(slug, name, {"rgb": f"{name}.mp4"}, split, label, kind, "", f"p{person:02}", {"device": used})
            records.append(make.record(clip))
    return FakeStore(records, content=f"hash of {slug}")


def test_own_data_are_tested_by_networks_of_others(stores: dict[str, FakeStore], make: SimpleNamespace) -> None:
    stores["mylab"] = lab(make)
    manifest = build(stores, "own:casia-fasd+oulu-npu_to_mylab")
    assert {(row["domain_id"], row["dataset"]) for row in rows(manifest, part="train")} == {
        (0, "casia-fasd"), (1, "oulu-npu"),
    }  # fmt: skip
    assert {row["split_official"] for row in rows(manifest, part="train")} == {"train", "test"}
    assert {row["split_official"] for row in rows(manifest, part="val", dataset="oulu-npu")} == {"dev"}
    assert len({row["clip_id"] for row in rows(manifest, part="test")}) == 30
    assert {row["dataset"] for row in rows(manifest, part="test")} == {"mylab"}


def test_own_data_train_and_what_they_call_dev_validates(stores: dict[str, FakeStore], make: SimpleNamespace) -> None:
    stores["mylab"] = lab(make, splits=("train", "dev", "test", ""))
    manifest = build(stores, "own:mylab_to_msu-mfsd")
    splits = {part: {row["split_official"] for row in rows(manifest, part=part)} for part in ("train", "val")}
    assert splits == {"train": {"train", "test", ""}, "val": {"dev"}}
    assert manifest.meta["validation"]["datasets"][0]["rule"] == "official dev"
    stores["mylab"] = lab(make)
    (held,) = build(stores, "own:mylab_to_msu-mfsd").meta["validation"]["datasets"]
    assert (held["rule"], len(held["subjects"]), held["of"]) == ("subjects", 2, 10)


def test_mixtures_of_pools_use_what_all_have_and_say_so(
    stores: dict[str, FakeStore], mm_stores: dict[str, FakeStore]
) -> None:
    manifest = build(stores | mm_stores, "CASIA-FASD + WMCA to OULU-NPU")
    assert manifest.meta["modalities"] == ["rgb"]
    assert {row["modalities_available"] for row in rows(manifest)} == {"rgb"}
    assert manifest.meta["notes"][0] == "used are rgb, which all datasets have; WMCA has depth and ir too"
    several = build(mm_stores, "own:casia-surf_to_wmca")
    assert several.meta["modalities"] == ["rgb", "depth", "ir"] and not several.meta["notes"]
    masked = build(mm_stores, "own:casia-surf_to_wmca@miss-D")
    assert {row["modalities_available"] for row in rows(masked, part="test")} == {"rgb,ir"}


def test_a_target_alone_has_the_rows_of_its_protocol(stores: dict[str, FakeStore]) -> None:
    whole = rows(build(stores, "CIO-M", "hfn_mp"), part="test")
    alone = rows(build(stores, "mcio:to_M", "hfn_mp"))
    ids = [[row["sample_id"] for row in table] for table in (whole, alone)]
    assert ids[0] == ids[1] and {row["part"] for row in alone} == {"test"}
    assert "validation" in describe(build(stores, "mcio:to_M"))
    with pytest.raises(UserError, match="does not cover"):
        make_plan(parse("mcio:to_M"), load_recipe("mmdg"))


def test_few_clips_of_own_data_may_train(stores: dict[str, FakeStore], make: SimpleNamespace) -> None:
    stores["mylab"] = lab(make)
    manifest = build(stores, "own:casia-fasd_to_mylab@shot2")
    shots = {row["clip_id"] for row in rows(manifest, part="train", domain="mylab-shots")}
    tested = {row["clip_id"] for row in rows(manifest, part="test")}
    assert len(shots) == 4 and not shots & tested


# -- From a file ------------------------------------------------------------------------------------------------------

TEXT = """
name: phones
title: phones to tablets
sources:
  - dataset: mylab
    where: {device: [phone], attack_type: [print]}
targets:
  - {dataset: mylab, where: {device: {without: [phone]}}, attack: {attack_type: [replay]}}
"""


def from_file(text: str, tmp_path: Path, stores: dict[str, FakeStore], **options: object) -> Manifest:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    own = KeptCard(name="MyLab", modalities=["rgb"])
    library = Library(tmp_path / "lib")
    if not library.stores():
        write_store(library, "mylab", stores["mylab"].clip_records[:1])
    (library.store_dir("mylab") / FILE).write_text(own.text())
    name = parse(str(path), names=Names.of(library))
    manifest = assemble(make_plan(name, load_recipe("standard")), stores, Options(**options))  # type: ignore[arg-type]
    manifest.check()
    return manifest


def test_a_file_says_which_clips_train_and_which_are_tested(tmp_path: Path, make: SimpleNamespace) -> None:
    stores = {"mylab": lab(make)}
    manifest = from_file(TEXT, tmp_path, stores, validation="none")
    clips = {part: {row["clip_id"] for row in rows(manifest, part=part)} for part in ("train", "test")}
    assert clips["train"] == {f"{who:02}-{kind}" for who in range(6) for kind in ("bonafide", "print")}
    assert clips["test"] == {f"{who:02}-{kind}" for who in range(6, 10) for kind in ("bonafide", "replay")}
    assert re.fullmatch(r"file:phones@[0-9a-f]{8}", manifest.meta["canonical"])
    assert manifest.meta["file"]["sources"][0]["where"] == {"device": ["phone"], "attack_type": ["print"]}
    assert manifest.meta["notes"] == ["phones to tablets"]
    changed = from_file(TEXT.replace("[print]", "[print, replay]"), tmp_path / "b", stores, validation="none") if (
        (tmp_path / "b").mkdir() is None
    ) else None  # fmt: skip
    assert changed and changed.meta["canonical"] != manifest.meta["canonical"]
    assert parse(manifest.meta["canonical"]).canonical == manifest.meta["canonical"]


def test_a_file_says_what_validates_and_then_nothing_else_does(tmp_path: Path, make: SimpleNamespace) -> None:
    held = "validation: [{dataset: mylab, where: {subject: [p00, p01]}}]"
    manifest = from_file(TEXT + held, tmp_path, {"mylab": lab(make)})
    assert {row["subject"] for row in rows(manifest, part="val")} == {"p00", "p01"}
    assert {row["subject"] for row in rows(manifest, part="train")} == {"p02", "p03", "p04", "p05"}
    lacking = "validation: [{dataset: mylab, where: {subject: [p00]}, attack: {attack_type: [mask-3d]}}]"
    with pytest.raises(UserError, match="part val; expected usable clips of both labels; found none of attack"):
        from_file(TEXT + lacking, tmp_path, {"mylab": lab(make)}, allow_leakage="of one person, on purpose")


def test_a_person_on_both_sides_of_a_file_is_leakage(tmp_path: Path, make: SimpleNamespace) -> None:
    text = TEXT.replace("{without: [phone]}", "[phone]")
    with pytest.raises(UserError, match="leakage: the same clip"):
        from_file(text, tmp_path, {"mylab": lab(make)}, validation="none")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("targets", "tests"), r"tests.*did you mean|targets"),
        (("dataset: mylab\n", "dataset: mylap\n"), r"my.yaml: unknown dataset 'mylap'.*did you mean 'MyLab'"),
        (("[phone],", "phone,"), "where"),
        (("name: phones", "name: a/b"), "name"),
        (("[phone],", "[true],"), "has to stand in quotes"),
        (("{dataset: mylab, where", "{dataset: mylab, splits: [trian], where"), "'train', 'dev' or 'test'"),
        (("where: {device: [phone]", "were: {device: [phone]"), "were"),
        (("  - dataset: mylab\n", "  - dataset: MyLab\n  - dataset: mylab\n"), "sources: MyLab stands there twice"),
        (("name: phones", "validation: [{dataset: casia}]\nname: phones"), "names CASIA-FASD; expected datasets"),
    ],
)  # fmt: skip
def test_a_wrong_file_says_what_is_wrong(
    change: tuple[str, str], words: str, tmp_path: Path, make: SimpleNamespace
) -> None:
    assert change[0] in TEXT
    with pytest.raises(UserError, match=words):
        from_file(TEXT.replace(*change), tmp_path, {"mylab": lab(make)})


def test_numbers_in_a_file_are_the_text_of_a_table(tmp_path: Path, make: SimpleNamespace) -> None:
    store = lab(make, device="7")
    text = TEXT.replace("[phone]", "[7]").replace("without: [7]", "without: [7]")
    assert rows(from_file(text, tmp_path, {"mylab": store}, validation="none"), part="train")


# -- Parameters of a recipe, and where their manifests stand ----------------------------------------------------------


def test_frames_in_place_of_the_recipes_own(stores: dict[str, FakeStore]) -> None:
    recipe = load_recipe("mmdg").used_with(Parameters(frames="first(1)"))
    assert recipe.pools["mm"].sources.frames == "first(1)@decoded" and not recipe.pools["mm"].sources.frames_of
    assert recipe.pools["mm"].target == load_recipe("mmdg").pools["mm"].target
    manifest = build(stores, recipe=load_recipe("hfn_mp").used_with(Parameters("first(2)", "linspace(3)", "none")))
    assert {(row["part"], row["frame_rule"]) for row in rows(manifest)} == {
        ("train", "first(2)@decoded"), ("val", "linspace(3)@decoded"), ("test", "linspace(3)@decoded"),
    }  # fmt: skip
    assert manifest.meta["recipe"]["name"] == "hfn_mp"
    text = "hfn_mp, frames=first(2)@decoded, test-frames=linspace(3)@decoded, val=none"
    assert text in describe(manifest) and recipe.text == "mmdg, frames=first(1)@decoded"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"frames": "frist(2)"}, "did you mean 'first'"),
        ({"test_frames": "first()"}, "1 number"),
        ({"val": "no"}, "auto"),
    ],
)
def test_wrong_parameters_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Parameters(**given)  # type: ignore[arg-type]


def small_library(root: Path, make: SimpleNamespace, stores: dict[str, FakeStore]) -> Library:
    library = Library(root)
    for slug in ("casia-fasd", "msu-mfsd"):
        write_store(library, slug, stores[slug].clip_records)
    write_store(library, "mylab", lab(make).clip_records)
    (library.store_dir("mylab") / FILE).write_text(
        KeptCard(name="MyLab", modalities=["rgb"], protocol={"pool": "mcio", "letter": "L"}).text()  # type: ignore[arg-type]
    )
    return library


def test_manifests_of_different_parameters_stand_side_by_side(
    tmp_path: Path, make: SimpleNamespace, stores: dict[str, FakeStore]
) -> None:
    library = small_library(tmp_path, make, stores)
    plain = build_protocol("mcio:C2M", library=library)
    first = build_protocol("mcio:C2M", library=library, frames="first(1)")
    second = build_protocol("mcio:C2M", library=library, frames="first(1)", validation="none")
    folders = [manifest.path.parent for manifest in (plain, first, second) if manifest.path]
    assert [folder.parent.name for folder in folders] == ["mcio-C2M"] * 3 and folders[0].name == "standard"
    assert all(re.fullmatch(r"standard@[0-9a-f]{8}", folder.name) for folder in folders[1:])
    assert len(set(folders)) == 3
    assert find_built(library, "mcio:C2M", Wanted("standard")) == folders[0]
    assert find_built(library, "mcio:C2M", Wanted("standard", val="none")) is None
    assert find_built(library, "mcio:C2M", Wanted("standard", "first(1)", val="none")) == folders[2]
    assert find_built(library, "mcio:C2M", Wanted(folders[1].name)) == folders[1]
    with pytest.raises(UserError, match=r"built several times.*val=none.*name one: --recipe standard@"):
        find_built(library, "mcio:C2M", Wanted("standard", "first(1)"))
    (folders[0] / "manifest.json").unlink()  # a copy for people, which decides nothing
    assert find_built(library, "mcio:C2M", Wanted("standard", "all")) is None
    assert find_built(library, "mcio:C2M", Wanted("standard")) == folders[0]
    assert Manifest.read(folders[2]).meta["recipe"]["parameters"] == {"frames": "first(1)@decoded", "val": "none"}


def test_a_manifest_of_an_earlier_version_is_found_by_its_validation(
    tmp_path: Path, make: SimpleNamespace, stores: dict[str, FakeStore]
) -> None:
    library = small_library(tmp_path, make, stores)
    built = build_protocol("mcio:C2M", library=library, validation="none")
    assert built.path
    old = library.protocol_dir("mcio:C2M", "standard")
    built.path.parent.rename(old)  # one place for both, and nothing about parameters
    text = (old / "manifest.json").read_text().replace('"parameters": {', '"former": {')
    (old / "manifest.json").write_text(text)
    assert find_built(library, "mcio:C2M", Wanted("standard", val="none")) == old
    assert find_built(library, "mcio:C2M", Wanted("standard", val="auto")) is None
    (old / "manifest.json").unlink()
    assert find_built(library, "mcio:C2M", Wanted("standard")) == old


def test_a_claimed_letter_takes_part_in_every_recipe_of_its_pool(
    tmp_path: Path, make: SimpleNamespace, stores: dict[str, FakeStore]
) -> None:
    library = small_library(tmp_path, make, stores)
    manifest = build_protocol("CM2L", library=library, recipe="hfn_mp", write=False)
    assert manifest.meta["canonical"] == "mcio:CM2L"
    assert [domain["dataset"] for domain in manifest.meta["domains"]] == ["casia-fasd", "msu-mfsd"]
    assert build_protocol("L2M", library=library, write=False, validation="none").meta["domains"][0]["letter"] == "L"
    assert set(frame_rules_for("mylab", parse_claim(library))) == set(frame_rules_for("casia-fasd"))
    assert "L MyLab" in list_text(library) and "own datasets of" in list_text(library)
    assert "MyLab" in show_text("CASIA to MyLab", library=library)
    sides = diff_text("CM2L", "mcio:C2L", library=library, parameters=Parameters("first(1)"))
    assert "first(1)@decoded" in sides and "MyLab (L)" in sides


def parse_claim(library: Library) -> object:
    kept = KeptCard.read(library.store_dir("mylab"))
    assert kept
    return kept.protocol


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no store of mylab"):
        build_protocol("mylab:split", library=Library(tmp_path))
    assert parse_in(Library(tmp_path), "mylab:split").canonical == "mylab:split"
