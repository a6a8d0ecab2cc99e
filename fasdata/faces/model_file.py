"""The file behind a detector: the user's own, or one of insightface's packs by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fasdata.errors import UserError, unknown_name

# Detection models in insightface's packs; their other networks (recognition, age, …) are never loaded.
PACKS = {
    "antelopev2": "scrfd_10g_bnkps.onnx",
    "buffalo_l": "det_10g.onnx",
    "buffalo_m": "det_2.5g.onnx",
    "buffalo_s": "det_500m.onnx",
    "buffalo_sc": "det_500m.onnx",
}


@dataclass(frozen=True)
class ModelPacks:
    """Collections of models on this machine: the folder below the user's home, and the files that detect."""

    owner: str
    folder: Path
    patterns: tuple[str, ...]
    licence: str


INSIGHTFACE_PACKS = ModelPacks(
    "insightface",
    Path(".insightface") / "models",  # where insightface itself looks
    ("det_*.onnx", "scrfd_*.onnx", "retinaface_*.onnx"),
    "insightface's model packs: non-commercial research only",
)


@dataclass(frozen=True)
class Bundled:
    """Weights that come inside an installed package, in its folder `data`: file names with their known sha256."""

    package: str
    requirement: str
    files: Mapping[str, str]

    def folder(self) -> Path | None:
        """Return the folder of the weights, None where the package is not installed."""
        spec = find_spec(self.package)
        return Path(spec.origin).parent / "data" if spec and spec.origin else None

    def fingerprint(self) -> str:
        """Return the sha256 over the files of the installed package, in their order.

        Raises:
            UserError: the package or one of the files is missing.
        """
        folder = self.folder()
        digest = hashlib.sha256()
        for name in self.files:
            if folder is None or not (folder / name).is_file():
                raise UserError(
                    f"the weights {name} of {self.requirement} are missing",
                    found=str(folder or "the package is not installed"),
                    do=f"pip install --force-reinstall --no-deps {self.requirement}",
                )
            digest.update((folder / name).read_bytes())
        return digest.hexdigest()


def require_file(path: Path, what: str) -> Path:
    """Return the path of a file that is there and not empty.

    Raises:
        UserError: it is not.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise UserError(f"--detector-model {path}", expected=what, found=found, do="check the path")
    if path.stat().st_size == 0:
        raise UserError(f"--detector-model {path}", expected=what, found="an empty file", do="get the file again")
    return path


def retinaface_model(named: str, *, allow_download: bool = False) -> Path:
    """Return the detection model that `named` stands for: an .onnx file, or a pack of insightface.

    A pack is looked for where insightface keeps it. Nothing is downloaded unless `allow_download`.

    Raises:
        UserError: no such file or pack; says what would download it.
    """
    path = Path(named).expanduser()
    if path.suffix.lower() == ".onnx" or len(path.parts) > 1 or path.is_file():
        if path.suffix != ".onnx":
            raise UserError(f"--detector-model {named}", expected="a file named ….onnx, or one of " + ", ".join(PACKS))
        return require_file(path, "an .onnx file of insightface")
    if named not in PACKS:
        raise unknown_name("model pack", named, PACKS)
    folder = Path.home() / INSIGHTFACE_PACKS.folder / named
    found = _inside(folder, named)
    if found is None and allow_download:
        _download(named)
        found = _inside(folder, named)
    if found is None:
        raise UserError(
            f"the model pack {named} is not on this machine", expected=str(folder / PACKS[named]),
            do="put it there, or let insightface fetch it with --allow-download (its packs are for non-commercial use)",
        )  # fmt: skip
    return found


def _inside(folder: Path, pack: str) -> Path | None:
    """Return the pack's detection model; one of the packs unfolds into a folder of the same name inside it."""
    places = (folder / PACKS[pack], folder / pack / PACKS[pack])
    return next((place for place in places if place.is_file()), None)


def _download(pack: str) -> None:
    from insightface.utils import ensure_available

    folder = Path.home() / INSIGHTFACE_PACKS.folder / pack
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()  # an earlier attempt left it empty, and insightface would take it for the pack
    try:
        ensure_available("models", pack)
    except Exception as error:  # a foreign library at the end of a network: whatever it raises means the same
        raise UserError(
            f"the model pack {pack} could not be downloaded", found=" ".join(str(error).split())[:160],
            do="fetch it by hand and give the file with --detector-model",
        ) from None  # fmt: skip


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
