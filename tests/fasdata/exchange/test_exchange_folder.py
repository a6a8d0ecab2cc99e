"""Exports that are broken off, damaged, repeated, or meant for a folder that is somebody else's."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil

import pytest

from fasdata.errors import UserError
from fasdata.exchange.export import Request, plan_export, run_export
from fasdata.exchange.folder import ExportFolder
from fasdata.exchange.safas import SaFas
from fasdata.exchange.sample import clips_of
from tests.commands import Called
from tests.fasdata.exchange.world import exported, tree

LAYOUTS = ("metapattern", "safas", "flip", "webdataset")


@pytest.fixture(scope="module")
def manifest(manifests):
    """The small one."""
    return manifests["small"]


@pytest.fixture(scope="module")
def whole(library, manifest, tmp_path_factory):
    """Undisturbed exports by layout."""
    folder = tmp_path_factory.mktemp("whole")
    for name in LAYOUTS:
        exported(library, manifest, name, folder / name)
    return folder


def _plan(library, manifest, layout, out):
    return plan_export(Request(layout, out), manifest, manifest.open_stores(library))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_export_has_the_same_bytes_and_says_what_it_is(library, manifest, whole, tmp_path, layout):
    plan = exported(library, manifest, layout, tmp_path / "again")
    assert tree(tmp_path / "again") == tree(whole / layout)
    about = json.loads((whole / layout / "export.json").read_text())
    assert about["finished"] and about["labels"] and about["codec"] and about["tool_version"]
    assert about["manifest_fingerprint"] == manifest.fingerprint
    assert (about["layout"], about["view"]) == (layout, plan.pictures.view)
    clips = clips_of(manifest)
    assert sum(count["clips"] for count in about["counts"]) == len(clips)
    assert sum(count["frames"] for count in about["counts"]) == sum(len(clip.frames) for clip in clips)


def test_an_export_of_another_geometry_of_its_view_is_not_continued(library, manifest, tmp_path):
    out = tmp_path / "out"
    exported(library, manifest, "metapattern", out)
    about = json.loads((out / "export.json").read_text())
    assert about["view"].startswith("mxnet-256") and about.pop("geometry") == 2
    (out / "export.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match="holds another export; expected geometry 2; found geometry null"):
        exported(library, manifest, "metapattern", out)


def test_every_file_is_in_the_table_with_its_hash_and_every_frame_in_the_other(manifest, whole):
    with (whole / "safas/files.csv").open(newline="") as file:
        sums = {row["path"]: row["sha256"] for row in csv.DictReader(file)}
    own = {"export.json", "files.csv", "samples.csv"}
    files = {str(path.relative_to(whole / "safas")) for path in (whole / "safas").rglob("*") if path.is_file()}
    assert set(sums) == {path for path in files if "/preposess/" not in path} - own
    for path, value in list(sums.items())[::17]:
        assert hashlib.sha256((whole / "safas" / path).read_bytes()).hexdigest() == value
    with (whole / "safas/samples.csv").open(newline="") as file:
        named = {row["sample_id"] for row in csv.DictReader(file)}
    assert named == {frame.sample_id for clip in clips_of(manifest) for frame in clip.frames}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_run_writes_what_is_missing_or_wrong_and_nothing_else(library, manifest, whole, tmp_path, layout):
    out = tmp_path / "out"
    shutil.copytree(whole / layout, out, symlinks=True)
    plan = _plan(library, manifest, layout, out)
    report = run_export(plan, workers=2)
    assert (report.written, report.kept) == (0, len(plan.units))
    gone, cut = plan.units[0].files[0], plan.units[-1].files[0]
    (out / gone).unlink()
    (out / cut).write_bytes((out / cut).read_bytes()[:-9])
    report = run_export(_plan(library, manifest, layout, out), workers=2)
    assert (report.written, report.kept) == (2, len(plan.units) - 2)
    assert tree(out) == tree(whole / layout)


@pytest.mark.parametrize("after", [0, 1, 9])
def test_a_run_that_is_broken_off_is_continued(library, manifest, whole, tmp_path, monkeypatch, after):
    out, written = tmp_path / "out", []
    original = SaFas.write

    def failing(self, unit, pictures, stage):
        original(self, unit, pictures, stage)
        written.append(unit.name)
        if len(written) > after:
            raise KeyboardInterrupt  # with the files of this clip staged

    with monkeypatch.context() as patched:
        patched.setattr(SaFas, "write", failing)
        with pytest.raises(KeyboardInterrupt):
            run_export(_plan(library, manifest, "safas", out), workers=1)
    assert json.loads((out / "export.json").read_text())["finished"] is False
    assert not (out / ".partial").exists()
    report = run_export(_plan(library, manifest, "safas", out), workers=1)
    assert report.kept == after
    assert tree(out) == tree(whole / "safas")


def test_a_process_killed_in_the_middle_leaves_nothing_half_written(library, manifest, whole, tmp_path):
    """The same as a power cut: what was staged and the cut-off line of the progress file stay behind."""
    out = tmp_path / "out"
    shutil.copytree(whole / "flip", out, symlinks=True)
    about = json.loads((out / "export.json").read_text())
    about["finished"] = False
    (out / "export.json").write_text(json.dumps(about))
    rows = list(csv.DictReader((out / "files.csv").open(newline="")))
    pictures = [row for row in rows if row["path"].endswith(".png")]
    half = "".join(f"{row['sha256']} {row['path']}\n" for row in pictures[: len(pictures) // 2])
    (out / ".progress").write_text(half + pictures[-1]["sha256"] + " MCIO/frame/ms")
    (out / "files.csv").unlink()
    (out / ".partial/3").mkdir(parents=True)
    (out / ".partial/3/half.png").write_bytes(b"\x89PNG")
    (out / pictures[0]["path"]).write_bytes(b"")
    report = run_export(_plan(library, manifest, "flip", out))
    assert report.written and report.kept
    assert tree(out) == tree(whole / "flip")


def test_an_export_that_was_killed_at_its_first_file_is_begun_again(library, manifest, whole, tmp_path):
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial/holder").touch()
    (tmp_path / ".export.json.99.tmp").touch()
    run_export(_plan(library, manifest, "flip", tmp_path))
    assert tree(tmp_path) == tree(whole / "flip")


def test_a_folder_of_somebody_else_is_left_alone(library, manifest, tmp_path):
    (tmp_path / "thesis.tex").write_text("chapter")
    with pytest.raises(UserError, match=r"is not empty and holds no export.*thesis.tex.*another --out"):
        _plan(library, manifest, "flip", tmp_path)
    with pytest.raises(UserError, match="is a file"):
        _plan(library, manifest, "flip", tmp_path / "thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_export_of_something_else_is_not_continued(library, manifest, manifests, whole):
    before = tree(whole / "flip")
    with pytest.raises(UserError, match=r"holds another export; expected .*recipe gac_fas.*found .*recipe standard"):
        _plan(library, manifests["gac_fas"], "flip", whole / "flip")
    with pytest.raises(UserError, match="holds another export; expected layout webdataset"):
        _plan(library, manifest, "webdataset", whole / "flip")
    assert tree(whole / "flip") == before


def test_two_processes_do_not_write_one_export(tmp_path):
    with (
        ExportFolder(tmp_path / "out", {"layout": "flip"}),
        pytest.raises(UserError, match="another process is exporting"),
    ):
        ExportFolder(tmp_path / "out", {"layout": "flip"})


def test_an_export_that_cannot_be_continued_is_not_claimed(tmp_path):
    with ExportFolder(tmp_path / "out", {"a": 1}):
        pass
    (tmp_path / "out/files.csv").write_text('path,sha256\n"open,1\n')
    for _ in range(2):
        with pytest.raises(UserError, match=r"files\.csv is not a CSV file"):
            ExportFolder(tmp_path / "out", {"a": 1})


def test_a_link_that_leads_out_of_the_export_is_not_followed(library, manifest, whole, tmp_path):
    out, outside = tmp_path / "out", tmp_path / "outside"
    shutil.copytree(whole / "flip", out, symlinks=True)
    outside.mkdir()
    shutil.rmtree(out / "MCIO/frame/msu")
    (out / "MCIO/frame/msu").symlink_to(outside)
    with pytest.raises(UserError, match="leads out of the export"):
        run_export(_plan(library, manifest, "flip", out))
    assert not list(outside.iterdir())


def test_the_command_says_what_it_would_do_and_then_does_it(library, tmp_path):
    options = ("export", "--as", "flip", "--protocol", "C2M", "--data", library.root, "--out", tmp_path / "out")
    dry = Called("fasdata", *options, "--dry-run")
    assert dry.code == 0 and "photo_label 1 is bona fide" in dry.out and "msu-mfsd" in dry.out
    assert not (tmp_path / "out").exists() and not (library.root / "protocols/mcio-C2M").exists()
    done = Called("fasdata", *options, "-j", 2)
    assert done.code == 0 and "wrote" in done.out and (tmp_path / "out/MCIO/txt/msu_real_test.txt").is_file()
    again = Called("fasdata", *options)
    assert "wrote 0 of" in again.out and "were there already" in again.out
    assert "did you mean 'flip'" in Called("fasdata", "export", "--as", "flipp", *options[3:]).line
    assert "unknown recipe" in Called("fasdata", *options, "--recipe", "nonsense").line
    assert "only with --as safas" in Called("fasdata", *options, "--sidecars", "plain").line
