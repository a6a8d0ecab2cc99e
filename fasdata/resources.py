"""Find the declarative data (`manifests/`, `configs/`), in a checkout and in a wheel alike."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fasdata.errors import UserError


@cache
def data_dir(name: str, package: str) -> Path:
    """Return the folder `name` that belongs to `package` (`fasdata` or `fastrain`).

    A wheel has it in `<package>/_data/<name>`; in a checkout it lies beside the packages.

    Raises:
        UserError: neither exists, so the installation is incomplete.
    """
    top = Path(__file__).resolve().parent.parent
    installed = top / package / "_data" / name
    if installed.is_dir():
        return installed
    checkout = top / name
    if checkout.is_dir() and (top / "pyproject.toml").is_file():
        return checkout
    raise UserError(
        f"the folder {name!r} of {package} is missing",
        expected=f"{installed} or {checkout}",
        do="install the package again",
    )


def manifests_dir() -> Path:
    """Return `manifests/`: dataset cards, protocols, recipes and published results."""
    return data_dir("manifests", "fasdata")


def examples_dir() -> Path:
    """Return `examples/`: methods outside the packages, and the template of a new one."""
    return data_dir("examples", "fastrain")


def configs_dir() -> Path:
    """Return `configs/`: a YAML file for each method and each preset."""
    return data_dir("configs", "fastrain")
