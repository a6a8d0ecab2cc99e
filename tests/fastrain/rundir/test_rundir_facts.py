"""Every wrong fact in a file of ours ends in one line that names the file and the key, whatever command reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.lock.lock import lock_of_library, lock_path
from fastrain.compare.compare import compare
from fastrain.networks.checkpoint import Checkpoint
from fastrain.report.run_folder import RunFolder
from fastrain.rescore.other_data import Asked, score_again
from fastrain.run.plan import check_settings, make_plan
from fastrain.run.request import RunRequest
from fastrain.run.run import evaluate_run, run
from fastrain.run.session import Session
from fastrain.train.devices import open_devices
from tests.fastrain.sessions import request, session

DEEP = "[" * 200 + "]" * 200
ERM = ("optimiser=adamw", "schedule=step", "max_iterations=3", "channels_last=false")
Change = Callable[[Any], Any]


@pytest.fixture(scope="module")
def begun(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after three iterations of six; not to be changed."""
    folder = tmp_path_factory.mktemp("begun") / "run"
    training = session(request("erm", library, folder, *ERM))
    training.train()
    return folder


@pytest.fixture(scope="module")
def finished(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; not to be changed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(request("erm", library, folder, *ERM))
    return folder


def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "run"))


def resume(folder: Path, library: Library) -> None:
    """Do what `fastrain run` does before its first iteration."""
    wanted = request("erm", library, folder, *ERM)
    plan = make_plan(wanted, check_settings(wanted))
    Session(plan, open_devices("cpu", "1", "32-true")).train()


def evaluate(folder: Path, library: Library) -> None:
    """Do what `fastrain eval RUN --data …` does."""
    score_again(folder, Asked(data=str(library.root)))


def at(path: str, value: Any) -> Change:
    """Return a change that puts a value at a dotted path of a tree."""

    def change(tree: Any) -> Any:
        *outer, name = path.split(".")
        for step in outer:
            tree = tree[int(step) if step.isdigit() and isinstance(tree, list) else step]
        tree[int(name) if name.isdigit() and isinstance(tree, list) else name] = value
        return None

    return change


def without(path: str) -> Change:
    """Return a change that takes a key out of a tree."""

    def change(tree: Any) -> Any:
        *outer, name = path.split(".")
        for step in outer:
            tree = tree[int(step) if step.isdigit() and isinstance(tree, list) else step]
        del tree[name]
        return None

    return change


def refused(command: Callable[[], object], *words: str) -> str:
    """Return the one line that a command refuses with; it holds the words, in their order, and says what to do."""
    with pytest.raises(UserError) as error:
        command()
    line = str(error.value)
    assert "\n" not in line and len(line) < 900, line
    place = 0
    for word in words:
        assert word in line[place:], f"{word!r} in {line}"
        place = line.index(word, place) + len(word)
    return line


# -- Facts of a checkpoint, on resume ---------------------------------------------------------------------------------

