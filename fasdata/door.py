"""The door for code of the user's: a class in a file, in a module, or offered by an installed package.

Code is code: what is imported here can do all that its user can. So it is imported where the user names it, and nowhere
else; no run folder, card or bundle has anything imported. What was imported is known by its hash.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points, packages_distributions, version
from pathlib import Path
from types import ModuleType
from typing import Any

from fasdata.errors import UserError, unknown_name

_IN_FILE = re.compile(r"(?P<where>.+\.py):(?P<name>[^\W\d]\w*)")
_IN_MODULE = re.compile(r"(?P<where>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*)")
MOST_FILES = 2000  # of a package; what has more is no folder of a method
_SOURCES = (".py",)  # YAML files beside them are settings, which a run keeps and compares itself


@dataclass(frozen=True)
class Code:
    """Code that the user named: how, from which package, and the files that it is made of.

    A file is itself; a module is the folder of its package, with what is below it. `files` are paths in that folder,
    each with the sha256 of its bytes.
    """

    named: str
    folder: Path
    files: Mapping[str, str]
    package: str = ""
    version: str = ""

    @cached_property
    def sha256(self) -> str:
        """One hash for all the files."""
        return sha256("".join(f"{name} {hashed}\n" for name, hashed in sorted(self.files.items())).encode()).hexdigest()

    @property
    def origin(self) -> str:
        """Where it comes from, in words: the package with its version, else the file or module."""
        return f"{self.package} {self.version}".strip() or self.named.rpartition(":")[0]

    def facts(self) -> dict[str, Any]:
        """Return what is kept of it beside results: plain JSON values."""
        files = dict(sorted(self.files.items()))
        return {
            "named": self.named, "package": self.package, "version": self.version, "sha256": self.sha256,
            "files": files,
        }  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """What an installed package offers under an entry point: a name, `module:Class`, and the package. Not imported."""

    name: str
    value: str
    package: str
    version: str

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return f"{self.package} {self.version}".strip()


def offers(group: str) -> list[Offer]:
    """Return what the installed packages offer under the entry point `group`, by name; nothing is imported."""
    return sorted((_offer(entry) for entry in entry_points(group=group)), key=lambda offer: (offer.name, offer.package))


def names_code(text: str) -> bool:
    """Tell whether a text names code as `file.py:Name` or `module:Name`.

    >>> names_code("mine/ours.py:Ours"), names_code("lab.ours:Ours"), names_code("erm"), names_code("fixed(0.5)")
    (True, True, False, False)
    """
    return bool(_IN_FILE.fullmatch(text) or _IN_MODULE.fullmatch(text))


def named_code(text: str, group: str, what: str) -> tuple[Any, Code]:
    """Import what the user names: `file.py:Name`, `module:Name`, or the name of an entry point of `group`.

    `what` says in errors what is looked for. A module may be installed, or lie in the working folder.

    Raises:
        UserError: there is no such file, module, name or entry point; or it cannot be imported.
    """
    if match := _IN_FILE.fullmatch(text):
        path = Path(match["where"])
        module, hashed = _file_module(path)
        return _member(module, match["name"], text), Code(text, path.resolve().parent, {path.name: hashed})
    if match := _IN_MODULE.fullmatch(text):
        module = _module(match["where"], text)
        return _member(module, match["name"], text), _code_of_module(module, text)
    matching = [entry for entry in entry_points(group=group) if entry.name == text]
    if not matching:
        raise unknown_name(what, text, [offer.name for offer in offers(group)])
    if len(matching) > 1:
        packages = ", ".join(_offer(entry).origin for entry in matching)
        raise UserError(
            f"several packages offer the {what} {text}", found=packages, do=f"name one: {matching[0].value}"
        )
    offer = _offer(matching[0])
    parts = _IN_MODULE.fullmatch(offer.value)
    if parts is None:
        raise UserError(f"{offer.origin} offers {text}", expected="module:Name", found=offer.value)
    module = _module(parts["where"], text)
    code = _code_of_module(module, text)
    return _member(module, parts["name"], text), Code(text, code.folder, code.files, offer.package, offer.version)


def changed_files(kept: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the files that differ between two lists of hashes, each with what became of it."""
    words = []
    for name in sorted(kept.keys() | now.keys()):
        if name not in now:
            words.append(f"{name} is gone")
        elif name not in kept:
            words.append(f"{name} is new")
        elif kept[name] != now[name]:
            words.append(f"{name} changed")
    return words


def _offer(entry: EntryPoint) -> Offer:
    about = entry.dist
    return Offer(entry.name, entry.value, about.name if about else "", about.version if about else "")


# -- Importing ---------------------------------------------------------------------------------------------------------


def _file_module(path: Path) -> tuple[ModuleType, str]:
    """Return the module that a file is, and the hash of the very bytes that were run; each content is run once."""
    if not path.is_file():
        raise UserError(f"there is no file {path}", expected="FILE.py:NAME")
    content = path.read_bytes()
    hashed = sha256(content).hexdigest()
    name = f"named_{path.stem}_{hashed[:12]}"
    if name in sys.modules:
        return sys.modules[name], hashed
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations of dataclasses and pydantic are looked up there
    try:
        exec(compile(content, str(path.resolve()), "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[name]
        hint = "several files make a package: name it as MODULE:NAME" if isinstance(error, ImportError) else ""
        raise _not_imported(str(path), error, hint) from error
    return module, hashed


def _module(name: str, text: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # last, so that no file that lies about is taken for a library
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UserError(
                f"there is no module {name}", found=f"it is named by {text}", do="install its package, or name its file"
            ) from error
        raise _not_imported(name, error) from error
    except Exception as error:
        raise _not_imported(name, error) from error


def _not_imported(where: str, error: Exception, hint: str = "") -> UserError:
    trace, line = error.__traceback__, ""
    while trace is not None:  # the innermost line, which is where it happened
        line = f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = f" (line {error.lineno})"
    return UserError(f"{where} cannot be imported", found=f"{type(error).__name__}: {error}{line}", do=hint)


def _member(module: ModuleType, name: str, text: str) -> Any:
    if not hasattr(module, name):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise unknown_name(f"name in {text.rpartition(':')[0] or module.__name__}:", name, public)
    return getattr(module, name)


# -- What it is made of ------------------------------------------------------------------------------------------------


def _code_of_module(module: ModuleType, text: str) -> Code:
    if not module.__file__:
        raise UserError(f"{module.__name__} has no file", expected="a module of Python source")
    file = Path(module.__file__)
    package = module.__spec__.parent if module.__spec__ else ""
    if not package:  # a module on its own
        return Code(text, file.parent, {file.name: _hash(file)}, *_distribution(module.__name__))
    files = {path.relative_to(file.parent).as_posix(): _hash(path) for path in _sources(file.parent)}
    return Code(text, file.parent, files, *_distribution(package))


def _sources(folder: Path) -> Iterator[Path]:
    count = 0
    for path in sorted(folder.rglob("*")):
        if path.suffix in _SOURCES and path.is_file():
            count += 1
            if count > MOST_FILES:
                raise UserError(f"{folder} holds more than {MOST_FILES} files", expected="the package of a method")
            yield path


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _distribution(module: str) -> tuple[str, str]:
    """Return the name and version of the installed package that a module is of; "" where it is of none."""
    names = packages_distributions().get(module.partition(".")[0], [])
    return (names[0], version(names[0])) if names else ("", "")
