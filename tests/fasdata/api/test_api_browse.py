"""A library looked at from Python: what is there, what is said where something is not, and what is claimed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fasdata
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.store.reader import Store
from tests.fastrain.modalities import depth_of, write_multimodal
from tests.fastrain.world import SIDE, write_library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Four small stores; not to be changed."""
    return write_library(tmp_path_factory.mktemp("browsed"))


def test_from_library_to_frame(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASDATA_DATA", str(library.root))
    with fasdata.open() as opened:
        assert [dataset.name for dataset in opened] == library.stores() and len(opened) == 4
        dataset = opened["OULU-NPU"]  # as its card spells it
        assert dataset is opened["oulu-npu"] and "research" in dataset.licence
        assert [clip.clip_id for clip in dataset] == dataset.clip_ids
        clip = dataset["s2__bonafide"]
        assert (clip.label, clip.attack_type, clip.subject, clip.split) == ("bonafide", "bonafide", "s2", "")
        (first, second) = clip
        assert (first.index, second.index, second.time) == (3, 9, 9 / 25)
        assert first is clip.frame(3)
        stored = Store.open(library.store_dir("oulu-npu"))
        np.testing.assert_array_equal(first.image, stored.crop("s2__bonafide", 3))
        assert first.face == fasdata.StoredFrame(clip, first.record).face
        assert first.face is not None and first.face.score == 0.99 and len(first.face.landmarks) == 5
        assert first.quality["eye_distance"] == 16.0 and first.quality["sharpness"] > 0
        assert repr(first) == "<frame oulu-npu/s2__bonafide/3: ok, rgb>"


def test_tables_and_selections_agree_with_the_clips(library: Library) -> None:
    with fasdata.open(library.root) as opened:
        dataset = opened["msu-mfsd"]
        clips, frames = dataset.clip_table(), dataset.frame_table()
        assert sorted(clips["clip_id"]) == sorted(dataset.clip_ids) and len(frames) == 2 * len(dataset)
        chosen = dataset.select(label="attack", attack_type="print", status="ok")
        assert [clip.clip_id for clip in chosen] == [f"s{person}__attack" for person in range(5)]
        assert len(dataset.select()) == 10 and dataset.select(subject="nobody") == []
        measured = frames.set_index(["clip_id", "frame_index"])["sharpness"]
        for frame in dataset["s0__attack"]:
            assert frame.quality["sharpness"] == measured["s0__attack", frame.index]


def test_a_view_may_be_text_or_a_view_or_code(library: Library, tmp_path: Path) -> None:
    code = tmp_path / "mine.py"
    code.write_text("CLOSE = 'box(size=20)'\n")
    with fasdata.open(library.root) as opened:
        frame = opened["msu-mfsd"]["s0__attack"].frames[0]
        shown = frame.view("box(size=20)")
        assert shown.shape == (20, 20, 3) and shown.dtype == np.uint8
        np.testing.assert_array_equal(frame.view(View("box", 20)), shown)
        np.testing.assert_array_equal(frame.view(f"{code}:CLOSE"), shown)
        assert frame.view().shape == (256, 256, 3)


def test_other_modalities_keep_their_bits(tmp_path: Path) -> None:
    several = write_multimodal(tmp_path)
    with fasdata.open(several.root) as opened:
        frame = opened["casia-fasd"]["s0__attack"].frames[0]
        assert frame.modalities == ("rgb", "depth", "ir")
        np.testing.assert_array_equal(frame.crop("depth"), depth_of("s0__attack", 3))
        assert frame.view("box(size=24)", "depth").dtype == np.uint16
        with pytest.raises(fasdata.UserError, match=r"unknown modality of casia-fasd/s2__attack/3 'ir'"):
            opened["casia-fasd"]["s2__attack"].frames[0].crop("ir")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda opened: opened["CASIA-FSAD"], "unknown dataset 'CASIA-FSAD'; .* did you mean 'casia-fasd'"),
        (lambda opened: opened["WMCA"], "no store of wmca in the library .*; run 'fasdata extract wmca"),
        (lambda opened: opened["../elsewhere"], "unknown dataset"),
        (lambda opened: opened["oulu-npu"]["s0__attak"], "unknown clip of oulu-npu .* did you mean 's0__attack'"),
        (lambda opened: opened["oulu-npu"]["s0__attack"].frame(4), "frame 4 of oulu-npu/s0__attack .* 3, 9"),
        (lambda opened: opened["oulu-npu"].select(colour="red"), "unknown value to select clips by 'colour'"),
        (lambda opened: opened["oulu-npu"]["s0__attack"].frames[0].view("boxx"), "unknown view 'boxx'"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_in_a_line(library: Library, ask, words: str) -> None:
    with fasdata.open(library.root) as opened, pytest.raises(fasdata.UserError, match=words) as raised:
        ask(opened)
    assert "\n" not in str(raised.value)
    assert "WMCA" not in opened and "../elsewhere" not in opened and 3 not in opened and "OULU-NPU" in opened


def test_no_library_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(fasdata.UserError, match="does not exist; run 'fasdata extract' or 'fasdata synth'"):
        fasdata.open(tmp_path / "nowhere")
    with pytest.raises(fasdata.UserError, match="holds no extracted dataset"):
        fasdata.open(tmp_path)


def test_a_dataset_that_is_looked_at_is_in_use_until_it_is_closed(library: Library) -> None:
    opened = fasdata.open(library.root)
    assert len(opened["msu-mfsd"]["s0__attack"]) == 2
    with library.emptying("oulu-npu"):  # nobody looks at that one
        pass
    with pytest.raises(fasdata.UserError, match=r"msu-mfsd in .* is in use"):
        library.emptying("msu-mfsd")
    opened.close()
    with library.emptying("msu-mfsd"), pytest.raises(fasdata.UserError, match="a person is being removed"):
        opened["msu-mfsd"]
    opened.close()
    assert opened["msu-mfsd"]["s0__attack"].frames[0].image.shape[0] == SIDE
    opened.close()
