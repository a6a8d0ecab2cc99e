"""The verbs about protocols and audits, as typed."""

from __future__ import annotations

import pytest

from fasdata.library import Library
from fasdata.protocols.build import build_protocol
from tests.commands import Called
from tests.fasdata.protocols import trees
from tests.fasdata.protocols.building import write_store


@pytest.fixture
def library(stores, tmp_path) -> Library:
    library = Library(tmp_path / "lib")
    for slug in ("casia-fasd", "msu-mfsd"):
        write_store(library, slug, stores[slug].clip_records)
    return library


def test_counts_from_raw_datasets_without_a_store(tmp_path):
    root = trees.write(tmp_path / "raw", trees.oulu_npu())
    done = Called("fasdata", "build-protocol", "oulu:P4.2", "--from-scan", f"OULU-NPU={root}")
    assert done.code == 0 and done.out.splitlines()[0] == "oulu:P4.2"
    rows = [line.split() for line in done.out.splitlines() if line.strip().startswith("test ")]
    assert [(row[2], row[3]) for row in rows] == [("bonafide", "20"), ("attack", "40")]
    assert (
        "add --from-scan msu-mfsd=ROOT"
        in Called("fasdata", "build-protocol", "O2M", "--from-scan", f"oulu={root}").line
    )
    assert "DATASET=ROOT" in Called("fasdata", "build-protocol", "oulu:P1", "--from-scan", "oulu").line
    assert "twice" in Called(
        "fasdata", "build-protocol", "oulu:P1", "--from-scan", f"oulu={root}", "--from-scan", f"OULU-NPU={root}"
    ).line  # fmt: skip
    needed = Called("fasdata", "build-protocol", "CIO-M", "--recipe", "flip", "--from-scan", f"oulu={root}").line
    assert "FLIP's shot lists of msu" in needed and "celeb_real_train.txt" in needed and "--lists" in needed


def test_a_partial_dataset_is_told_and_strict_refuses_it(tmp_path):
    paths = (path for path in trees.msu_mfsd() if "client055" not in path)
    scan = ("--from-scan", f"MSU={trees.write(tmp_path / 'm', paths)}", "--from-scan",
            f"CASIA={trees.write(tmp_path / 'c', trees.casia_fasd())}")  # fmt: skip
    done = Called("fasdata", "build-protocol", "C2M", *scan)
    assert "counts differ from those of the full datasets" in done.out and done.code == 0
    refused = Called("fasdata", "build-protocol", "C2M", "--strict", *scan)
    assert "msu-mfsd (target) bonafide 68 instead of 70" in refused.line


def test_check_reads_everything_again(library):
    path = build_protocol("C2M", library=library).path
    done = Called("fasdata", "protocol", "check", path, "--data", library.root)
    assert done.code == 0 and done.out.splitlines()[0] == "mcio:C2M  (given as C2M)"
    assert "checked: columns, keys, parts, fingerprint, stores" in done.out
    assert "no store of" in Called("fasdata", "protocol", "check", path, "--data", library.root / "other").line
    assert "no manifest at" in Called("fasdata", "protocol", "check", library.root).line


def test_show_and_diff_take_names_with_a_recipe():
    assert "recipe      gac_fas" in Called("fasdata", "protocol", "show", "CIO-M/gac_fas").out
    assert "do not compare" in Called("fasdata", "protocol", "diff", "CIO-M/hfn_mp", "CIO-M/gac_fas").out
    assert "ambiguous" in Called("fasdata", "protocol", "diff", "C2C", "CIO-M").line
    assert "mcio:CIO2M" in Called("fasdata", "protocol", "list").out


@pytest.mark.parametrize(
    "verb", [("build-protocol",), ("audit",), ("lists", "import"), ("protocol", "diff"), ("protocol", "check")]
)
def test_every_verb_has_an_example(verb):
    assert "Example: fasdata" in Called("fasdata", *verb, "--help").out


def test_a_dry_build_shows_the_manifest_and_writes_nothing(library):
    held = sorted(library.root.rglob("*"))
    dry = Called("fasdata", "build-protocol", "C2M", "--data", library.root, "--dry-run")
    assert dry.code == 0 and sorted(library.root.rglob("*")) == held
    built = Called("fasdata", "build-protocol", "C2M", "--data", library.root)
    without_path = [line for line in built.out.splitlines() if not line.startswith("manifest ")]
    assert [line for line in dry.out.splitlines() if not line.startswith("manifest ")] == without_path
    assert "manifest    not written" in dry.out
    assert (library.protocol_dir("mcio:C2M", "standard") / "manifest.parquet").is_file()