FACTS: list[tuple[Change, str]] = [
    (at("method", 3), "method: "),
    (at("method", "no_such"), "belongs to another method"),
    (without("method"), "method: Field required"),
    (at("iteration", -1), "iteration: "),
    (at("iteration", "3"), "iteration: "),
    (at("iteration", 10**30), "iteration: "),
    (at("iteration", 4), "iteration; expected at most 3; found 4"),
    (at("identity", []), "identity: "),
    (at("identity.config", 5), "identity.config: "),
    (at("lock", "none"), "lock: "),
    (at("format", 2), "another format"),
    (without("seconds"), "seconds: Field required"),
    (at("seconds", -4.0), "seconds: "),
    (at("best", [1]), "best: "),
    (at("best.auc", "high"), "best.auc: "),
    (without("best.auc"), "best.auc"),
    (at("streams", {}), "streams"),
    (at("streams.0/0", -3), "streams.0/0: "),
    (at("streams.7/1", 3), "streams"),
    (at("random", []), "random"),
    (without("random.0.torch"), "random.0.torch: Field required"),
    (at("random.0.torch", "AAAA"), "random generator"),
    (at("random.0.numpy", [1, 2]), "random.0.numpy: "),
    (at("random.0.python", ["x", [], None]), "random generator"),
    (at("scaler", {"scale": "x"}), "scaler.scale."),
    (at("frozen", ["no.such"]), "frozen"),
    (at("frozen", None), "frozen: "),
    (at("optimizers", {}), "optimizers"),
    (at("optimizers.all.groups", []), "groups"),
    (at("optimizers.all.groups.0.lr", -1.0), "groups.0.lr"),
    (at("optimizers.all.groups.0.lr", "fast"), "groups.0.lr"),
    (without("optimizers.all.groups.0.lr"), "groups.0.lr"),
    (at("optimizers.all.groups.0.params", [0, 99]), "groups.0.params"),
    (at("optimizers.all.groups.0.betas", [0.9]), "groups.0.betas"),
    (at("optimizers.all.state", {"x": {}}), "optimizers.all.state.x"),
    (at("schedulers", {}), "schedulers"),
    (without("schedulers.all.last_epoch"), "last_epoch"),
    (at("schedulers.all.last_epoch", -7), "last_epoch"),
    (at("schedulers.all._last_lr", [0.1, 0.2]), "_last_lr"),
]


@pytest.mark.parametrize(("change", "words"), FACTS)
def test_facts_of_a_checkpoint(begun: Path, library: Library, tmp_path: Path, change: Change, words: str) -> None:
    folder = copied(begun, tmp_path)
    path = folder / "checkpoints" / "last.safetensors"
    held = Checkpoint.read(path)
    facts = json.loads(json.dumps({**held.facts}))
    change(facts)
    Checkpoint(held.tensors, facts).write(path)
    refused(lambda: resume(folder, library), "last.safetensors", words)


