"""Kill every verb that writes at random moments, go on with the same command, and compare with the undisturbed result.

    python benchmarks/kills.py --kills 300 --seed 1 --log kills.jsonl     # again: goes on where the log ends
    python benchmarks/kills.py --kills 20 --verbs extract pack

A round takes one verb through two to five kills (SIGKILL, SIGTERM, SIGINT; to the command alone or to its process
group; half of them at a moment of the whole course, half once it writes), then lets it end. What its last line says to
type is what is typed next, else the same command. Afterwards the folder has to equal that of a run that nobody
disturbed: the content of stores with all hashes computed anew, manifests, packs, exports, scores and reports byte for
byte, tensors to the last bit; no file more, none less; no process left; no traceback among the words.

Eleven kills of twelve hit a command forked from a process that has imported everything, the twelfth one an installed
command from its very start. The log has a line for each kill and one for each round. Exit code 1: something differed;
such folders are kept.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kills_launcher import REACH, ROOT, Launcher, Shot
from kills_world import PERSON, STORE, VERBS, Verb, commands, differences, facts, held, pieces_of

_ADVICE = re.compile(r"to go on: (fastrain run --resume \S+)")
FRESH = 12  # one kill of so many hits an installed command


@dataclass(frozen=True)
class Calm:
    """An undisturbed run of a verb: exit code, seconds, and the facts of its folder."""

    code: int
    seconds: float
    facts: dict[str, str]


@dataclass
class Harness:
    """The world, the launcher, and the log."""

    world: Path
    launcher: Launcher
    log: Path
    calm: dict[str, Calm] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    reach: dict[str, dict[bool, float]] = field(default_factory=dict)
    start: float = 0.0  # seconds that an installed command takes beyond a forked one

    def make_world(self, *, several: bool) -> None:
        """Make the world unless it is there."""
        done = self.world / (".several" if several else ".videos")
        for line in [] if done.is_file() else commands(several=several):
            code, _, words = self.course(line, self.world)
            if code not in (0, 3):
                raise SystemExit(f"{shlex.join(line)}\n{words}")
        done.touch()
        self.pieces = pieces_of(self.world / STORE, PERSON)
        forked, installed = (self.course(VERBS["lock"].line, self.world, fresh=fresh)[1] for fresh in (False, True))
        self.start = max(0.0, installed - forked)

    def course(self, line: tuple[str, ...], folder: Path, *, fresh: bool = False) -> tuple[int | None, float, str]:
        """Run a command to its end; return exit code, seconds and words."""
        started = time.monotonic()
        victim = self.launcher.start(line, folder, self.world / "output.txt", fresh=fresh)
        code = victim.wait()
        return code, time.monotonic() - started, victim.words()

    def undisturbed(self, name: str) -> Calm:
        """Run a verb twice without a disturbance, unless that was done before; both have to agree."""
        kept = self.world / "calm" / f"{name}.json"
        if name not in self.calm and kept.is_file():
            self.calm[name] = Calm(**json.loads(kept.read_text(encoding="utf-8")))
        if name not in self.calm:
            verb, results = VERBS[name], []
            for _ in range(2):
                folder = self.world / "calm" / name
                shutil.rmtree(folder, ignore_errors=True)
                verb.prepare(self.world, folder)
                code, seconds, words = self.course(verb.line, folder)
                if code not in (0, 3):
                    raise SystemExit(f"{name} fails undisturbed, exit {code}\n{words}")
                results.append((code, seconds, facts(folder)))
            (code, _, first), (_, seconds, second) = results
            if unlike := differences(first, second):
                raise SystemExit(f"{name} differs between two undisturbed runs: " + "; ".join(unlike))
            self.calm[name] = Calm(code, seconds, first)
            kept.write_text(json.dumps(asdict(self.calm[name])), encoding="utf-8")
        return self.calm[name]

    def round(self, number: int, name: str, seed: int) -> int:
        """Kill a verb two to five times, let it end, compare; return the number of kills."""
        verb, calm = VERBS[name], self.undisturbed(name)
        chance = random.Random(f"{seed} {number} {name}")
        folder = self.world / "rounds" / f"{number}-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        verb.prepare(self.world, folder)
        problems: list[str] = []
        kills, line = 0, verb.line
        for _ in range(chance.randint(2, 5)):
            fresh = chance.randrange(FRESH) == 0
            reach = self.reach.setdefault(name, dict(REACH))
            shot = Shot.drawn(chance, calm.seconds + fresh * self.start, reach=reach)
            victim = self.launcher.start(line, folder, folder.with_suffix(".txt"), fresh=fresh)
            hit = shot.fire(victim, folder)
            # How long a command takes changes with the other work of the machine: too late a shot is no kill.
            reach[shot.writing] = min(0.9, reach[shot.writing] * (1.1 if hit else 0.7))
            code, words = victim.wait(), victim.words()
            wrong = _judge(code, words, hit, calm.code)
            wrong += [f"{len(left)} processes stayed"] if (left := victim.left_behind()) else []
            problems += wrong
            if hit and code not in (0, 3):
                kills += 1
                self.write(
                    kill=name, by=shot.by.name, group=shot.group, fresh=fresh, writing=shot.writing,
                    after=round(shot.after, 3), code=code, wrong=wrong, words=words[-3000:] if wrong else "",
                )  # fmt: skip
            if code == calm.code:
                break
            advice = _ADVICE.search(words)
            line = tuple(advice[1].split()) if advice else verb.line
        else:
            problems += self.end(verb, calm, line, folder)
        problems += self.compare(verb, calm, folder)
        self.write(round=number, verb=name, kills=kills, problems=problems)
        if not problems:
            shutil.rmtree(folder)
            folder.with_suffix(".txt").unlink()
        return kills

    def end(self, verb: Verb, calm: Calm, line: tuple[str, ...], folder: Path) -> list[str]:
        """Let the command end; return what is wrong with how it ended."""
        code, _, words = self.course(line, folder)
        ended = code == calm.code or (verb.done and verb.done in words)
        problems = [] if ended else [f"exit {code} at the end: {words[-300:]}"]
        if "Traceback" in words:
            problems.append("a traceback at the end: " + words[-300:])
        return problems

    def compare(self, verb: Verb, calm: Calm, folder: Path) -> list[str]:
        """Return in what the result differs from the undisturbed one."""
        try:
            problems = differences(calm.facts, facts(folder))
        except Exception as error:  # whatever a reader says of a damaged folder is what was looked for
            problems = [f"the result cannot be read: {type(error).__name__}: {error}"]
        if verb.gone and (files := held(folder / "data", self.pieces)):
            problems.append(f"bytes of the person in {', '.join(files)}")
        return problems

    def write(self, **entry: Any) -> None:
        """Add a line to the log."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _judge(code: int | None, words: str, hit: bool, calm_code: int) -> list[str]:
    """Return what is wrong with how a command ended that a signal hit."""
    wrong = []
    if code is None:
        wrong.append("hangs")
    if "Traceback" in words:
        wrong.append("a traceback: " + " ".join(words[-200:].split()))
    if code not in (None, calm_code, -9, -15, -2, 143, 130):
        wrong.append(f"exit {code}: " + " ".join(words[-200:].split()))
    if not hit and code != calm_code:
        wrong.append(f"exit {code} without a signal")
    return wrong


