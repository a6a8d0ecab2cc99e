"""The readers of GAC-FAS and of SA-FAS over an export of CIO-M."""

from __future__ import annotations

import io
import pickle
import pickletools

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.exchange.safas import Info, pickled
from fasdata.exchange.sample import clips_of
from fasdata.store.codec import decode, encode
from tests.fasdata.exchange import readers
from tests.fasdata.exchange.world import RARE, exported

GAC = {"casia-fasd": "casia", "replay-attack": "replay", "oulu-npu": "oulu", "msu-mfsd": "msu"}
POOLED = {"casia-fasd": "CASIA_faceAntisp", "replay-attack": "Replay", "oulu-npu": "OULU-NPU", "msu-mfsd": "MSU-MFSD"}


@pytest.fixture(scope="module")
def out(library, manifests, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gac")
    exported(library, manifests["gac_fas"], "safas", folder, options={"sidecars": "safas"})
    return folder


@pytest.mark.parametrize("dataset", GAC)
def test_gac_fas_finds_every_clip_with_its_label(out, manifests, dataset):
    part = "test" if dataset == "msu-mfsd" else "train"
    videos = readers.gac_fas(out / GAC[dataset], part)
    table = manifests["gac_fas"].frame()
    clips = table[(table["part"] == part) & (table["dataset"] == dataset)].drop_duplicates("clip_id")
    assert len(videos) == len(clips) > 0
    assert sum(video.label for video in videos) == (clips["label"] == "bonafide").sum()


@pytest.mark.parametrize("dataset", POOLED)
def test_sa_fas_finds_the_same_clips_their_device_their_person_and_a_sidecar(out, manifests, dataset):
    part = "test" if dataset == "msu-mfsd" else "train"
    drawn = readers.sa_fas(out / POOLED[dataset], seed=7)
    clips = {(clip.clip_id, clip.is_bonafide): clip for clip in clips_of(manifests["gac_fas"]) if
             (clip.part, clip.dataset) == (part, dataset)}  # fmt: skip
    assert len(drawn) == len(clips)
    assert sum(label for _, label, *_ in drawn) == sum(bonafide for _, bonafide in clips)
    people = {clip.subject.rpartition("-")[2].lstrip("0") for clip in clips.values()}
    assert {person.lstrip("0") for _, _, person, *_ in drawn} == people
    for name, _, _, crop, sidecar in drawn:
        assert sidecar["points"].shape == (5, 2) and sidecar["points"].dtype == np.int64
        x0, y0, x1, y1 = sidecar["box"]
        assert crop.shape[:2] == (y1 - y0, x1 - x0), name


def test_the_crop_is_the_box_in_whole_pixels_and_lies_where_the_sidecar_says(out, library, manifests):
    store = manifests["gac_fas"].open_stores(library)["casia-fasd"]
    name, frame = "train_release__1__hr_1", 5
    folder = next(out.glob("casia/*/live/casia_train_live_1_HR_1"))
    face, crop = store.record(name).frame(frame), store.crop(name, frame)
    x, y = face.crop.region[:2]
    box = np.trunc(face.box).astype(int)
    cut = crop[box[1] - y : box[3] - y, box[0] - x : box[2] - x]
    kept = decode(encode(np.ascontiguousarray(cut), "jpeg:98"))
    assert np.array_equal(readers.read_rgb((folder / "crop_0005.jpg").read_bytes()), kept)
    org = readers.read_rgb((folder / "org_0005.jpg").read_bytes())
    info = np.load(folder / "infov1_0005.npy", allow_pickle=True).item()
    assert org.shape == crop.shape and np.abs(org.astype(int) - crop).mean() < 3
    assert info["box"].tolist() == [box[0] - x, box[1] - y, box[2] - x, box[3] - y]
    assert info["points"].tolist() == [[int(px) - x, int(py) - y] for px, py in face.landmarks]
    assert info["frame_id"] == 5 and info["detect_prob"] == pytest.approx(face.score)


def test_frames_that_are_multiples_of_five_keep_their_number_others_are_counted(out, library, manifests, tmp_path):
    every = next(out.glob("msu/test/*/*client001_android_SD_scene01"))
    assert sorted(path.name for path in every.glob("crop_*")) == ["crop_0000.jpg", "crop_0005.jpg", "crop_0010.jpg"]
    few = next(out.glob(f"msu/test/spoof/*{RARE.replace('_sd_', '_SD_')}"))
    pictures = {path.name: path.read_bytes() for path in few.glob("crop_*")}
    assert sorted(pictures) == ["crop_0000.jpg", "crop_0005.jpg", "crop_0010.jpg"] and len(set(pictures.values())) == 1
    plan = exported(library, manifests["small"], "safas", tmp_path / "s", options={"sidecars": "plain"})
    two = next((tmp_path / "s").glob("casia/test/live/*_1_HR_1"))
    drawn = [path.read_bytes() for path in sorted(two.glob("crop_*"))]
    assert len(drawn) == 4 and drawn[:2] == drawn[2:] and drawn[0] != drawn[1]
    assert any("is repeated" in note for note in plan.notes)


def test_the_plain_sidecar_says_the_same_and_nothing_has_to_be_unpickled(library, manifests, tmp_path):
    exported(library, manifests["small"], "safas", tmp_path / "plain", options={"sidecars": "plain"})
    exported(library, manifests["small"], "safas", tmp_path / "other", options={"sidecars": "safas"})
    written = sorted((tmp_path / "plain").glob("*/*/*/*/infov1_*.npy"))
    assert written
    for path in written:
        record = np.load(path, allow_pickle=False)[()]
        other = np.load(tmp_path / "other" / path.relative_to(tmp_path / "plain"), allow_pickle=True).item()
        assert {key: np.asarray(record[key]).tolist() for key in record.dtype.names} == {
            key: np.asarray(value).tolist() for key, value in other.items()
        }


class ArraysOnly(pickle.Unpickler):
    """Unpickle arrays, under the module name that numpy 1 and numpy 2 both have, and nothing else."""

    def find_class(self, module, name):
        assert (module, name) in {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}
        return super().find_class(module, name)


def array_bytes(data: bytes) -> bytes:
    """Return what follows the header of an npy file of one object."""
    file = io.BytesIO(data)
    assert np.lib.format.read_magic(file) == (1, 0)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    assert (shape, dtype) == ((), np.dtype(object))
    return file.read()


def test_the_pickled_sidecar_holds_every_field_in_plain_arrays_and_numbers():
    points = np.arange(10, dtype=np.int64).reshape(5, 2)
    info = Info(np.array([3, 4, 70, 2**40]), 0.9900000095367432, points, 15)
    record = ArraysOnly(io.BytesIO(array_bytes(pickled(info)))).load()
    assert isinstance(record, np.ndarray) and record.shape == ()
    fields = record.item()
    assert list(fields) == ["box", "detect_prob", "points", "frame_id"]
    for name, value in (("box", info.box), ("points", info.points)):
        assert type(fields[name]) is np.ndarray and fields[name].dtype == np.int64
        assert fields[name].shape == value.shape and np.array_equal(fields[name], value)
    assert (type(fields["detect_prob"]), fields["detect_prob"]) == (float, info.score)
    assert (type(fields["frame_id"]), fields["frame_id"]) == (int, 15)


def test_the_pickled_sidecar_can_build_arrays_and_do_nothing_else(out):
    path = next(out.glob("oulu/train/*/*/infov1_*.npy"))
    operations = [(code.name, argument) for code, argument, _ in pickletools.genops(array_bytes(path.read_bytes()))]
    called = {argument for name, argument in operations if "GLOBAL" in name}
    assert called == {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}
    assert not {name for name, _ in operations} & {"INST", "OBJ", "NEWOBJ", "STACK_GLOBAL", "PERSID", "EXT1"}


def test_validation_clips_are_where_neither_reads(out, manifests):
    held = [clip for clip in clips_of(manifests["gac_fas"]) if clip.part == "val"]
    assert held and len(list(out.glob("*/val/*/*"))) == len(held)
    names = {path.name for path in out.glob("*/preposess/*")}
    assert not names & {path.name for path in out.glob("*/val/*/*")}


def test_a_name_with_the_other_labels_word_is_refused(library, manifests, tmp_path):
    from dataclasses import replace
    from types import SimpleNamespace

    from fasdata.exchange.layout import Context
    from fasdata.exchange.safas import SaFas
    from fasdata.store.codec import Codec

    clip = next(clip for clip in clips_of(manifests["standard"]) if not clip.is_bonafide)
    layout = SaFas(Context(manifests["standard"].meta, Codec.parse("jpeg"), lambda _: SimpleNamespace()))
    with pytest.raises(UserError, match="no 'live' in the name of"):
        layout.units([replace(clip, dataset="own", clip_id="people__oliver__1")])
    with pytest.raises(UserError, match=r"cannot hold png.*expected jpeg:98"):
        exported(library, manifests["standard"], "safas", tmp_path / "png", codec="png")


def test_a_place_whose_path_would_be_taken_for_a_label_is_pointed_out(library, manifests, tmp_path):
    from fasdata.exchange.export import Request, describe_plan, plan_export

    def description(out):
        return describe_plan(
            plan_export(Request("safas", out), manifests["small"], manifests["small"].open_stores(library))
        )

    assert "this path has live in it: move it" in description(tmp_path / "oliver")
    assert "move it" not in description(tmp_path / "out")
