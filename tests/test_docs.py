"""The documents: each block runs or says why not, the quick ones are run here, and the generated pages are whole."""

from __future__ import annotations

import doctest
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docs.blocks import parsing, reading, running
from docs.blocks.parsing import commands_of, fault_of
from docs.blocks.reading import Block, blocks_of, documents, read_blocks
from docs.blocks.running import Failed, Programs, shell_of
from docs.written import copies, formats, pages, tables

QUICK = [block for name in documents() for block in blocks_of(name) if "quick" in block.comments]
LIGHT = ("pydantic", "typer", "yaml", "fasdata.cli", "fastrain.cli")


@pytest.mark.parametrize("document", documents())
def test_each_block_runs_or_says_why(document):
    silent = [
        block.place
        for block in blocks_of(document)
        for word in ("not run", "dry run")
        if block.is_code and len(block.comments.get(word, "a reason that is long enough")) < 12
    ]
    assert silent == []


@pytest.mark.parametrize("document", documents())
def test_the_name_of_a_file_stands_before_it_for_readers(document):
    """The comment that names it is not shown on a page."""
    lines = (reading.TOP / document).read_text(encoding="utf-8").splitlines()
    for block in blocks_of(document):
        if name := block.comments.get("file"):
            before = "\n".join(lines[max(0, block.line - 9) : block.line - 3])
            assert f"`{name}`" in before, block.place


def test_documents_have_blocks_that_run():
    running = [block for name in documents() for block in blocks_of(name) if block.runs]
    assert len(running) > 50 and len(QUICK) > 8


def test_every_command_is_one_that_the_programs_take():
    """Those that are not run too: what a document says exists, by name, option and number of arguments."""
    commands = [
        (block.place, words) for name in documents() for block in blocks_of(name) for words in commands_of(block)
    ]
    faults = [(place, " ".join(words), fault) for place, words in commands if (fault := fault_of(words))]
    assert faults == [] and len(commands) > 150


@pytest.mark.parametrize("module", [copies, formats, parsing, reading, running, tables])
def test_examples_give_what_they_show(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted and not outcome.failed


def test_quick_blocks_end_as_they_say(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with Programs(tmp_path / "programs", LIGHT) as programs:
        for block in QUICK:
            assert programs.run(block, folder, folder).strip(), block.place
        with pytest.raises(Failed, match="unknown dataset"):
            programs.run(Block("made up", 1, "sh", "fasdata datasets NOWHERE", {}), folder, folder)


def test_a_block_that_runs_out_of_time_leaves_nothing_running(tmp_path):
    """Neither its shell, nor the command that was forked for it, nor what that command started."""
    text = "import os, subprocess, time\nchild = subprocess.Popen(['sleep', '99'])\n"
    text += "open('numbers.part', 'w').write(f'{os.getpid()} {child.pid}')\nos.rename('numbers.part', 'numbers')\n"
    block = Block("made up", 1, "python", text + "time.sleep(99)", {})
    with Programs(tmp_path / "programs", (), limit=1.5) as programs:
        with pytest.raises(Failed, match=r"took more than 1\.5 s"):
            programs.run(block, tmp_path, tmp_path)
        numbers = [int(word) for word in (tmp_path / "numbers").read_text().split()]
        until = time.monotonic() + 20
        while any(is_running(number) for number in numbers) and time.monotonic() < until:
            time.sleep(0.05)
        assert [number for number in numbers if is_running(number)] == []


def test_what_is_preloaded_ends_with_the_process_that_started_it(tmp_path):
    line = "import sys, time; from pathlib import Path; from docs.blocks.running import Programs; "
    line += "programs = Programs(Path(sys.argv[1]), ()).__enter__(); "
    line += "print(programs._process.pid, flush=True); time.sleep(99)"
    tester = subprocess.Popen([sys.executable, "-c", line, tmp_path / "programs"], stdout=subprocess.PIPE, text=True)
    assert tester.stdout is not None
    number = int(tester.stdout.readline())
    assert is_running(number)
    tester.kill()
    tester.wait()
    until = time.monotonic() + 20
    while is_running(number) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(number)


def is_running(number: int) -> bool:
    """Whether a process is there and not only waiting to be buried."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_dry_run_and_mnt_are_put_into_commands():
    block = Block(
        "made up", 1, "sh", "for s in 0 1; do\n  fastrain run erm --data /mnt/data\ndone", {"dry run": "hours"}
    )
    script = shell_of(block, Path("/raw"))
    assert script.endswith("\n  tried fastrain run --dry-run erm --data /raw/data\ndone")


def test_comments_count_right_before_a_block_alone():
    text = "<!-- not run: it deletes the moon -->\n\n    fastrain run x\n\n"
    text += "<!-- quick -->\nWords.\n\n```sh\nfasdata views\n```\n"
    first, second = read_blocks(text)
    assert (first.is_code, first.runs, first.comments) == (True, False, {"not run": "it deletes the moon"})
    assert (second.runs, second.comments) == (True, {})


def test_generated_pages_say_what_the_code_knows():
    texts = dict(pages())
    assert "`--detector-model <str>`" in texts["commands/fasdata.md"]
    assert "`train.max_iterations` = " in texts["settings/every_run.md"]
    assert "`model.lr` = " in texts["settings/erm.md"]
    assert "Michigan State University" in texts["field_guide/datasets.md"]
    assert (
        "| `sample_id` |" in texts["parts/manifest_columns.md"] and "`networks[].view`" in texts["parts/bundle_keys.md"]
    )
    for source, page in copies.copied().items():
        assert texts[page].splitlines()[0].startswith("# "), source
