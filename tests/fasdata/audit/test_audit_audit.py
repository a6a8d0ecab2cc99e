"""Every kind of error is planted once, and seen."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fasdata.audit.audit import audit_manifest
from fasdata.audit.findings import contradictions, presenters_across, uneven_losses
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.protocols.build import build_protocol
from fasdata.records import Clip
from fasdata.store import codec
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.writer import StoreWriter
from tests.commands import Called


def picture(name: str) -> np.ndarray:
    """Coarse blobs that a hash can tell apart, decided by the name; with a `~` in it a little brighter."""
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.replace("~", "").encode()).digest()[:8]))
    blobs = np.kron(random.integers(0, 240, (8, 8, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    return blobs + np.uint8(3 * ("~" in name))


def write_store(
    library: Library, slug: str, store, pictures: dict[str, str] | None = None, only: slice = slice(6, 10)
) -> None:
    """Write the records of a fake store with pictures; `pictures` says whose pictures a clip shows."""
    with StoreWriter(library.store_dir(slug), StoreInfo(slug, {"detector": "mtcnn"}, "0")) as writer:
        for record in store.clip_records:
            clip = record.clip
            frames = tuple(frame for frame in record.frames if frame.index in (6, 7, 8, 9, 16, 26))
            shows = (pictures or {}).get(clip.clip_id, f"{slug}/{clip.clip_id}")
            crops = {
                crop_key(clip.clip_id, frame.index, modality): codec.encode(picture(f"{shows} {frame.index}"))
                for frame in frames
                if frame.crop
                for modality in frame.crop.modalities
            }
            writer.add(replace(record, frames=frames), crops)


def audited(library: Library, stores, name: str = "C2M", **options):
    manifest = build_protocol(name, library=library, **options)
    return audit_manifest(Manifest.read(manifest.path), library)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def both(library, stores, pictures=None) -> None:
    for slug in ("casia-fasd", "msu-mfsd"):
        write_store(library, slug, stores[slug], pictures)


def test_nothing_is_found_where_nothing_is_wrong(library, stores):
    both(library, stores)
    report = audited(library, stores)
    assert report.findings == () and "nothing found" in report.text()
    assert report.clips == 30 + 21


def test_leakage_that_was_let_through_is_found_again(library, stores):
    copied, original = (stores[slug].clip_records[0].clip.clip_id for slug in ("msu-mfsd", "casia-fasd"))
    both(library, stores, {copied: f"casia-fasd/{original}"})
    with pytest.raises(UserError, match="the same content is in two parts"):
        audited(library, stores)
    report = audited(library, stores, allow_leakage="a test")
    assert [finding.kind for finding in report.stops] == ["leakage"]
    assert "the same content in two parts" in report.stops[0].line() and original in report.stops[0].line()
    # The same pictures are near-duplicates too.
    assert [finding.number for finding in report.findings if finding.kind == "near-duplicates"] == [1]
    path = library.protocol_dir("mcio:C2M", "standard")
    done = Called("fasdata", "audit", path, "--data", library.root, "--no-near")
    assert done.code == 3 and "stop" in done.out and "near-duplicates" not in done.out


def test_pictures_that_are_almost_the_same_are_found_from_the_crops(library, stores):
    copied, original = (stores[slug].clip_records[3].clip.clip_id for slug in ("msu-mfsd", "casia-fasd"))
    both(library, stores, {copied: f"casia-fasd/{original}~"})
    [near] = audited(library, stores).findings
    assert (near.kind, near.severity, near.number) == ("near-duplicates", "warning", 1)
    assert copied in near.line() and original in near.line()


def test_a_hash_of_the_extraction_is_believed(library, stores):
    for slug, place in (("casia-fasd", 5), ("msu-mfsd", 7)):
        record = stores[slug].clip_records[place]
        frames = tuple(replace(frame, phash=f"{frame.index * 0x0123456789ABCDF:016x}") for frame in record.frames)
        stores[slug].change(place, frames=frames)
    both(library, stores)
    findings = audited(library, stores).findings
    assert [(finding.kind, finding.number) for finding in findings] == [("near-duplicates", 1)]


def test_dark_and_even_pictures_say_nothing(library, stores):
    for slug in ("casia-fasd", "msu-mfsd"):
        for place in (3, 4):
            record = stores[slug].clip_records[place]
            marked = {"dark": True, "phash": "00000000000000f0"} if place == 3 else {"phash": "0" * 16}
            stores[slug].change(place, frames=tuple(replace(frame, **marked) for frame in record.frames))
    both(library, stores)
    assert audited(library, stores).findings == ()


def test_missing_modalities_are_counted_with_their_reason(library, mm_stores, make):
    mm_stores["wmca"] = make.mm_dataset("wmca", modalities=("rgb", "depth"))
    for slug in ("casia-surf", "wmca"):
        write_store(library, slug, mm_stores[slug])
    lines = [
        finding.line()
        for finding in audited(library, mm_stores, "S2W@miss-D").findings
        if finding.kind == "missing modality"
    ]
    assert lines == ["missing modality: 18 frames of wmca in test: depth:masked,ir:absent"]


def test_losses_that_differ_between_labels(library, stores, make):
    for place in (0, 3):
        lost = make.record(stores["msu-mfsd"].clip_records[place].clip, dict.fromkeys(range(20), "skip"))
        stores["msu-mfsd"].change(place, frames=lost.frames, status=lost.status, reason=lost.reason)
    both(library, stores)
    [finding] = audited(library, stores).findings
    assert finding.line() == (
        "uneven losses: 2 clips of msu-mfsd in test without a usable frame: 2 of 7 bonafide and 0 of 14 attack"
    )
    even = {
        ("test", "x"): {"bonafide": (1, 20), "attack": (1, 20)},
        ("val", "x"): {"bonafide": (0, 0), "attack": (1, 1)},
    }
    assert uneven_losses(even) == []


@pytest.mark.parametrize(
    ("label", "attack_type", "pai", "message"),
    [
        ("bonafide", "print", "", "bona fide with the attack type print"),
        ("attack", "bonafide", "", "attack with the attack type bonafide"),
        ("attack", "print", "display-video", "species display-video with the attack type print"),
        ("attack", "mask-3d", "papercraft", "species papercraft with the attack type mask-3d"),
        ("attack", "print", "3d-print", "species 3d-print with the attack type print"),
        ("attack", "replay", "display-1", ""),
        ("attack", "unknown", "rigid", ""),
        ("bonafide", "bonafide", "bf-glasses-retro", ""),
        ("attack", "mask-3d", "3d-print", ""),
        ("attack", "partial", "paper-glasses", ""),
        ("attack", "mask-paper", "paper-cut-upper", ""),
    ],
)
def test_labels_types_and_species_that_cannot_be_true_together(label, attack_type, pai, message):
    findings = contradictions([Clip("wmca", "x", {}, label=label, attack_type=attack_type, pai=pai)])
    assert [finding.what for finding in findings] == ([f"clips: {message}"] if message else [])


def test_one_recording_with_two_labels(library, stores):
    real, fake = (
        next(record.clip.clip_id for record in stores["msu-mfsd"].clip_records if record.clip.label == label)
        for label in ("bonafide", "attack")
    )
    both(library, stores, {fake: f"msu-mfsd/{real}"})
    findings = audited(library, stores).findings
    assert [(finding.kind, finding.number, finding.what) for finding in findings] == [
        ("label contradiction", 1, "recordings bona fide and attack")
    ]


def test_presenters_are_watched():
    def clip(subject: str, presenter: str, label: str = "attack") -> Clip:
        return Clip("wmca", subject + presenter, {}, label=label, subject=subject, fields={"presenter": presenter})

    clips = [
        clip("500", "035"),
        clip("036", "000", "bonafide"),
        clip("501", "036"),
        clip("035", "000", "bonafide"),
        clip("502", "040"),
    ]
    parts = ["train", "train", "train", "test", "train"]
    [finding] = presenters_across(clips, parts)
    assert finding.number == 1 and "wmca/035 in test and train" in finding.line()
    assert presenters_across(clips[1:3], ["train", "train"]) == []