def summary(lines: list[dict[str, Any]]) -> str:
    """Return the table of counts: kills by verb and signal, rounds, and rounds with a difference."""
    kills = Counter((line["kill"], line["by"]) for line in lines if "kill" in line)
    rounds = Counter(line["verb"] for line in lines if "round" in line)
    bad = Counter(line["verb"] for line in lines if line.get("problems"))
    signals = ("SIGKILL", "SIGTERM", "SIGINT")
    rows = ["| verb | SIGKILL | SIGTERM | SIGINT | rounds | other than undisturbed |", "|---|---|---|---|---|---|"]
    for name in (*(verb for verb in VERBS if rounds[verb]), "all"):
        counts = [sum(kills[key, by] for key in VERBS if name in (key, "all")) for by in signals]
        ended = [sum(counter[key] for key in VERBS if name in (key, "all")) for counter in (rounds, bad)]
        rows.append(f"| {name} | " + " | ".join(map(str, [*counts, *ended])) + " |")
    return "\n".join(rows)


def main() -> int:
    """Kill until there are enough; exit 1 where a result differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="how many in all, those of the log included")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=None, help="a line a kill; an existing one is continued")
    parser.add_argument("--work", type=Path, default=None, help="where the world lies; default: a temporary folder")
    parser.add_argument("--verbs", nargs="+", choices=sorted(VERBS), default=list(VERBS))
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="kills-"))
    log = options.log or work / "kills.jsonl"
    work.mkdir(parents=True, exist_ok=True)
    lines = _read(log)
    done, kills = sum("round" in line for line in lines), sum("kill" in line for line in lines)
    sys.path.insert(0, ROOT)  # what compares is of the same place
    launcher = Launcher()
    harness = Harness(work, launcher, log)
    harness.make_world(several=False)
    if "export-mmdg" in options.verbs:
        harness.make_world(several=True)
    order = [name for name in options.verbs for _ in range(1 if VERBS[name].heavy else 2)]
    random.Random(options.seed).shuffle(order)
    while kills < options.kills:
        name = order[done % len(order)]
        kills += harness.round(done, name, options.seed)
        done += 1
        print(f"{kills} kills, round {done}: {name}", flush=True)
    launcher.close()
    lines = _read(log)
    print(summary(lines))
    for line in lines:
        if line.get("problems"):
            print(f"round {line['round']}, {line['verb']}: " + "; ".join(line["problems"]))
    print(f"log: {log}; folders of rounds that differed: {work / 'rounds'}")
    return int(any(line.get("problems") for line in lines))


def _read(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []


if __name__ == "__main__":
    sys.exit(main())
