"""Runs whose checkpoints hold what was trained alone: what they name, and how they find the rest again, or do not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.bundle.from_run import predictor_of_run
from fastrain.methods.settings import SMALL_VIT
from fastrain.networks.trunk import pooled_trunk
from fastrain.run.plan import check_settings, make_plan
from fastrain.run.request import RunRequest
from fastrain.run.run import made_ready, run
from tests.fastrain.sessions import last, request

NAME = "vit_small_patch14_reg4_dinov2"
KWARGS = dict(SMALL_VIT["trunk_kwargs"])  # type: ignore[call-overload]
SHORT = ("max_iterations=3", "optimiser=adamw", "freeze_trunk=true", "lora_rank=2", f"trunk={NAME}")


def write_weights(path: Path, seed: int = 0) -> Path:
    """Write a file of weights for images of 64 pixels; the run sees 32."""
    torch.manual_seed(seed)
    path.parent.mkdir(exist_ok=True)
    save_file(pooled_trunk(NAME, KWARGS, 64)[0].state_dict(), path)
    return path


@pytest.fixture(scope="module")
def finished(library: Library, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A finished run, and the file that it rests on; tests change copies of the run, and put the file back."""
    place = tmp_path_factory.mktemp("fixed")
    file = write_weights(place / "hub" / "dino.safetensors")
    wanted = request("erm", library, place / "run", *SHORT, f"trunk_kwargs={json.dumps(KWARGS)}", f"pretrained={file}")
    run(wanted)
    return place / "run", file


@pytest.fixture
def moved(finished: tuple[Path, Path], tmp_path: Path) -> Iterator[Path]:
    """A copy of the run on a machine where the file is not."""
    folder, file = finished
    shutil.copytree(folder, tmp_path / "run")
    away = file.rename(tmp_path / "away.safetensors")
    yield tmp_path / "run"
    shutil.copy(away, file)


def scores(folder: Path) -> Tensor:
    method = predictor_of_run(folder, accelerator="cpu").details["assembly"].method
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return method.eval().predict({"modalities": {"rgb": image}})


def test_a_checkpoint_holds_what_was_trained_and_names_the_file_of_the_rest(finished: tuple[Path, Path]) -> None:
    folder, file = finished
    checkpoint = last(folder)
    layers = [
        f"trunk.blocks.{n}.attn.{layer}.lora_{part}" for n in (0, 1) for layer in ("qkv", "proj") for part in "ab"
    ]
    # Resampled positions are not the file's own numbers.
    assert set(checkpoint.part("method")) == {*layers, "head.weight", "head.bias", "trunk.pos_embed"}
    (rest,) = checkpoint.about.fixed
    digest = sha256(file.read_bytes()).hexdigest()
    assert (rest.file, rest.sha256, rest.where) == ("dino.safetensors", digest, str(file))
    about = json.loads((folder / "run.json").read_text())
    assert about["fixed_weights"] == [rest.tree()]
    assert about["n_trained"] == sum(checkpoint.part("method")[name].numel() for name in (*layers, "head.weight")) + 2
    assert digest in (folder / "report.html").read_text()


def test_the_file_is_found_in_the_runs_own_folder_or_asked_for_in_a_line(
    finished: tuple[Path, Path], moved: Path
) -> None:
    folder, file = finished
    digest = last(folder).about.fixed[0].sha256
    with pytest.raises(UserError) as error:
        scores(moved)
    for part in (f"dino.safetensors (sha256 {digest}) at {file}", f"or as {moved / 'weights' / 'dino.safetensors'}"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)
    write_weights(moved / "weights" / "dino.safetensors", seed=1)
    with pytest.raises(
        UserError, match=f"another file than the one that was read; expected dino.safetensors .*{digest}"
    ):
        scores(moved)
    write_weights(moved / "weights" / "dino.safetensors")
    here = scores(moved)
    write_weights(file)
    assert torch.equal(here, scores(folder))


def test_a_stopped_run_goes_on_where_its_file_is(moved: Path) -> None:
    about = json.loads((moved / "run.json").read_text())
    (moved / "run.json").write_text(json.dumps({**about, "status": "stopped"}))
    wanted = RunRequest(resume=str(moved)).completed()
    plan = make_plan(wanted, check_settings(wanted))
    with pytest.raises(UserError, match="hold what was trained, and the rest is in a file that is not here"):
        made_ready(plan)
    write_weights(moved / "weights" / "dino.safetensors")
    assert made_ready(plan)[1].restored == 3
