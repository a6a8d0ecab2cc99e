"""Where the weights of a detector come from: an installed package, a collection of models, or the user's file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fasdata.errors import UserError, is_out_of_memory, raise_if_memory_is_short


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


FACENET_WEIGHTS = Bundled(
    "facenet_pytorch",
    "facenet-pytorch==2.5.3",
    {
        "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
        "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
        "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
    },
)


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


def require_file(path: Path, what: str) -> Path:
    """Return the path of a file that is there and not empty.

    Raises:
        UserError: it is not.
    """
    if not path.is_file():
        instead = "a folder" if path.is_dir() else "no such file"
        raise UserError(f"--detector-model {path}", expected=what, found=instead, do="check the path")
    if path.stat().st_size == 0:
        raise UserError(f"--detector-model {path}", expected=what, found="an empty file", do="get the file again")
    return path


@contextmanager
def answering(model: Path, expected: str, *, device: str = "cpu") -> Iterator[None]:
    """Run the network of a user's file, which is foreign: whatever it raises, on any frame, means the same.

    Raises:
        UserError: it cannot be used; `expected` says what it should be.
        MemoryError: the system, or a GPU, gives no more memory, which is no fault of the file.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise_if_memory_is_short(error)
        if device != "cpu" and is_out_of_memory(error):  # other programs may fill a GPU at any time
            raise MemoryError(f"on {device}: {' '.join(str(error).split())[-160:]}") from error
        raise UserError(
            f"{model} cannot be used as --detector-model",
            expected=expected,
            found=" ".join(str(error).split())[:160] or type(error).__name__,
            do="see: fasdata detectors",
        ) from None


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_sha256(files: Mapping[str, bytes]) -> str:
    """Return the sha256 over files that are in memory, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(files[name])
    return digest.hexdigest()
