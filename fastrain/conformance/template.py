"""Write the package of a new method from the template in `examples/template`."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

from fasdata.errors import UserError
from fasdata.foreign import read_text
from fasdata.resources import examples_dir
from fasdata.store.atomic import require_writable, write_text
from fastrain.methods.registry import METHODS

NAME, CLASS = "my_method", "MyMethod"  # as the template has them
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TEXTS = {".py", ".yaml", ".md", ".toml"}


def write_package(name: str, out: Path) -> str:
    """Write the package `name` into the new or empty folder `out`; return what to do with it, as text.

    Raises:
        UserError: the name is none for a package, or another's; the folder holds something.
    """
    taken = (
        name in METHODS
        or name in sys.stdlib_module_names
        or keyword.iskeyword(name)
        or name in ("tests", "fasdata", "fastrain")
    )
    if not _NAME.fullmatch(name) or taken:
        why = "the name of something else" if taken else "no name for a method"
        raise UserError(f"{name!r} is {why}", expected="small letters, digits and _, such as my_method")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists already", do="give another --out")
    require_writable(out)
    template = examples_dir() / "template"
    for path in sorted(template.rglob("*")):
        if path.is_file() and path.suffix in _TEXTS:
            target = out / _renamed(path.relative_to(template).as_posix(), name)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_text(target, _renamed(read_text(path), name))
    return (
        f"{out} holds the package {name}; next:\n"
        f"  pip install -e {out}\n"
        f"  fastrain methods check {name} --quick\n"
        f"  fastrain run {name} --protocol CIO-M --preset demo"
    )


def class_of(name: str) -> str:
    """Return the class of a method.

    >>> class_of("my_method"), class_of("sa_fas2")
    ('MyMethod', 'SaFas2')
    """
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _renamed(text: str, name: str) -> str:
    return text.replace(CLASS, class_of(name)).replace(NAME, name)
