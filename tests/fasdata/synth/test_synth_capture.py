"""The multi-modal datasets of the world: names and lists of the real ones, and modalities that show one scene."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.synth.layouts.presets import plan_world
from fasdata.synth.presentation.bona_fide import ClipSpec, Presentation
from fasdata.synth.presentation.capture import Capture, render_capture
from fasdata.synth.world import write_world

# Names of the real datasets, restated here rather than taken from the code under test.
NAMES = {
    "CASIA-SURF": (
        r"Training/(?P<cls>real|fake)_part/(?P<subject>CLKJ_[ABC]S\d{4})/(?P<kind>real|0[1-6]_e(?:n(?:m)?)?_[sb])\.rssdk"
        r"/(?P<mod>color|depth|ir)/(?P<frame>\d+)\.jpg|"
        r"(?P<set>Val|Testing)/(?P<block>\d{4})/(?P<sample>\d{6})-(?P<m>color|depth|ir)\.jpg|"
        r"(train|val_private|val_public|test_private|test_public)_list\.txt"
    ),
    "CASIA-SURF-CeFA": (
        r"Ethnicity/(?P<r>AF|CA|EA)/(?P=r)-(?P<n>\d{3})(-\d+)?/(?P<race>[123])_(?P=n)_(1_1_1|3_1_2|3_2_2|3_1_4)"
        r"/(color|depth|ir)/\d{4}\.jpg|"
        r"Mask/(?P<family>3D-Mask|Silicone-Mask)/(?P<sid>\d{3})/[12]_(?P=sid)_[01]_[01]_[12]_[12]_[2-4]"
        r"/(color|depth|ir)/\d{4}\.jpg|"
        r"protocol/CASIA_CeFA@p(1\.1|1\.3|1\.5|2\.1|2\.2|4\.1|4\.3|4\.5)_(image|video)_(train|dev|test)\.txt"
    ),
    "WMCA": (
        r"WMCA_preprocessed_(CDIT|RGB)/WMCA/face-station/\d\d\.\d\d\.\d\d"
        r"/\d{3}_0[1-7]_\d{3}_(?P<type>[0-5])_\d{2,3}\.hdf5|PROTOCOL-grandtest\.csv"
    ),
    "PADISI-Face": (
        r"ID_[0-9a-z]{40}_[0-9a-z]{8}_FACE_[A-Z0-9_]+\.npz|padisi_USC_FACE_ground_truth\.csv|"
        r"padisi_USC_FACE_dataset_partition_3folds_part[012]\.csv"
    ),
}
MODALITIES = ("color", "depth", "ir")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_world(out, preset="mini", datasets=["mm"], seed=3, workers=1)
    return out


def files(folder: Path) -> set[str]:
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return paths - {"synth.json"}


def rows(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_is_one_the_real_dataset_has(made: Path, name: str) -> None:
    paths = files(made / name)
    assert paths
    assert [path for path in sorted(paths) if not re.fullmatch(NAMES[name], path)] == []


def test_datasets_are_named_by_slug_or_group_and_none_means_the_videos() -> None:
    videos = ["casia-fasd", "replay-attack", "oulu-npu", "msu-mfsd"]
    several = ["casia-surf", "casia-surf-cefa", "wmca", "padisi-face"]
    assert [plan.slug for plan in plan_world("mini", [])] == videos
    assert [plan.slug for plan in plan_world("mini", ["mm"])] == several
    assert [plan.slug for plan in plan_world("mini", ["wmca", "rgb"])] == [*videos, "wmca"]
    with pytest.raises(UserError, match="wmca"):
        plan_world("mini", ["wmcaa"])


@pytest.mark.parametrize("slug", ["casia-surf", "casia-surf-cefa", "wmca", "padisi-face"])
def test_plans_repeat_no_clip_and_the_demo_stays_small(slug: str) -> None:
    (plan,) = plan_world("demo", [slug])
    assert len({clip.path for clip in plan.clips}) == len(plan.clips)
    assert len({(clip.spec.subject, clip.spec.name) for clip in plan.clips}) == len(plan.clips)
    assert sum(plan.frames for plan in plan_world("demo", ["mm"])) < 2000


def test_surf_lists_name_every_sample_once_with_its_label(made: Path) -> None:
    folder = made / "CASIA-SURF"
    listed: list[str] = []
    for split, start in (("train", "Training/"), ("val_private", "Val/"), ("test_private", "Testing/")):
        samples = rows(folder / f"{split}_list.txt")
        assert {row[3] for row in samples} == {"0", "1"}
        for row in samples:
            assert [path for path in row[:3] if not path.startswith(start)] == []
            assert len({re.sub("color|depth|ir", "", path.rsplit("_part", 1)[-1]) for path in row[:3]}) == 1
            assert ("real_part" in row[0]) == (row[3] == "1") or split != "train"
        listed += [path for row in samples for path in row[:3]]
        if split != "train":
            assert rows(folder / f"{split.replace('private', 'public')}_list.txt") == [row[:3] for row in samples]
    images = {path for path in files(folder) if path.endswith(".jpg")}
    assert len(listed) == len(set(listed)) and set(listed) == images
    for name in ("Val", "Testing"):
        numbers = sorted({int(path[-16:-10]) for path in images if re.search(rf"^{name}/.*color", path)})
        assert numbers == list(range(len(numbers)))
    assert {path.split("/")[3][:2] for path in images if "fake_part" in path} <= {"04", "05", "06"}


def test_cefa_lists_agree_with_the_folders(made: Path) -> None:
    folder = made / "CASIA-SURF-CeFA"
    clips = {path.rsplit("/", 2)[0] for path in files(folder) if path.endswith(".jpg")}
    limits = {"train": range(200), "dev": range(200, 300), "test": range(300, 500)}
    learned, seen_races = {}, {}
    for path in sorted((folder / "protocol").glob("*_video_*.txt")):
        videos, split = rows(path), path.stem.rsplit("_", 1)[1]
        assert {label for _, label in videos} == {"0", "1"} and {clip for clip, _ in videos} <= clips
        for clip, label in videos:
            assert (label == "1") == clip.endswith("_1_1_1")
            if clip.startswith("Ethnicity"):
                assert int(clip.split("/")[2][3:6]) in limits[split]
            else:
                assert split == "test"
        learned[path.stem] = {clip for clip, _ in videos}
        seen_races[path.stem] = {clip.split("/")[1] for clip, _ in videos if clip.startswith("Ethnicity")}
        images = rows(path.with_name(path.name.replace("video", "image")))
        assert len(images) == 4 * len(videos) and all(
            (folder / member).is_file() for row in images for member in row[:3]
        )
    assert seen_races["CASIA_CeFA@p1.3_video_train"] == {"CA"}
    assert seen_races["CASIA_CeFA@p1.3_video_test"] == {"AF", "EA"}
    numbered = {clip.split("/")[2] for clip in clips if re.match(r"Ethnicity/\w\w/\w\w-\d{3}-\d+/", clip)}
    assert len(numbered) == 1  # a folder as the original ones are named: the number must not get anywhere


def test_wmca_files_and_their_table(made: Path) -> None:
    folder = made / "WMCA"
    stacks = sorted((folder / "WMCA_preprocessed_CDIT").rglob("*.hdf5"))
    recorded = table(folder / "PROTOCOL-grandtest.csv")
    assert sorted(row["filename"].rsplit("/", 1)[1] for row in recorded) == sorted(path.stem for path in stacks)
    for group in ("train", "dev", "eval"):
        assert {row["type_id"] == "0" for row in recorded if row["group"] == group} == {True, False}
    assert len({(row["client_id"], row["group"]) for row in recorded}) == len({row["client_id"] for row in recorded})
    for path in stacks:
        colour = Path(str(path).replace("_CDIT", "_RGB"))
        with h5py.File(path) as stack, h5py.File(colour) as rgb:
            numbers = sorted(int(name.removeprefix("Frame_")) for name in stack)
            assert set(stack) == set(rgb) and len(numbers) == 6
            assert numbers != list(range(numbers[0], numbers[0] + 6)) and numbers[-1] <= 49  # there are gaps
            for name in stack:
                assert stack[name]["array"].shape == (4, 128, 128) and stack[name]["array"].dtype == np.uint8
                assert rgb[name]["array"].shape == (3, 128, 128) and rgb[name]["array"].dtype == np.uint8
                grey = cv2.cvtColor(rgb[name]["array"][()].transpose(1, 2, 0), cv2.COLOR_RGB2GRAY)
                assert np.array_equal(stack[name]["array"][0], grey)


def test_padisi_samples_and_their_tables(made: Path) -> None:
    folder = made / "PADISI-Face"
    truth = {row["trial_id"]: row for row in table(folder / "padisi_USC_FACE_ground_truth.csv")}
    samples = sorted(folder.glob("*.npz"))
    assert sorted(f"{row['identifier']}.npz" for row in truth.values()) == [path.name for path in samples]
    assert all(re.fullmatch(r"m0{5}|m50[1-9]\d\d", row["ground_truth"]) for row in truth.values())
    for fold in range(3):
        parts = {
            row["trial_id"]: row["partition_name"]
            for row in table(folder / f"padisi_USC_FACE_dataset_partition_3folds_part{fold}.csv")
        }
        assert parts.keys() == truth.keys()
        held = {(parts[trial], row["ground_truth"] == "m00000") for trial, row in truth.items()}
        assert held == {(part, label) for part in ("train", "valid", "test") for label in (True, False)}
        assert len({(row["participant_id"], parts[trial]) for trial, row in truth.items()}) == 6
    with np.load(samples[0], allow_pickle=False) as file:
        data = file["data"]
    assert data.shape == (1, 22, 320, 256) and data.dtype == np.float32
    assert data.min() >= 0 and data.max() <= 1 and (data.std((0, 2, 3)) > 0.001).all()


def pictures(made: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield the three pictures of every frame of the two datasets of images."""
    for name in ("CASIA-SURF", "CASIA-SURF-CeFA"):
        for path in sorted(files(made / name)):
            if path.endswith(".jpg") and "color" in path:
                read = {}
                for modality in MODALITIES:
                    member = made / name / path.replace("color", modality)
                    read[modality] = np.asarray(cv2.imread(str(member), cv2.IMREAD_UNCHANGED))
                yield path, read


