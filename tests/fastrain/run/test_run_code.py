"""A method from outside: run by its file, its code written down, and imported only where its user names it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.faces.own_view import forget_views
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.protocols.own_rules import forget_rules, name_rule, require_named
from fastrain.methods.registry import forget_named, method_class, name_method
from fastrain.networks.checkpoint import Checkpoint
from tests.commands import Called
from tests.fastrain.sessions import Killed
from tests.fastrain.world import TINY, TINY_ERM

SOURCE = """
import torch
from torch import nn
from torch.nn import functional as F

from fastrain.methods.base import Method, OptimSpec
from fastrain.methods.settings import MethodSettings


class Settings(MethodSettings):
    lr: float = 0.05


class Mine(Method):
    name = "mine"
    Config = Settings
    default_view = "mxnet-256"

    def __init__(self, config, *, n_domains, image_size):
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        self.config, self.head = config, nn.Conv2d(3, 2, 4, stride=2)

    def configure(self):
        return {"all": OptimSpec(torch.optim.SGD(self.parameters(), lr=self.config.lr))}

    def logits(self, batch):
        return self.head(batch["modalities"]["rgb"]).relu().mean(dim=(2, 3))

    def training_step(self, batch, ctx):
        loss = F.cross_entropy(self.logits(batch), batch["label"])
        ctx.zero_grad("all")
        ctx.backward(loss)
        ctx.step("all")
        return {"loss": loss.detach()}

    def predict(self, batch):
        return self.logits(batch).softmax(dim=1)[:, 1]
