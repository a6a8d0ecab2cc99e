"""The store that is damaged, and what a user does about one damage, step by step."""

from __future__ import annotations

import io
import shutil
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

CLIPS, SLUG, PERSON = 8, "folder", "p1"
SOME = 10  # one damage of so many sees a report, and one a removal too


def import_all() -> None:
    """Import what the trials need, so that none of them takes the time of it."""
    rooms = ("cli", "doctor.storage", "extract.extraction", "forget.carry_out", "report.dataset_report")
    for name in ("cv2", "pandas", "pyarrow.parquet", "tests.videos", *(f"fasdata.{room}" for room in rooms)):
        import_module(name)


# -- The world --------------------------------------------------------------------------------------------------------


def make_world(top: Path) -> None:
    """Make a raw dataset, its library, the store in several shards, the same before its last writes, and its hash."""
    import numpy as np

    from fasdata.store import keys
    from fasdata.store.reader import Store
    from fasdata.store.writer import StoreWriter
    from tests.videos import write_video

    noise = np.random.default_rng(0)
    for number in range(CLIPS):
        label = "attack" if number % 2 else "bonafide"
        high = 3 if number == 3 else 255  # crops so short that they lie beside their key
        frames = [noise.integers(0, high, (48, 64, 3), dtype=np.uint8) for _ in range(2)]
        path = write_video(top / "raw" / "train" / label / f"p{number // 2}" / f"{number}.avi", frames)
        if number == 4:
            path.write_bytes(b"")
    (top / "content").write_text(extracted(top / "raw", top / "first"))
    store = Store.open(top / "first" / SLUG)
    records = list(store.records())
    for folder, last in ((top / "earlier", CLIPS - 3), (top / "store", CLIPS)):
        if last == CLIPS:
            shutil.copytree(top / "earlier", folder)
        with StoreWriter(folder, store.info, shard_bytes=80_000) as writer:
            for record in records[:last]:
                if record.clip.clip_id not in writer.done:
                    held = (key.encode() for key in keys.crop_keys(record))
                    writer.add(record, {key.decode(): store._get(record.clip.clip_id, key) for key in held})
            writer.describe(records[1].clip)  # pages of an older state stay in the file


def extracted(raw: Path, library: Path) -> str:
    """Extract what a library lacks; return the content hash of its store."""
    from fasdata.datasets.registry import find_card
    from fasdata.extract.executor import Executor
    from fasdata.extract.extraction import plan_extract, run_extract
    from fasdata.extract.settings import ExtractSettings
    from fasdata.library import Library
    from fasdata.protocols.sampling import parse_rules

    settings = ExtractSettings(tuple(parse_rules("all@decoded")), detector="none")
    plan = plan_extract(find_card(SLUG), raw, Library(library), settings)
    return run_extract(plan, raw, executor=Executor(workers=0)).content_hash


# -- A damage, and what comes of it ------------------------------------------------------------------------------------


class Trial:
    """One damage, and the outcome of every step after it: "ok", the line of a refusal, or a finding."""

    def __init__(self, top: Path, folder: Path) -> None:
        self._top, self._library, self._store = top, folder, folder / SLUG
        self.findings: list[str] = []
        self.steps: dict[str, str] = {}

    def run(self, seed: int) -> dict[str, Any]:
        """Do it all; return what is to be counted."""
        from fasdata.store import shards
        from tests.fasdata.store.damages import damage

        shutil.copytree(self._top / "store", self._store)
        how = damage(Random(seed), self._store, self._top / "earlier")
        clips, content = self._clips(self._top / "store"), (self._top / "content").read_text()
        self._step("read", self._read)
        doctor = self._step("doctor", self._doctor)
        if seed % SOME == 0:
            self._step("report", self._report)
        if seed % SOME == 1:
            self._step("forget", lambda: self._forget(seed))
        checked = self._check("--rehash")
        intact = checked == 0
        if intact and self._content() != content:
            self.findings.append("the check says nothing, and the content is another")
        if self.steps["read"] != "ok" and intact:
            self.findings.append(f"the check says nothing, and reading says: {self.steps['read']}")
        if not intact:
            self._check("--rehash", "--repair")
        kept = len(self._clips(self._store) or ())
        again = self._step("extract", lambda: extracted(self._top / "raw", self._library))
        if again != content or self._check("--rehash") != 0 or self._content() != content:
            self.findings.append(f"not undisturbed in the end: {again}")
        shards.close_readers(self._store)
        shutil.rmtree(self._library)
        return {
            "seed": seed, "how": how, "found": not intact, "doctor": doctor != "ok", "kept": kept,
            "clips": len(clips or ()), "findings": self.findings,
        }  # fmt: skip

    def _step(self, name: str, do: Callable[[], Any]) -> Any:
        from fasdata.errors import UserError

        try:
            result = do()
            self.steps[name] = "ok"
            return result
        except UserError as error:
            self.steps[name] = str(error)
            if "\n" in str(error) or "space" in str(error):
                self.findings.append(f"{name}: {error}")
        except Exception:
            self.steps[name] = "traceback"
            self.findings.append(f"{name}: {traceback.format_exc()}")
        return None

    def _verb(self, *words: object) -> int:
        """Run a command in this process, as its user would; return its exit code."""
        from fasdata import cli

        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return int(cli.app([str(word) for word in words], standalone_mode=False) or 0)

    def _check(self, *options: str) -> int:
        code = self._step("check", lambda: self._verb("store", "check", self._store, *options))
        return -1 if code is None else int(code)

    def _read(self) -> None:
        from fasdata.errors import UserError
        from fasdata.store.reader import Store

        store, refused = Store.open(self._store), ""
        for clip_id in self._clips(self._top / "store") or ():
            try:
                for frame in store.record(clip_id).frames:
                    store.crop(clip_id, frame.index)
            except UserError as error:
                refused = str(error)
        if refused:
            raise UserError(refused)

    def _doctor(self) -> str:
        from fasdata.doctor.storage import store
        from fasdata.library import Library

        return store(Library(self._library), SLUG).state

    def _report(self) -> None:
        self._verb("report", SLUG, "--data", self._library, "--out", self._library / "report.html", "--sample", 4)

    def _forget(self, seed: int) -> None:
        """Forget a person in a copy; where that is refused, it has to succeed after a repair."""
        from fasdata.errors import UserError
        from fasdata.store import shards

        copy = self._library.with_name(f"{seed}-forget")
        shutil.copytree(self._library, copy)
        try:
            for _ in range(3):
                try:
                    self._verb("forget", SLUG, PERSON, "--data", copy, "--runs", self._top, "--yes")
                    return
                except UserError as error:
                    refused = str(error)
                if "no data of a person" in refused:  # their clips are damaged, and come back by extraction
                    return
                self._verb("store", "check", copy / SLUG, "--rehash", "--repair")
                if "extraction of" in refused:
                    extracted(self._top / "raw", copy)
            self.findings.append(f"forget is locked: {refused}")
        finally:
            shards.close_readers(copy / SLUG)
            shutil.rmtree(copy)

    def _content(self) -> str:
        from fasdata.store.reader import Store

        return str(self._step("content", Store.open(self._store).content_hash))

    @staticmethod
    def _clips(store: Path) -> list[str] | None:
        from fasdata.errors import UserError
        from fasdata.store.reader import Store

        try:
            return Store.open(store).clip_ids()
        except UserError:
            return None