def test_a_description_that_is_no_json_or_too_deep(begun: Path, library: Library, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    folder = copied(begun, tmp_path)
    path = folder / "checkpoints" / "last.safetensors"
    for text, words in (("{", "is damaged"), (DEEP, "nested too deeply"), ("[1]", "another format"), ('"x"', "format")):
        save_file({"x": torch.zeros(1)}, path, {"fastrain": text})
        refused(lambda: resume(folder, library), "last.safetensors", words)


# -- Tensors of a checkpoint ------------------------------------------------------------------------------------------


def fewer(tensors: dict[str, Any], name: str) -> None:
    del tensors[name]


HEAD, STATE = "method/head.weight", "optimizer/all/0/exp_avg"
TENSORS: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("shape", lambda held: held.update({HEAD: torch.zeros(3, 3)}), "it has another head.weight (float32 [3, 3] for"),
    ("type", lambda held: held.update({HEAD: held[HEAD].double()}), "head.weight (float64"),
    ("kind", lambda held: held.update({HEAD: held[HEAD].to(torch.int32)}), "head.weight (int32"),
    ("missing", lambda held: fewer(held, HEAD), "it lacks head.weight"),
    ("strange", lambda held: held.update({"method/eye": torch.zeros(1)}), "it has an unknown eye"),
    ("state missing", lambda held: fewer(held, STATE), "state.0; expected exp_avg, exp_avg_sq, step; found no exp_avg"),
    ("state shape", lambda held: held.update({STATE: torch.zeros(2)}), "state.0.exp_avg"),
    ("state number", lambda held: held.update({"optimizer/all/999/exp_avg": torch.zeros(2)}), "state.999"),
    ("state name", lambda held: held.update({"optimizer/all/x": torch.zeros(2)}), "'x'"),
]


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in TENSORS], ids=[case[0] for case in TENSORS])
def test_tensors_of_a_checkpoint(
    begun: Path, library: Library, tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    folder = copied(begun, tmp_path)
    path = folder / "checkpoints" / "last.safetensors"
    held = Checkpoint.read(path)
    tensors = dict(held.tensors)
    change(tensors)
    Checkpoint(tensors, held.facts).write(path)
    refused(lambda: resume(folder, library), "last.safetensors", words)


# -- run.json ---------------------------------------------------------------------------------------------------------

RUN: list[tuple[Change, str, str]] = [
    (at("status", 7), "status: ", "all"),
    (at("status", "sleeping"), "status: ", "all"),
    (at("selection", "best"), "selection: ", "all"),
    (at("selection.checkpoint", "../../elsewhere"), "selection.checkpoint: ", "all"),
    (at("selection.iteration", -2), "selection.iteration: ", "all"),
    (at("image_size", 10**9), "image_size: ", "all"),
    (at("image_size", "32"), "image_size: ", "all"),
    (at("seed", 1.5), "seed: ", "all"),
    (at("changed_data", "much"), "changed_data: ", "all"),
    (at("train_seconds", float("nan")), "train_seconds: ", "all"),
    (at("library", "a\0b"), "library: ", "all"),
    (at("n_domains", 0), "n_domains: ", "all"),
    (at("versions", {"torch": 2}), "versions.torch: ", "all"),
    (at("request", {"overrides": [5]}), "request.overrides.0: ", "all"),
    (at("lock", []), "lock: ", "all"),
    (without("selection"), "does not name the selected checkpoint", "eval"),
    (at("view", "no-such-view"), "unknown view 'no-such-view'", "eval"),
    (at("precision", "17-true"), "precision '17-true'", "eval"),
]


@pytest.mark.parametrize(("change", "words", "read_by"), RUN)
def test_facts_of_a_run(
    finished: Path, library: Library, tmp_path: Path, change: Change, words: str, read_by: str
) -> None:
    folder = copied(finished, tmp_path)
    about = json.loads((folder / "run.json").read_text())
    change(about)
    (folder / "run.json").write_text(json.dumps(about))
    refused(lambda: evaluate(folder, library), "run.json", words)
    if read_by == "all":
        refused(lambda: run(RunRequest(resume=str(folder))), "run.json", words)
        refused(lambda: evaluate_run(folder), "run.json", words)
        refused(lambda: compare([folder]), "run.json", words)
        refused(lambda: RunFolder.read(folder), "run.json", words)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("run.json", DEEP, "nested too deeply"),
        ("run.json", "[1]", "does not hold keys"),
        ("config.yaml", f"method: {DEEP}", "nested too deeply"),
        ("config.yaml", "- 1", "a mapping of keys"),
        ("config.yaml", "method: no_such", "unknown method 'no_such'"),
        ("config.yaml", "method: erm\ntrain: 3", "train: "),
        ("config.yaml", "method: erm\ntrain: {max_iterations: .nan}", "train.max_iterations: "),
        ("config.yaml", "method: erm\nmodel: {lr: .inf}", "model.lr: "),
        ("config.yaml", "method: erm\nlater: 3", "'later'"),
        ("manifest.json", '{"domains": 3}', "domains: "),
        ("manifest.json", '{"stores": {"a": 3}}', "stores.a: "),
    ],
)
def test_other_files_of_a_run(
    finished: Path, library: Library, tmp_path: Path, file: str, content: str, words: str
) -> None:
    folder = copied(finished, tmp_path)
    (folder / file).write_text(content)
    refused(lambda: evaluate(folder, library), file, words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"metrics": 3}', "metrics: "),
        ('{"metrics": [{"part": "test"}]}', "metrics.0.level: Field required"),
        ('{"thresholds": [{"policy": "x", "level": "clip", "value": "low"}]}', "thresholds.0.value: "),
        ('{"beside": {"selection": "x"}}', "beside.metrics: Field required"),
    ],
)
def test_results_of_a_run(finished: Path, library: Library, tmp_path: Path, content: str, words: str) -> None:
    folder = copied(finished, tmp_path)
    (folder / "results.json").write_text(content)
    refused(lambda: run(request("erm", library, folder, *ERM)), "results.json", words)
    assert "results.json could not be read" in RunFolder.read(folder).missing["results.json"]