def test_images_have_sizes_of_their_own_and_one_silhouette(made: Path) -> None:
    sizes = set()
    for path, read in pictures(made):
        colour, depth, infrared = (read[modality] for modality in MODALITIES)
        assert colour.ndim == 3 and depth.ndim == infrared.ndim == 2 and colour.dtype == depth.dtype == np.uint8
        assert depth.shape == infrared.shape and depth.shape[0] < 0.9 * colour.shape[0], path
        sizes.add(colour.shape)
        small = cv2.resize(colour, depth.shape[::-1], interpolation=cv2.INTER_AREA).max(-1)
        faces = [picture > 24 for picture in (small, depth, infrared)]
        for a, b in ((0, 1), (0, 2)):
            overlap = (faces[a] & faces[b]).sum() / (faces[a] | faces[b]).sum()
            assert overlap > 0.8, (path, overlap)
        assert not faces[0][:2, :2].any() and faces[1].mean() > 0.15
    assert len(sizes) > 3


def first(dataset: str, presentation: Presentation, seed: int = 1) -> Capture:
    spec = ClipSpec(dataset, "someone", f"a {presentation}", presentation, 1)
    return next(render_capture(spec, seed))


def relief(shot: Capture) -> float:
    """Return the spread of the face's depth in mm about the plane that fits it best."""
    y, x = np.nonzero(shot.face & (shot.depth > 0))
    z = shot.depth[y, x].astype(float)
    plane = np.column_stack([x, y, np.ones_like(x)])
    return float((z - plane @ np.linalg.lstsq(plane, z, rcond=None)[0]).std())


