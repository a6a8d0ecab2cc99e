"""Where the declarative data (`manifests/`, `configs/`) live, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from fasdata.errors import UserError


def data_dir(name: str, package: str) -> Path:
    """Return the folder `name` that belongs to `package` (`fasdata` or `fastrain`).

    A wheel carries it as `<package>/_data/<name>`; in a checkout it stands beside the packages.

    Raises:
        UserError: neither place exists, so the installation is incomplete.
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
    """Return `manifests/`: dataset cards, protocols, recipes, published results."""
    return data_dir("manifests", "fasdata")


def configs_dir() -> Path:
    """Return `configs/`: one YAML a method and its presets."""
    return data_dir("configs", "fastrain")
