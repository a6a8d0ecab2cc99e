"""The runtime as it is deployed: the wheel and requirements-runtime.txt in an environment without torch."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import cv2
import pytest
from packaging.requirements import Requirement

from fastrain.bundle.scenes import pictures
from tests.fastrain.bundle.sized import as_large_as_resnet18, bundle_of
from tests.wheels import ROOT

TORCH_AND_CO = ("torch", "torchvision", "timm", "open_clip", "facenet_pytorch", "pandas", "pyarrow", "scipy", "sklearn")
FOR_A_PICTURE = {
    "PIL", "annotated_doc", "annotated_types", "cv2", "fasdata", "fastrain", "google", "lmdb", "ml_dtypes", "numpy",
    "onnx", "onnxruntime", "pydantic", "pydantic_core", "shellingham", "typer", "typing_extensions",
    "typing_inspection", "yaml",
}  # fmt: skip
PEAK = 400  # MiB
CODE = r"""
import re, sys
from fastrain.cli import main
sys.argv = ["fastrain", "predict", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    assert not ended.code
tops = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print("MODULES", *sorted(name for name in tops if not name.startswith("_") and name != "cython_runtime"))
print("PEAK", int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


def requirements() -> list[str]:
    """What requirements-runtime.txt asks for; where OpenCV is installed without a window, that build of it."""
    lines = (ROOT / "requirements-runtime.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    try:
        distribution("opencv-python")
    except PackageNotFoundError:
        wanted = [line.replace("opencv-python", "opencv-python-headless") for line in wanted]
    return wanted


def needed(wanted: list[str]) -> set[str]:
    """The names of all distributions that these need in turn."""
    names: set[str] = set()
    waiting = [Requirement(line) for line in wanted]
    while waiting:
        requirement = waiting.pop()
        if requirement.name in names or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        names.add(requirement.name)
        waiting += [Requirement(line) for line in distribution(requirement.name).requires or ()]
    return names


def pip(python: Path, *arguments: object) -> str:
    line = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    done = subprocess.run([*line, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory) -> Path:
    """An environment into which the wheel was installed without what it depends on, and then the runtime's packages.

    These are those of this environment, linked: pip is given no index, and has to find every one of them there.
    """
    place = tmp_path_factory.mktemp("runtime")
    venv.create(place / "venv", with_pip=False)
    python = place / "venv" / "bin" / "python"
    (site,) = (place / "venv").glob("lib/python*/site-packages")
    for name in needed(requirements()):
        package = distribution(name)
        tops = {file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(package.locate_file(top))))
    listed = place / "requirements.txt"
    listed.write_text("\n".join(requirements()))
    pip(python, "install", "--no-index", "--no-deps", wheel)
    pip(python, "install", "--no-index", "-r", listed, "-c", ROOT / "constraints.txt")
    return python


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "face.png"
    cv2.imwrite(str(path), next(iter(pictures(1)))[..., ::-1])
    return path


def test_a_bundle_answers_without_torch(python, erm_bundle, picture, clip_with_a_face):
    code = f"import importlib.util as u; print([name for name in {TORCH_AND_CO} if u.find_spec(name)])"
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    line = [python.with_name("fastrain"), "predict", erm_bundle, picture, clip_with_a_face, "-j", "1"]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, cwd=python.parent, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("score") == 2


def test_one_picture_loads_what_it_needs_and_stays_small(python, picture, tmp_path):
    """What makes a start slow is imports; times themselves are for benchmarks/runtime.py."""
    bundle = bundle_of(as_large_as_resnet18(224), "box(size=224)", tmp_path / "sized.fasb")
    assert bundle.stat().st_size > 42 << 20
    line = [python, "-c", CODE, bundle, picture]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, cwd=python.parent, check=False)
    assert done.returncode == 0, done.stderr
    modules = re.search(r"^MODULES (.*)$", done.stdout, re.MULTILINE)
    peak = re.search(r"^PEAK (\d+)$", done.stdout, re.MULTILINE)
    assert "score" in done.stdout and modules and peak
    assert set(modules[1].split()) <= FOR_A_PICTURE
    assert int(peak[1]) < PEAK
