"""Look at extracted faces in Python: a library holds datasets, by name (`stored.py` has what they hold)."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.api.stored import StoredDataset
from fasdata.datasets.registry import stored_slug
from fasdata.errors import UserError, unknown_name
from fasdata.library import Library
from fasdata.store.reader import Store

if TYPE_CHECKING:
    from types import TracebackType


def open_library(data: str | Path | None = None) -> OpenedLibrary:
    """Open a library of extracted datasets: `data`, else `$FASDATA_DATA`, else `./data`. Known as `fasdata.open`.

    A dataset that is looked at is claimed for reading, as a command claims it while it runs: `fasdata forget` refuses
    to remove a person from it meanwhile. The claim ends when the library is closed (it is a context manager), or when
    nothing of the dataset is held any more.

    Raises:
        UserError: there is no such folder, or no extracted dataset in it.

    >>> import fasdata
    >>> with fasdata.open("data") as library:
    ...     library.names, "CASIA-FASD" in library
    (['casia-fasd', 'msu-mfsd', 'oulu-npu', 'replay-attack'], True)
    """
    library = Library.locate(Path(data) if data is not None else None)
    if not library.stores():
        what = "holds no extracted dataset" if library.root.is_dir() else "does not exist"
        raise UserError(f"the library {library.root} {what}", do="run 'fasdata extract' or 'fasdata synth' first")
    return OpenedLibrary(library)


class OpenedLibrary:
    """The extracted datasets of a library, by name: `library["CASIA-FASD"]`; iterating gives each `StoredDataset`.

    >>> import fasdata
    >>> library = fasdata.open("data")
    >>> [(dataset.name, len(dataset)) for dataset in library][:2]
    [('casia-fasd', 10), ('msu-mfsd', 10)]
    >>> library["nowhere"]
    Traceback (most recent call last):
    fasdata.errors.UserError: unknown dataset 'nowhere'; expected one of casia-fasd, msu-mfsd, oulu-npu, replay-attack
    >>> library.close()
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self._opened: dict[str, StoredDataset] = {}
        self._claims: list[Callable[[], object]] = []

    @property
    def root(self) -> Path:
        """The folder of the library."""
        return self.library.root

    @property
    def names(self) -> list[str]:
        """The names of the datasets, sorted; each is the folder of a store."""
        return self.library.stores()

    def __getitem__(self, name: str) -> StoredDataset:
        slug = self._slug(name)
        if slug not in self._opened:
            folder = self.library.require_store(slug)
            with self.library.in_use([slug]) as claims:
                dataset = self._opened[slug] = StoredDataset(slug, Store.open(folder))
                self._claims.append(weakref.finalize(dataset, claims.pop_all().close))
        return self._opened[slug]

    def _slug(self, name: str) -> str:
        try:
            slug = stored_slug(self.library, name)
        except UserError:
            raise unknown_name("dataset", name, self.names) from None
        if slug not in self.names:
            self.library.require_store(slug)  # says how to extract a dataset that is known and not here
        return slug

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and stored_slug(self.library, name) in self.names
        except UserError:
            return False

    def __iter__(self) -> Iterator[StoredDataset]:
        return (self[name] for name in self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"<library {self.root}: {', '.join(self.names)}>"

    def close(self) -> None:
        """Give the datasets free again; what was opened of them is not to be used any more."""
        self._opened.clear()
        for release in self._claims:
            release()
        self._claims.clear()

    def __enter__(self) -> OpenedLibrary:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
