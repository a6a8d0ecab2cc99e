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
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))  # the helpers of the tests make the store and damage it

from damage_trial import Trial, import_all, make_world  # noqa: E402

LONGEST, START = 120, 600  # seconds for all that is done about one damage, and for a process to import what it needs
ADDRESS_SPACE = 8 << 30


# -- The child --------------------------------------------------------------------------------------------------------


def child(top: Path, work: Path, seeds: range) -> None:
    """Try the damages of these seeds; write a line before and after each."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    out = sys.stdout
    import_all()
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
        words = (work.parent / "words.txt").open("w+")  # a pipe that nobody reads would stop the child one day
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=words, text=True, cwd=TOP)
        at, end, longest = left.start, "", START
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not end:
                if not selector.select(longest):
                    process.kill()
                    end = f"hang: over {longest} s"
                elif not (text := process.stdout.readline()):
                    end = "ended"
                elif "begun" in (record := json.loads(text)):
                    at, longest = record["begun"], LONGEST
                else:
                    yield record
                    at += 1
        process.wait()
        words.seek(0)
        last = words.read()[-2000:]
        words.close()
        if at < left.stop:
            code = process.returncode
            what = end if end != "ended" else f"signal {-code}" if code < 0 else f"traceback: exit {code}"
            yield {"seed": at, "how": "?", "findings": [f"{what}\n{last}"], "ended": what.split(":")[0]}
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
