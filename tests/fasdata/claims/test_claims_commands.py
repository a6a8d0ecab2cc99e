"""Two commands that would fight over a place: the second is refused and told who the first is; others go together."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fasdata import claims
from fasdata.claims import claim, holder_of
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.store.writer_lock import lock_writer
from tests.commands import Called

BY_NAME = r"found '(?P<command>[^']+)' \(process (?P<pid>\d+) on \S+, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)"


def hold(take: Callable[[], object], held, end) -> None:
    with take():  # type: ignore[attr-defined]
        held.set()
        end.wait(60)


@contextmanager
def another_process(take: Callable[[], object]) -> Iterator[int]:
    """Another process holds a claim while the block runs."""
    fork = multiprocessing.get_context("fork")
    held, end = fork.Event(), fork.Event()
    process = fork.Process(target=hold, args=(take, held, end))
    process.start()
    try:
        assert held.wait(30)
        yield process.pid or 0
    finally:
        end.set()
        process.join()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "siw").mkdir()
    return Library(tmp_path)


PAIRS = {
    "extract twice": (lambda library: lock_writer(library.store_dir("siw")),) * 2,
    "pack, forget": (lambda library: library.in_use(["siw", "wmca"]), lambda library: library.emptying("siw")),
    "forget, build": (lambda library: library.emptying("siw"), lambda library: library.in_use(["wmca", "siw"])),
    "forget, forget another": (lambda library: library.emptying("siw"), lambda library: library.emptying("wmca")),
    "build one protocol twice": (lambda library: library.building("C2M", "standard"),) * 2,
}


@pytest.mark.parametrize("pair", PAIRS)
def test_the_second_is_refused_and_told_who_the_first_is(library, pair):
    first, second = PAIRS[pair]
    with another_process(lambda: first(library)) as pid:
        with pytest.raises(UserError, match="wait for it to end, or stop it") as error:
            second(library)
        assert (named := re.search(BY_NAME, str(error.value))) and named["pid"] == str(pid)
        assert "\n" not in str(error.value)
    second(library).close()  # it is free again


FRIENDS = {
    "pack, export": (lambda library: library.in_use(["siw"]),) * 2,
    "forget, pack others": (lambda library: library.emptying("siw"), lambda library: library.in_use(["wmca"])),
    "build two protocols": (
        lambda library: library.building("C2M", "standard"),
        lambda library: library.building("C2M", "gac_fas"),
    ),
}


@pytest.mark.parametrize("pair", FRIENDS)
def test_what_does_not_fight_goes_together(library, pair):
    first, second = FRIENDS[pair]
    with another_process(lambda: first(library)), second(library):
        pass


def test_a_killed_process_leaves_nothing_that_is_in_the_way(library):
    code = (
        "import os, sys; from pathlib import Path; from fasdata.library import Library\n"
        "claims = Library(Path(sys.argv[1])).emptying('siw'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(library.root)], check=False)
    assert list((library.root / ".locks").iterdir())
    with library.in_use(["siw"]):
        pass


def test_who_waits_goes_on_when_the_other_ends(library):
    lock = library.root / "x.lock"
    with another_process(lambda: claim(lock, "x is being built")):
        waiting = multiprocessing.get_context("fork").Process(
            target=lambda: claim(lock, "x is being built", wait=True).close()
        )
        waiting.start()
        time.sleep(0.3)
        assert waiting.is_alive()
    waiting.join(30)
    assert waiting.exitcode == 0


def test_who_comes_while_a_claim_is_shared_is_not_waited_for_without_a_word(library, monkeypatch):
    """The system gives a lock up before it shares it: another process can take the file in between."""
    lock, others, flock = library.root / "x.lock", [], fcntl.flock

    def giving_way(handle: int, kind: int) -> None:
        if kind & fcntl.LOCK_SH and not others:
            flock(handle, fcntl.LOCK_UN)
            others.append(os.open(lock, os.O_RDWR))
            flock(others[0], fcntl.LOCK_EX)
        flock(handle, kind | fcntl.LOCK_NB)

    monkeypatch.setattr(fcntl, "flock", giving_way)
    monkeypatch.setattr(claims, "_PATIENCE", 0.1)
    with pytest.raises(UserError, match="x is being emptied; expected one at a time; found another process"):
        claim(lock, "x is being emptied", shared=True)
    os.close(others[0])
    claim(lock, "x is being emptied", shared=True).close()


def test_a_claim_that_is_closed_twice_closes_nothing_else(library):
    held = claim(library.root / "x.lock", "x")
    held.close()
    with (library.root / "another").open("wb") as file:
        held.close()
        file.write(b"1")


def test_notes_name_the_command_and_nothing_that_it_was_given(library, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/fasdata", "forget", "siw", "person-12"])
    lock = library.root / "x.lock"
    with claim(lock, "x"):
        assert holder_of(lock).startswith(f"'fasdata forget' (process {os.getpid()} on ")
        assert b"person-12" not in lock.read_bytes()
    assert holder_of(lock) == "" == holder_of(library.root / "absent")


def test_a_library_that_can_only_be_read_is_used_without_claims(tmp_path):
    with Library(tmp_path / "absent").in_use(["siw"]):
        pass
    with pytest.raises(UserError, match=r"cannot be written.*choose another folder"):
        claim(tmp_path / "absent/x.lock", "x")


def test_the_commands_claim(library):
    """Through the command line: forgetting, while another process packs."""
    (library.root / "siw/store.json").write_text("{}")
    with another_process(lambda: library.in_use(["siw"])):
        line = Called("fasdata", "forget", "SiW", "12", "--data", library.root).line
    assert "siw in" in line and "is in use" in line and re.search(BY_NAME, line)
