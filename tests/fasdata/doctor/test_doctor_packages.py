"""Judging packages, OpenCV, onnxruntime, video decoders and weights."""

import hashlib
from importlib import metadata

import pytest

from fasdata.doctor.machine import cuda, runtime_check
from fasdata.doctor.packages import (
    CODECS,
    decoders,
    import_failure,
    installed,
    opencv,
    packages,
    requirements,
    torch_pair,
    video,
)
from fasdata.doctor.weights import bundled, packs, pretrained
from fasdata.faces.detectors import DETECTORS
from fasdata.faces.model_file import INSIGHTFACE_PACKS
from fasdata.foreign.hub_names import hub_folder

CPU = ("CPUExecutionProvider",)
CUDA = ("CUDAExecutionProvider", "CPUExecutionProvider")


def test_every_declared_package_is_judged_by_its_version():
    declared = [
        "numpy>=2",
        "lmdb>=2.1.1",
        "facenet-pytorch==2.5.3",
        "h5py>=3.11",
        "opencv-python>=4.10",
        "ray>=2; extra == 'ray'",
    ]
    have = {"numpy": "1.26.4", "lmdb": "3.0.0", "facenet-pytorch": "2.6.0"}
    checks = {check.name: check for check in requirements(declared, have)}
    assert {name: check.state for name, check in checks.items()} == {
        "numpy": "problem", "lmdb": "ok", "facenet-pytorch": "problem", "h5py": "problem",
    }  # fmt: skip
    assert checks["numpy"].found == "1.26.4, but >=2 is needed"
    assert checks["h5py"].do == "pip install 'h5py>=3.11'"


def test_torchvision_must_be_of_the_torch_that_is_there():
    assert torch_pair(["torch==2.12.1", "numpy"], {"torch": "2.12.1+cu130"}) == []
    (check,) = torch_pair(["torch==2.12.1"], {"torch": "2.9.0"})
    assert (check.name, check.state) == ("torchvision", "problem")


def test_this_installation_has_what_it_declares():
    checks = {check.name: check for check in packages(installed())}
    assert checks["lmdb"].found == metadata.version("lmdb")
    assert {check.state for check in checks.values()} == {"ok"}


@pytest.mark.parametrize(
    ("have", "failure", "state", "words"),
    [
        ({"opencv-python": "5.0"}, "", "ok", "opencv-python 5.0"),
        ({"opencv-python-headless": "5.0"}, "", "ok", "headless"),
        ({"opencv-python": "5.0", "opencv-python-headless": "5.0"}, "", "problem", "overwrite each other"),
        ({"opencv-python": "5.0", "opencv-contrib-python": "4.9"}, "", "problem", "overwrite each other"),
        ({}, "no such module", "problem", "missing"),
        ({}, "", "ok", "not from pip"),
        ({"opencv-python": "5.0"}, "libGL.so.1: cannot open shared object file", "problem", "cannot be loaded"),
        ({"opencv-python": "5.0"}, "undefined symbol", "problem", "undefined symbol"),
    ],
)
def test_opencv(have, failure, state, words):
    check = opencv(have, failure)
    assert check.state == state
    assert words in check.found
    assert bool(check.do) == (state == "problem")


def test_without_libgl_the_headless_build_is_advised():
    check = opencv({"opencv-python": "5.0"}, "libGL.so.1: cannot open shared object file")
    assert check.do.startswith("pip uninstall -y opencv-python, then pip install opencv-python-headless")


@pytest.mark.parametrize(
    ("have", "failure", "providers", "driver", "state", "words"),
    [
        ({}, "", (), False, "ok", "not installed"),
        ({"insightface": "1"}, "", (), False, "problem", "insightface needs it"),
        ({"onnxruntime": "1.3"}, "", CPU, False, "ok", "providers: CPUExecutionProvider"),
        ({"onnxruntime": "1.3"}, "", CPU, True, "note", "runs on the processor"),
        ({"onnxruntime-gpu": "1.3"}, "", CUDA, True, "ok", "CUDAExecutionProvider"),
        ({"onnxruntime-gpu": "1.3"}, "", CUDA, False, "note", "no NVIDIA driver"),
        ({"onnxruntime-gpu": "1.3"}, "", CPU, True, "problem", "no CUDA"),
        ({"onnxruntime-gpu": "1.3"}, "bad file", (), True, "problem", "bad file"),
        ({"onnxruntime": "1.3", "onnxruntime-gpu": "1.3"}, "", (), True, "problem", "overwrite each other"),
    ],
)
def test_onnxruntime(have, failure, providers, driver, state, words):
    builds = [name for name in have if name.startswith("onnxruntime")]
    check = runtime_check(have, builds, failure, providers, driver)
    assert check.state == state
    assert words in check.found


def test_without_a_driver_torch_is_not_asked(monkeypatch):
    monkeypatch.setattr("fasdata.doctor.machine.import_failure", lambda module: pytest.fail("torch was loaded"))
    (check,) = cuda(driver=False)
    assert check.state == "ok"


