"""`fasdata doctor` as a user meets it."""

import json

import pytest

from fasdata.doctor import examine
from fasdata.doctor.diagnosis import Check, as_data, as_text
from fasdata.library import Library
from tests.commands import Called

HEALTHY = [Check("packages", "python", "ok", "3.11")]
FAULTY = [
    *HEALTHY,
    Check("images and video", "opencv", "problem", "two builds", "install one"),
    Check("library", "file system", "note", "nfs4", "use a local disk"),
]


def given(monkeypatch, checks):
    monkeypatch.setattr(examine, "examine", lambda library: checks)


def test_exit_code_tells_a_problem_and_a_note_is_none(monkeypatch):
    for checks, code in ((FAULTY, 3), (HEALTHY, 0), ([FAULTY[2]], 0)):
        given(monkeypatch, checks)
        assert Called("fasdata", "doctor").code == code
        assert Called("fasdata", "doctor", "--json").code == code


def test_json_holds_what_the_text_says(monkeypatch):
    given(monkeypatch, FAULTY)
    data = json.loads(Called("fasdata", "doctor", "--json").out)
    assert (data["ok"], data["problems"], data["notes"]) == (False, 1, 1)
    assert data["checks"][1] == {
        "area": "images and video", "name": "opencv", "state": "problem", "found": "two builds", "do": "install one",
    }  # fmt: skip
    assert as_data(HEALTHY, "1")["ok"] is True


def test_text_has_a_line_a_check_and_what_to_do_below_it():
    lines = as_text(FAULTY).splitlines()
    place = next(place for place, line in enumerate(lines) if "opencv" in line)
    assert lines[place].split() == ["problem", "opencv", "two", "builds"]
    assert lines[place + 1].strip() == "-> install one"
    assert lines[-1] == "1 problem, 1 note"


def test_a_look_that_fails_is_a_problem_of_its_own():
    def look():
        raise ZeroDivisionError("oops")

    (check,) = examine.guarded("machine", look)
    assert (check.area, check.state, check.found) == ("machine", "problem", "ZeroDivisionError: oops")


def test_every_area_is_looked_at_and_nothing_fails_to_be(tmp_path):
    checks = examine.examine(Library(tmp_path))
    assert {check.area for check in checks} == {
        "packages", "images and video", "accelerators", "weights", "machine", "library",
    }  # fmt: skip
    assert not [check for check in checks if check.name == "not checked"]
    assert all(check.do for check in checks if check.state == "problem")


@pytest.mark.parametrize("verb", ["doctor", "report"])
def test_help_loads_nothing_heavy(verb):
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from fasdata.cli import app\n"
        f"assert CliRunner().invoke(app, ['{verb}', '--help']).exit_code == 0\n"
        "print(sorted({'torch', 'cv2', 'pandas', 'matplotlib', 'scipy', 'av', 'lmdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
