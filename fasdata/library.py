"""The library: a folder of extracted datasets and the protocols built from them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

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
