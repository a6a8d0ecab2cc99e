"""Claim the folder of an export, write it unit by unit, and refuse a folder that holds something else."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from fasdata.claims import claim
from fasdata.errors import UserError
from fasdata.foreign import read_csv_rows, read_json
from fasdata.store.atomic import is_temporary, replacing, require_writable, write_text

ABOUT = "export.json"
FILES = "files.csv"
SAMPLES = "samples.csv"
_PROGRESS = ".progress"  # finished files of an unfinished export: sha256 and path, a line each
_STAGE = ".partial"
_HOLDER = "holder"  # in it, who writes
FORMAT = 1


class ExportFolder:
    """The folder of the export that `identity` describes. Units are written aside and moved into place when complete.

    Use as a context manager; one process at a time.
    """

    def __init__(self, out: Path, identity: Mapping[str, Any]) -> None:
        """Claim a folder that is new, empty, or this export's own.

        Raises:
            UserError: it holds something else, an export of something else, or another process writes to it.
        """
        require_free(out, identity)
        out.mkdir(parents=True, exist_ok=True)
        self.out, self._identity = out, dict(identity)
        self._real = out.resolve()
        self._inside: set[Path] = set()
        holder = out / _STAGE / _HOLDER
        self._lock = claim(out, f"another process is exporting into {out}", note=holder)
        self.unlinked: list[str] = []  # links that the file system would not make
        try:
            shutil.rmtree(out / _STAGE, ignore_errors=True)
            self._lock.sign(holder)
            self._sums = {**_read_files(out / FILES), **_read_progress(out / _PROGRESS)}
            if not (out / ABOUT).is_file():
                self.reopen()
            self._progress = (out / _PROGRESS).open("a", encoding="utf-8")
        except BaseException:
            self._lock.close()  # else this process would stand in its own way
            raise

    def __enter__(self) -> ExportFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.close()
        shutil.rmtree(self.out / _STAGE, ignore_errors=True)
        self._lock.close()

    def reopen(self) -> None:
        """Mark the export as unfinished until `finish`."""
        self._describe({})

    def knows(self, files: Sequence[str]) -> bool:
        """Tell whether all these files were written before."""
        return all(path in self._sums for path in files)

    def holds(self, files: Sequence[str]) -> bool:
        """Tell whether all these files are there and have the recorded hashes."""
        return all(path in self._sums and sha256_of(self.out / path) == self._sums[path] for path in files)

    def stage(self, number: int) -> Path:
        """Return an empty folder to write unit `number` into."""
        folder = self.out / _STAGE / str(number)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def settle(self, stage: Path, files: Sequence[str]) -> dict[str, str]:
        """Move staged files into place and return their hashes; they count as done after `note`."""
        sums = {}
        for path in files:
            sums[path] = sha256_of(stage / path)
            target = self.out / path
            self._require_inside(target.parent)
            (stage / path).replace(target)
        shutil.rmtree(stage)
        return sums

    def note(self, sums: Mapping[str, str]) -> None:
        """Record the hashes of a finished unit."""
        self._sums.update(sums)
        self._progress.writelines(f"{value} {path}\n" for path, value in sums.items())
        self._progress.flush()

    def finish(
        self,
        facts: Mapping[str, Any],
        lists: Mapping[str, bytes],
        links: Mapping[str, str],
        files: Iterable[str],
        samples: Iterable[tuple[str, str, str]],
    ) -> None:
        """Write lists, links, `files.csv`, `samples.csv` and, last, `export.json` with `facts`."""
        for path, data in lists.items():
            self._require_inside((self.out / path).parent)
            with replacing(self.out / path) as temporary:
                temporary.write_bytes(data)
            self._sums[path] = hashlib.sha256(data).hexdigest()
        for path, target in links.items():
            self._link(self.out / path, target)
        wanted = sorted({*files, *lists})
        _write_table(self.out / FILES, ("path", "sha256"), [(path, self._sums[path]) for path in wanted])
        _write_table(self.out / SAMPLES, ("sample_id", "modality", "path"), samples)
        self._describe(facts)
        (self.out / _PROGRESS).unlink(missing_ok=True)

    def _describe(self, facts: Mapping[str, Any]) -> None:
        about = {"format": FORMAT, "finished": bool(facts), **self._identity, **facts}
        write_text(self.out / ABOUT, json.dumps(about, indent=2, sort_keys=True, ensure_ascii=False) + "\n")

    def _link(self, link: Path, target: str) -> None:
        self._require_inside(link.parent)
        if link.is_symlink() and str(link.readlink()) == target:
            return
        link.unlink(missing_ok=True)
        try:
            link.symlink_to(target)
        except OSError:  # some file systems have no links; the other files are useful without
            self.unlinked.append(str(link.relative_to(self.out)))

    def _require_inside(self, folder: Path) -> None:
        """Make a folder of the export.

        Raises:
            UserError: a link on the way leads out of the export.
        """
        if folder in self._inside:
            return
        if not folder.resolve().is_relative_to(self._real):
            raise UserError(f"{folder} leads out of the export {self.out}", do="remove that link")
        folder.mkdir(parents=True, exist_ok=True)
        self._inside.add(folder)


def require_free(out: Path, identity: Mapping[str, Any]) -> None:
    """Check that a folder may take this export; change nothing.

    Raises:
        UserError: it holds something else, or an export of something else.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file", expected="a folder to export into")
    require_writable(out)
    if not out.is_dir() or all(path.name == _STAGE or is_temporary(path) for path in out.iterdir()):
        return  # new, empty, or killed before it was claimed
    present = _read_about(out)
    different = [key for key in identity if present.get(key) != identity[key]]
    if different:
        raise UserError(
            f"{out} holds another export",
            expected=", ".join(f"{key} {_short(identity[key])}" for key in different),
            found=", ".join(f"{key} {_short(present.get(key))}" for key in different),
            do="give another --out, or remove that one",
        )


def sha256_of(path: Path) -> str:
    """Return the hash of a file; "" where there is no file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""


def _read_about(out: Path) -> dict[str, Any]:
    try:
        about = read_json(out / ABOUT)
    except UserError:
        about = None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise UserError(
            f"{out} is not empty and holds no export of this version",
            found=next(path.name for path in sorted(out.iterdir())),
            do="give another --out",
        )
    return about


def _read_files(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {row["path"]: row["sha256"] for _, row in read_csv_rows(path) if row.get("path") and row.get("sha256")}


def _read_progress(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]  # the last one may be incomplete
    return {name: value for value, _, name in (line.partition(" ") for line in lines)}


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 40 else text[:37] + "..."