"""
SHORT = [setting for key in TINY[3:] for setting in ("--set", key)]


@pytest.fixture(autouse=True)
def unnamed() -> Iterator[None]:
    """Every test begins and ends in a process that knows no method from outside."""
    forget_named()
    yield
    forget_named()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def mine(home: Path) -> Path:
    path = home / "mine.py"
    path.write_text(SOURCE)
    return path


def begin(mine: Path, library: Library, out: Path, *more: str) -> Called:
    common = ["--protocol", "CIO-M", "--data", library.root, "--accelerator", "cpu", "--out", out]
    return Called("fastrain", "run", f"{mine}:Mine", *common, *SHORT, *more)


def method_is_unknown() -> bool:
    with pytest.raises(UserError, match="unknown method 'mine'"):
        method_class("mine")
    return True


@pytest.fixture
def done(home: Path, mine: Path, library: Library, tmp_path: Path) -> Path:
    """A copy of a finished run, after which the process has forgotten the method."""
    if not (home / "run").exists():
        assert begin(mine, library, home / "run").code == 0
    forget_named()
    return Path(shutil.copytree(home / "run", tmp_path / "run"))


def test_what_was_used_is_in_the_run_the_checkpoint_and_the_report(done: Path, mine: Path) -> None:
    (used,) = json.loads((done / "run.json").read_text())["code"]
    assert (used["what"], used["name"], used["named"]) == ("method", "mine", f"{mine}:Mine")
    assert used["files"].keys() == {"mine.py"} and used["sha256"] in (done / "report.html").read_text()
    about = Checkpoint.read(done / "checkpoints" / "last.safetensors").about
    assert about.method == "mine" and about.identity["code of the method mine"] == used["sha256"]
    assert (done / "code" / "mine" / "mine.py").read_text() == SOURCE


@pytest.mark.parametrize(
    "line", [("eval", "--on", "msu-mfsd"), ("export", "--out", "x.fasb"), ("predict", "x.png"), ("landscape",)]
)
def test_no_run_folder_has_its_code_imported(done: Path, mine: Path, line: tuple[str, ...]) -> None:
    """Neither from the file, which is still there, nor from the copy in the folder."""
    mine.write_text("raise SystemExit('imported')\n")
    verb, *options = line
    refusal = Called("fastrain", verb, done, *options).line
    assert f"was made with the method mine from {mine}:Mine" in refusal and f"--with {mine}:Mine" in refusal
    assert method_is_unknown()


def test_a_run_is_scored_again_with_the_code_that_its_user_names(done: Path, mine: Path, library: Library) -> None:
    scored = Called("fastrain", "eval", done, "--protocol", "CIO-M", "--data", library.root, "--with", f"{mine}:Mine")
    assert scored.code == 0, scored.error
    (again,) = (done / "evaluations").glob("*/run.json")
    assert json.loads(again.read_text())["code"] == json.loads((done / "run.json").read_text())["code"]
    forget_named()
    copy = done / "code" / "mine" / "mine.py"  # the same bytes, named by the user, are the same code
    words = Called("fastrain", "eval", done, "--protocol", "CIO-M", "--data", library.root, "--with", f"{copy}:Mine")
    assert words.code == 0


def test_changed_code_is_refused(done: Path, mine: Path, library: Library) -> None:
    mine.write_text(SOURCE + "# another thought\n")
    named = ("--with", f"{mine}:Mine")
    line = Called("fastrain", "eval", done, "--protocol", "CIO-M", "--data", library.root, *named).line
    assert "is not what" in line and "mine.py changed" in line and str(done / "code") in line


def test_a_stopped_run_goes_on_with_the_same_code_alone(
    mine: Path, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    name_method(f"{mine}:Mine")
    kind, steps = method_class("mine"), 0
    step = kind.training_step

    def dying(self: object, batch: object, ctx: object) -> object:
        nonlocal steps
        steps += 1
        if steps == 8:
            raise Killed
        return step(self, batch, ctx)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "training_step", dying)
    with pytest.raises(Killed):
        begin(mine, library, out)
    monkeypatch.undo()
    forget_named()
    assert f"--with {mine}:Mine" in Called("fastrain", "run", "--resume", out).line
    mine.write_text(SOURCE.replace("0.05", "0.06"))
    assert "mine.py changed" in begin(mine, library, out).line
    forget_named()
    mine.write_text(SOURCE)
    assert Called("fastrain", "run", "--resume", out, "--with", f"{mine}:Mine").code == 0
    assert json.loads((out / "run.json").read_text())["status"] == "finished"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('name = "mine"', 'name = "erm"'), "calls itself erm, which is a method of ours"),
        (('name = "mine"', 'name = "../mine"'), "has no name"),
        (("Config = Settings", "Config = dict"), "has no settings"),
        (("class Mine(Method)", "class Mine"), "is no method"),
        (('default_view = "mxnet-256"', ""), "has no view"),
    ],
)
def test_a_class_that_is_no_method_is_refused(mine: Path, change: tuple[str, str], words: str) -> None:
    mine.write_text(SOURCE.replace(*change))
    with pytest.raises(UserError, match=words):
        name_method(f"{mine}:Mine")


def test_the_plan_of_a_dry_run_names_the_code(mine: Path, library: Library, tmp_path: Path) -> None:
    shown = begin(mine, library, tmp_path / "run", "--dry-run").out
    assert f"code      mine is from {mine}:Mine" in shown and not (tmp_path / "run").exists()


def test_a_forged_folder_that_names_code_as_its_method_imports_nothing(done: Path, mine: Path) -> None:
    mine.write_text("raise SystemExit('imported')\n")
    about = json.loads((done / "run.json").read_text())
    forged = {**about, "code": [], "method": f"{mine}:Mine", "status": "stopped"}
    forged["request"] = {**about["request"], "method": f"{mine}:Mine"}
    (done / "run.json").write_text(json.dumps(forged))
    config = (done / "config.yaml").read_text().replace("method: mine", f"method: {mine}:Mine")
    (done / "config.yaml").write_text(config)
    for line in (("run", "--resume", done), ("predict", done, "x.png"), ("eval", done, "--on", "msu-mfsd")):
        assert "unknown method" in Called("fastrain", *line).line


def test_a_run_keeps_the_text_of_its_view_and_where_it_is_from(library: Library, home: Path, tmp_path: Path) -> None:
    file, out = home / "views.py", tmp_path / "run"
    file.write_text('TIGHT = "fas-256(size=32,eye_dist=0.4)"\n')
    common = ["--protocol", "CIO-M", "--data", library.root, "--accelerator", "cpu", "--out", out]
    short = [word for key in (*TINY_ERM, "max_iterations=3") for word in ("--set", key)]
    begun = Called("fastrain", "run", "erm", *common, *short, "--view", f"{file}:TIGHT")
    assert begun.code == 0, begun.error
    about = json.loads((out / "run.json").read_text())
    (used,) = about["code"]
    assert (used["what"], used["name"]) == ("view", "fas-256(size=32,eye_dist=0.4)")
    assert (used["named"], about["view"]) == (f"{file}:TIGHT", "fas-256(eye_dist=0.4)")
    assert used["sha256"] in (out / "report.html").read_text() and (out / "code" / "data-view" / "views.py").is_file()
    file.unlink()
    forget_views()
    (out / "run.json").write_text(json.dumps({**about, "status": "stopped"}))
    again = Called("fastrain", "run", "--resume", out)
    assert again.code == 0, again.error
    assert json.loads((out / "run.json").read_text())["code"] == [used]


def test_a_run_says_what_code_chose_the_frames_of_its_manifest(library: Library, home: Path, tmp_path: Path) -> None:
    file, out = home / "rules.py", tmp_path / "run"
    file.write_text("def ends(n, clip_id):\n    return [0, n - 1]\n")
    kind = name_rule(f"{file}:ends")
    kept = {"what": "frame rule", "name": kind, **require_named(kind).code.facts()}
    forget_rules()
    (built,) = library.root.glob("protocols/*/standard/manifest.parquet")
    manifest = Manifest.read(built)
    rules = {**manifest.meta["frame_rules"], "test": f"{kind}@decoded"}
    given = replace(manifest, meta={**manifest.meta, "code": [kept], "frame_rules": rules}).write(tmp_path / "given")
    short = [word for key in (*TINY_ERM, "max_iterations=3") for word in ("--set", key)]
    line = ["run", "erm", "--manifest", given, "--data", library.root, "--accelerator", "cpu", "--out", out, *short]
    assert f"code      {kind} is from {file}:ends" in Called("fastrain", *line, "--dry-run").out
    done = Called("fastrain", *line)
    assert done.code == 0, done.error
    assert json.loads((out / "run.json").read_text())["code"] == [kept]
    assert kept["sha256"] in (out / "report.html").read_text()
    assert f"chosen by {kind}@decoded, a rule from outside" in Called("fastrain", "predict", out, "x.png").line
