"""The library: a folder of extracted datasets and the protocols built from them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from fasdata.claims import Claim, claim
from fasdata.errors import UserError

ENVIRONMENT = "FASDATA_DATA"
DEFAULT = "data"


@dataclass(frozen=True)
class Library:
    """A folder of stores and built protocols: `<root>/<dataset>/` and `<root>/protocols/<canonical>/<recipe>/`."""

    root: Path

    @classmethod
    def locate(cls, data: Path | None = None) -> Library:
        """Return the library at `data` (the option `--data`), else at `$FASDATA_DATA`, else at `./data`."""
        return cls(data or Path(os.environ.get(ENVIRONMENT) or DEFAULT))

    def store_dir(self, dataset: str) -> Path:
        """Return the folder of a dataset's store; `dataset` is its slug."""
        return self.root / dataset

    def protocol_dir(self, canonical: str, recipe: str) -> Path:
        """Return the folder of a built protocol; the name's colon becomes a dash, which every file system takes."""
        return self.root / "protocols" / canonical.replace(":", "-") / recipe

    def journal(self, verb: str, dataset: str) -> Path:
        """Return the journal of a verb that changes a dataset in several places: there while the verb is unfinished."""
        return self.root / f".{verb}-{dataset}.json"

    def require_settled(self, dataset: str) -> None:
        """Check that no verb that changes a dataset in several places was left unfinished.

        Raises:
            UserError: such a verb was left unfinished; names it.
        """
        ending = f"-{dataset}.json"
        for path in sorted(self.root.glob(f".*{ending}")):
            verb = path.name.removeprefix(".").removesuffix(ending)
            if verb.isalpha():
                raise UserError(
                    f"a 'fasdata {verb}' on {dataset} in {self.root} was not finished",
                    do="run the same command again: it continues",
                )

    def in_use(self, datasets: Iterable[str]) -> ExitStack:
        """Claim datasets for a command that reads or extends them; many may, until somebody is to be forgotten.

        Raises:
            UserError: a person is being removed from one of them; names the process.
        """
        with ExitStack() as claims:
            for dataset in sorted(set(datasets)):
                refusal = f"a person is being removed from {dataset} in {self.root}"
                claims.enter_context(claim(self._lock(f"dataset-{dataset}"), refusal, shared=True))
            return claims.pop_all()

    def emptying(self, dataset: str) -> ExitStack:
        """Claim a dataset, and all manifests and packs of the library, for a command that removes from them.

        Raises:
            UserError: another command uses the dataset, or removes from another one; names the process.
        """
        with ExitStack() as claims:
            refusal = f"a person is being removed from the library {self.root}"
            claims.enter_context(claim(self._lock("removal"), refusal))
            claims.enter_context(claim(self._lock(f"dataset-{dataset}"), f"{dataset} in {self.root} is in use"))
            return claims.pop_all()

    def building(self, canonical: str, recipe: str, *, wait: bool = False) -> Claim:
        """Claim the manifest of a protocol for the command that builds it; `wait` waits for another that does.

        Raises:
            UserError: another command builds it; names the process.
        """
        refusal = f"{canonical}, recipe {recipe}, is being built in {self.root}"
        return claim(self._lock(f"protocol-{canonical.replace(':', '-')}-{recipe}"), refusal, wait=wait)

    def _lock(self, name: str) -> Path:
        folder = self.root / ".locks"
        with suppress(OSError):  # what cannot be made cannot be locked, which `claim` tells
            folder.mkdir(exist_ok=True)
        return folder / f"{name}.lock"

    def stores(self) -> list[str]:
        """Return the slugs of the stores present, sorted."""
        return sorted(info.parent.name for info in self.root.glob("*/store.json"))

    def require_store(self, dataset: str) -> Path:
        """Return the store's folder.

        Raises:
            UserError: there is no such store (names those that exist and how to make this one), or it is unfinished.
        """
        folder = self.store_dir(dataset)
        if not (folder / "store.json").is_file():
            raise UserError(
                f"no store of {dataset} in the library {self.root}",
                found=", ".join(self.stores()) or "no store",
                do=f"run 'fasdata extract {dataset} --root <raw dataset> --out {self.root}' or pass --data",
            )
        self.require_settled(dataset)
        if not (folder / "clips.parquet").is_file() or (folder / "unfinished").exists():
            raise UserError(
                f"the extraction of {dataset} into {self.root} was not finished",
                do="run the same 'fasdata extract' again: it continues",
            )
        return folder