@pytest.mark.parametrize("dataset", ["casia-surf", "casia-surf-cefa", "wmca", "padisi-face"])
def test_a_flat_print_is_flat_and_a_face_or_a_mask_is_not(dataset: str) -> None:
    flat, screen = first(dataset, "print-flat"), first(dataset, "display-photo")
    assert flat.depth.dtype == np.uint16 and flat.colour.dtype == np.uint8
    assert relief(flat) < 6 and relief(screen) < 6
    for solid in ("bonafide", "mask-rigid", "mannequin"):
        assert relief(first(dataset, solid)) > 7


def test_infrared_and_heat_tell_a_screen_from_skin() -> None:
    live, screen = first("casia-surf", "bonafide"), first("casia-surf", "display-photo")
    assert np.median(live.infrared[live.face]) > np.median(screen.infrared[screen.face])
    assert live.thermal[live.face].mean() > screen.thermal[screen.face].mean() + 0.1


def test_the_same_seed_gives_the_same_arrays_whatever_else_is_made(made: Path, tmp_path: Path) -> None:
    write_world(tmp_path, preset="mini", datasets=["casia-surf"], seed=3, workers=1)
    again = tmp_path / "CASIA-SURF"
    for path in files(again):
        assert (again / path).read_bytes() == (made / "CASIA-SURF" / path).read_bytes(), path
    frame, same, other = (first("wmca", "print-flat", seed) for seed in (1, 1, 2))
    for name in ("colour", "infrared", "thermal", "depth", "face"):
        assert np.array_equal(getattr(frame, name), getattr(same, name))
    assert not np.array_equal(frame.depth, other.depth)