def test_a_driver_without_a_usable_device_is_a_problem():
    import torch

    if torch.cuda.is_available():
        assert cuda(driver=True)[0].name == "cuda:0"
    else:
        (check,) = cuda(driver=True)
        assert (check.state, check.name) == ("problem", "cuda")


def test_decoders_that_lack_are_named():
    check = decoders({"h264", "mpeg4", "mjpeg", "msmpeg4", "wmv2"}, "PyAV 1")
    assert (check.state, check.found) == ("problem", "PyAV 1: cannot decode hevc")
    assert decoders(set(CODECS), "PyAV 1").state == "ok"
    assert video().state == "ok"


def test_a_module_that_cannot_be_loaded_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    assert import_failure("broken_module") == "libGL.so.1: cannot open shared object file"
    assert import_failure("not_there_at_all") == "no such module"
    assert import_failure("json") == ""


def test_mtcnn_weights_are_the_known_ones_and_changed_ones_are_told(tmp_path):
    weights = DETECTORS["mtcnn"].bundled
    assert weights is not None
    here = weights.folder()
    check = bundled("mtcnn", weights, here)
    assert check.state == "ok"
    assert weights.fingerprint() in check.found
    for name in weights.files:
        (tmp_path / name).write_bytes((here / name).read_bytes())
    (tmp_path / "rnet.pt").write_bytes(b"other")
    changed = bundled("mtcnn", weights, tmp_path)
    assert (changed.state, changed.found.split(" in ")[0]) == ("problem", "rnet.pt")
    (tmp_path / "onet.pt").unlink()
    assert "onet.pt missing" in bundled("mtcnn", weights, tmp_path).found
    assert bundled("mtcnn", weights, None).state == "problem"


def test_packs_are_listed_with_the_detectors_hash_and_the_licence(tmp_path):
    assert "none in" in packs("retinaface", INSIGHTFACE_PACKS, tmp_path / "none")[0].found
    folder = tmp_path / INSIGHTFACE_PACKS.folder
    (folder / "buffalo_l").mkdir(parents=True)
    (folder / "buffalo_l" / "det_10g.onnx").write_bytes(b"net")
    (folder / "buffalo_l" / "w600k_r50.onnx").write_bytes(b"recognition")
    (folder / "antelopev2" / "antelopev2").mkdir(parents=True)
    (folder / "antelopev2" / "antelopev2" / "scrfd_10g_bnkps.onnx").write_bytes(b"two")
    checks = packs("retinaface", INSIGHTFACE_PACKS, tmp_path)
    assert [(check.name, check.state) for check in checks] == [("antelopev2", "note"), ("buffalo_l", "note")]
    assert checks[1].found == f"det_10g.onnx sha256 {hashlib.sha256(b'net').hexdigest()}"
    assert hashlib.sha256(b"two").hexdigest() in checks[0].found
    assert all("non-commercial" in check.do for check in checks)


def test_the_hubs_cache_is_found_as_the_hub_finds_it(tmp_path):
    assert hub_folder({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}).as_posix() == "/a"
    assert hub_folder({"HF_HOME": "/b"}).as_posix() == "/b/hub"
    assert hub_folder({"XDG_CACHE_HOME": "/c"}).as_posix() == "/c/huggingface/hub"


def test_weights_that_methods_start_from_are_there_or_missing_by_name(tmp_path):
    (tmp_path / "a.yaml").write_text("method: a\nmodel: {trunk: resnet18.tv_in1k, pretrained: true}\n")
    (tmp_path / "b.yaml").write_text("method: b\nmodel: {trunk: resnet18.tv_in1k, pretrained: true}\n")
    (tmp_path / "a.demo.yaml").write_text("method: a\nmodel: {trunk: resnet10t.x, pretrained: true}\n")
    (tmp_path / "c.yaml").write_text("method: c\nmodel: {clip: ViT-B-16-quickgelu, pretrained: true}\n")
    (tmp_path / "d.yaml").write_text("method: d\nmodel: {width: 3}\n")
    snapshot = tmp_path / "models--timm--resnet18.tv_in1k" / "snapshots" / "1234"
    snapshot.mkdir(parents=True)
    assert [check.state for check in pretrained(tmp_path, tmp_path)] == ["note", "note"]  # an empty folder is none
    (snapshot / "model.safetensors").write_bytes(b"weights")
    resnet, clip = sorted(pretrained(tmp_path, tmp_path), key=lambda check: "clip" in check.found)
    assert (resnet.state, resnet.found) == ("ok", "timm/resnet18.tv_in1k, where a b start")
    assert clip.state == "note" and clip.found.startswith(
        "missing: timm/vit_base_patch16_clip_224.openai, where c starts"
    )
    assert "hf download timm/vit_base_patch16_clip_224.openai open_clip_model.safetensors" in clip.do
    assert "--set pretrained=FILE" in clip.do
