"""Damage stores at random, repair them, extract what is missing, and compare with the undisturbed content.

    python benchmarks/damage.py --damages 2000 --seed 0

Each damage hits a fresh copy of a small store of several shards, made with the detector `none`: bits, pages of noise or
zeros, pages swapped, doubled or of an older state, files cut or grown, headers of long values, entries, meta pages,
tables (`tests/fasdata/store/damages.py`). Then the product does what a user would do: read everything, `doctor`, for
some `report` and `forget`, `store check --rehash --repair`, `extract`, `store check --rehash`. Child processes do it,
many damages each, so that a signal or a hang is seen and counted. Exit code 1: something was found.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import json
import re
import resource
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random
from typing import Any

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))  # the helpers of the tests make the store and damage it

CLIPS, SLUG, PERSON = 8, "folder", "p1"
LONGEST = 60  # seconds for all that is done about one damage
ADDRESS_SPACE = 8 << 30
SOME = 10  # one damage of so many sees a report, and one a removal too


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


# -- The child: damages, and what comes of them -----------------------------------------------------------------------


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
                    self._verb("forget", SLUG, PERSON, "--data", copy, "--runs", self._top)
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


def child(top: Path, work: Path, seeds: range) -> None:
    """Try the damages of these seeds; write a line before and after each."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    out = sys.stdout
    for seed in seeds:
        print(json.dumps({"begun": seed}), file=out, flush=True)
        folder = work / str(seed)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with redirect_stderr(io.StringIO()):
            done = Trial(top, folder).run(seed)
        print(json.dumps(done), file=out, flush=True)


# -- The parent -------------------------------------------------------------------------------------------------------


def tried(top: Path, work: Path, seeds: range) -> Iterator[dict[str, Any]]:
    """Yield the outcome of every seed, whatever becomes of the processes that try them."""
    left = seeds
    while left:
        line = [sys.executable, __file__, "--child", str(top), str(work), str(left.start), str(left.stop)]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TOP)
        at, end = left.start, ""
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not end:
                if not selector.select(LONGEST):
                    process.kill()
                    end = f"hang: over {LONGEST} s"
                elif not (text := process.stdout.readline()):
                    end = "ended"
                elif "begun" in (said := json.loads(text)):
                    at = said["begun"]
                else:
                    yield said
                    at += 1
        _, words = process.communicate()
        if at < left.stop:
            code = process.returncode
            what = end if end != "ended" else f"signal {-code}" if code < 0 else f"traceback: exit {code}"
            yield {"seed": at, "how": "?", "findings": [f"{what}\n{words[-2000:]}"], "ended": what.split(":")[0]}
        left = range(at + 1, left.stop)


def main() -> None:
    """Read the command line and run it."""
    if sys.argv[1:2] == ["--child"]:
        top, work, start, stop = sys.argv[2:6]
        child(Path(top), Path(work), range(int(start), int(stop)))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--damages", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the first damage; the next ones follow")
    given = parser.parse_args()
    started = time.monotonic()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    findings = Counter[str]()
    with tempfile.TemporaryDirectory() as place:
        top = Path(place) / "world"
        top.mkdir()
        make_world(top)
        for done in tried(top, Path(place) / "trials", range(given.seed, given.seed + given.damages)):
            for finding in done["findings"]:
                kind = "traceback" if "Traceback" in finding else done.get("ended", "other")
                findings[kind] += 1
                print(f"seed {done['seed']} ({done['how']}): {finding}", flush=True)
            name = re.sub(r"\d{5}\.lmdb|\d+ of \d+|\.\w+", "", done["how"]).strip()
            row = counts["several" if "," in name else name]
            row["damages"] += 1
            row["found"] += done.get("found", False)
            row["doctor"] += done.get("doctor", False)
            row["kept"] += done.get("kept", 0)
            row["clips"] += done.get("clips", 0)
            row["undisturbed"] += not done["findings"]
    print(f"\n{'damage':<24} {'times':>6} {'doctor':>7} {'check':>6} {'kept':>7} {'undisturbed in the end':>23}")
    total = sum(counts.values(), Counter[str]())
    for name, row in [*sorted(counts.items()), ("all", total)]:
        kept = f"{100 * row['kept'] / max(1, row['clips']):.1f} %"
        columns = f"{row['damages']:>6} {row['doctor']:>7} {row['found']:>6} {kept:>7} {row['undisturbed']:>23}"
        print(f"{name:<24} {columns}")
    print(f"{(time.monotonic() - started) / 60:.0f} minutes; findings: {dict(findings) or 'none'}")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