# -- metrics.jsonl, on resume and in a report -------------------------------------------------------------------------

GOOD = '{"kind": "train", "iteration": 2, "epoch": 1, "loss": 0.5}'


@pytest.mark.parametrize(
    "line",
    [
        b'\xff\xfe{"kind": "train"}',
        b'{"kind": "trai',
        b"[1]",
        b'{"kind": "train", "iteration": "1", "epoch": 1}',
        b'{"kind": "train", "iteration": -1, "epoch": 1}',
        b'{"kind": "dream", "iteration": 1, "epoch": 1}',
        b'{"kind": "train", "iteration": 1}',
        b'{"kind": "train", "iteration": 1, "epoch": 1, "loss": "low"}',
        DEEP.encode(),
    ],
)
def test_a_damaged_line_of_the_log(begun: Path, library: Library, tmp_path: Path, line: bytes) -> None:
    folder = copied(begun, tmp_path)
    log = folder / "metrics.jsonl"
    log.write_bytes(line + b"\n" + GOOD.encode() + b"\n")
    refused(lambda: resume(folder, library), "metrics.jsonl: line 1", "take that line out")
    assert "metrics.jsonl could not be read" in RunFolder.read(folder).missing["metrics.jsonl"]
    log.write_bytes(GOOD.encode() + b"\n" + line)  # what a process that was killed leaves behind
    resume(folder, library)
    assert json.loads(log.read_text().splitlines()[0])["loss"] == 0.5
    assert len(RunFolder.read(folder).train_log) == 1


# -- fas.lock and --set -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (DEEP, "nested too deeply"),
        ("[]", "does not hold keys"),
        ('{"format": 2, "stores": {}, "protocols": {}}', "format: "),
        ('{"stores": {"msu-mfsd": 3}, "protocols": {}}', "stores.msu-mfsd"),
        ('{"stores": {}, "protocols": {"a": null}}', "protocols.a: "),
        ('{"stores": {}}', "protocols: Field required"),
        ('{"stores": {}, "protocols": {}, "owner": "x"}', "unknown key 'owner'"),
    ],
)
def test_a_wrong_lock(library: Library, tmp_path: Path, content: str, words: str) -> None:
    own = Library(tmp_path / "library")
    shutil.copytree(library.root, own.root)
    lock_of_library(own).write(lock_path(own))
    lock_path(own).write_text(content)
    wanted = request("erm", own, tmp_path / "run")
    refused(lambda: make_plan(wanted, check_settings(wanted)), "fas.lock", words, "fasdata lock")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (f"trunk_kwargs={DEEP}", "nested too deeply"),
        ("trunk_kwargs=3", "model.trunk_kwargs: "),
        ("train.seed=-1", "train.seed: "),
        ("train.seed=.nan", "train.seed: "),
        ("model.lr=.inf", "model.lr: "),
        ("model.lr=.nan", "model.lr: "),
        ("data.image_size=99999999", "data.image_size: "),
        ("data.batch_per_group=99999999999", "data.batch_per_group: "),
        ("data.batch_items=99999999999", "data.batch_items: "),
        ("data.workers=1000000", "data.workers: "),
        ("data.source_weights={C: 99999999999}", "data.source_weights.C: "),
        ("train.max_iterations=99999999999999", "train.max_iterations: "),
        ("evaluate.batch_size=99999999999", "evaluate.batch_size: "),
        ("data.augment.resize=99999999", "data.augment.resize: "),
    ],
)
def test_a_wrong_setting(library: Library, tmp_path: Path, setting: str, words: str) -> None:
    refused(lambda: check_settings(request("erm", library, tmp_path / "run", setting)), words)
