"""The Dockerfile: slim, without root and torch, its packages pinned, and all that serving imports is among them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRAINING = ("torch", "torchvision", "timm", "open_clip_torch", "lightning_fabric", "facenet_pytorch", "tensorboard")


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile: word and rest, lines that go on joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in joined.splitlines()]


def findings(text: str, there: Path = ROOT) -> list[str]:
    """Return what is wrong with a Dockerfile."""
    steps, wrong = instructions(text), []
    words = [word for word, _ in steps]
    of = {word: [rest for name, rest in steps if name == word] for word in words}
    if not all(re.fullmatch(r"python:3\.\d+-slim(-\w+)?", image) for image in of.get("FROM", ["none"])):
        wrong.append("the image is not a slim Python of a named version")
    users = of.get("USER", ["root"])
    if users[-1].split(":")[0] in ("root", "0"):
        wrong.append("it ends as root")
    elif "ENTRYPOINT" in words and words.index("USER") > words.index("ENTRYPOINT"):
        wrong.append("the user is set after the entry point")
    wrong += [f"{word} is no word of ours" for word in words if word in ("ADD", "MAINTAINER", "ONBUILD")]
    for rest in of.get("RUN", []):
        if "pip install" in rest and "--no-deps" not in rest and "--constraint" not in rest:
            wrong.append("packages are installed without their versions")
        wrong += [f"{word} in RUN" for word in ("sudo", "curl ", "wget ", "chmod 777") if word in rest]
    for rest in of.get("COPY", []):
        wrong += [f"{name} is not there to be copied" for name in rest.split()[:-1] if not (there / name).exists()]
    for word in ("ENTRYPOINT", "CMD"):
        if not all(rest.startswith("[") for rest in of.get(word, ["none"])):
            wrong.append(f"{word} starts a shell, which takes the signals")
    return wrong + ([] if "HEALTHCHECK" in words else ["no HEALTHCHECK"])


def test_the_dockerfile_is_sound():
    assert findings((ROOT / "Dockerfile").read_text()) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (("FROM python:3.11-slim", "FROM python:latest"), "not a slim"),
        (("USER 10001:10001", "USER root"), "as root"),
        (("--constraint constraints.txt ", ""), "without their versions"),
        (("COPY configs configs", "COPY nothing configs"), "nothing is not there"),
        (('ENTRYPOINT ["fastrain", "serve"]', "ENTRYPOINT fastrain serve"), "starts a shell"),
        (("COPY manifests manifests", "ADD manifests manifests"), "ADD is no word"),
        (("HEALTHCHECK", "LABEL"), "no HEALTHCHECK"),
    ],
)
def test_what_the_lint_finds(change, finding):
    text = (ROOT / "Dockerfile").read_text()
    assert change[0] in text
    assert any(finding in line for line in findings(text.replace(*change)))


def requirements(file: str = "docker-requirements.txt") -> list[str]:
    lines = (ROOT / file).read_text().splitlines()
    return [re.split(r"[<>=]", line)[0] for line in lines if line and not line.startswith("#")]


def test_it_holds_what_predictions_need_and_the_extras_that_serve_and_verify():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = {re.split(r"[<>=]", name)[0] for name in (*extras["serve"], *extras["sign"])}
    needed |= {*requirements("requirements-runtime.txt")}
    assert set(requirements()) == needed - {"opencv-python"} | {"opencv-python-headless"}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_its_packages_have_versions_and_none_is_for_training():
    pinned = {
        plain(line.split("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    assert {plain(name) for name in requirements()} <= pinned
    assert not {plain(name) for name in requirements()} & {plain(name) for name in TRAINING}


PROBE = """
import json, sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(f"{name} is not in the image")

BLOCKED = json.loads(sys.argv[2])
sys.meta_path.insert(0, Blocked())
if __name__ == "__main__":
    from fastrain.serve.server import ServeRequest, room_of
    from fastrain.serve.app import application
    import fastrain.cli, fastrain.serve.connections, fastrain.serve.upload, python_multipart.multipart, PIL.Image
    from fastrain.bundle.finding import Recording
    from fastrain.bundle.loading import load
    from fastrain.serve.judging import Judge
    room = room_of(ServeRequest(Path(sys.argv[1]), verify_key=Path(sys.argv[3])))
    application(room)
    (answer,) = load(sys.argv[1], verify_key=sys.argv[3]).predict(sys.argv[4])  # here, as a child of the server finds
    assert answer.score > 0, answer
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items() if "." not in name}
    print(json.dumps(sorted(name for name, file in files.items() if "site-packages" in file)))
"""


def test_serving_imports_nothing_that_the_image_lacks(tmp_path):
    """Every package that is imported, also to answer a clip, is listed, or one that a listed one needs."""
    import importlib.metadata as metadata
    import json

    from fastrain.bundle.opened import Bundle
    from fastrain.bundle.scenes import pictures
    from fastrain.bundle.writing import write_signed
    from tests.fastrain.bundle.small import key_files, small_bundle
    from tests.videos import write_video

    (private, key), bundle, probe = key_files(tmp_path, "mine"), tmp_path / "signed.fasb", tmp_path / "probe.py"
    write_signed(Bundle.read(small_bundle(tmp_path / "pad.fasb")), bundle, private)
    probe.write_text(PROBE)
    clip = write_video(tmp_path / "clip.mp4", [next(iter(pictures(1)))] * 4, codec="h264")
    line = [sys.executable, str(probe), str(bundle), json.dumps(TRAINING), str(key), str(clip)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, env=None)
    assert done.returncode == 0, done.stderr[-2000:]
    there, new = set(), {plain(name) for name in requirements()} | {"opencv-python", "setuptools"}
    modules: set[str] = set()
    while new - there:
        name = (new - there).pop()
        there.add(name)
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        modules |= {Path(file.parts[0]).name.split(".")[0] for file in package.files or ()}
        new |= {plain(re.split(r"[^\w.-]", need)[0]) for need in package.requires or () if "extra ==" not in need}
    imported = set(json.loads(done.stdout)) - {"sitecustomize", "sniffio"}  # anyio takes sniffio where it is there
    assert {"numpy", "fastapi", "onnxruntime", "av", "cv2", "cryptography"} <= imported  # else nothing was looked at
    assert imported <= modules, imported - modules
