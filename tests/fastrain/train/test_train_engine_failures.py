"""Training that goes wrong: who is named, what is kept, and checkpoints that belong to something else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

import fastrain.data.loader as loader_module
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.table import table_fingerprint
from fastrain.run.run import run
from fastrain.train.context import clips_in_words, culprits
from tests.fastrain.methods.tiny import DOMAINS, images, tiny
from tests.fastrain.sessions import before_step, last, request, session
from tests.fastrain.world import CANONICAL, RECIPE, SOURCES, rows_of, write_library, write_manifest

METHODS = ("erm", "gac_fas", "hfn_mp")


@pytest.mark.parametrize("method", METHODS)
def test_the_clip_that_makes_a_loss_nan_is_named(
    method: str, library: Library, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clip gives broken pixels from the moment on when training has saved something."""
    training = session(request(method, library, run_folder, "workers=0"))
    clip, armed = f"{SOURCES[1]}/s1__attack", [False]
    real = loader_module.collate

    def broken(*given: Any) -> dict[str, Any]:
        batch = real(*given)
        for place, name in enumerate(batch["id"]):
            if armed[0] and name.startswith(clip + "/"):
                batch["modalities"]["rgb"][place, 0, 0, 0] = float("nan")
        return batch

    monkeypatch.setattr(loader_module, "collate", broken)
    before_step(training, lambda iteration: armed.__setitem__(0, iteration > 6))
    with pytest.raises(UserError) as error:
        training.train()
    words = str(error.value)
    assert f"found not finite by itself: {clip}; the checkpoints written before are kept" in words
    at = int(words.partition("in iteration ")[2].partition(";")[0])
    assert at > 6
    kept = last(run_folder)
    assert kept.facts["iteration"] == 3 * ((at - 1) // 3)
    assert all(torch.isfinite(tensor).all() for tensor in kept.tensors.values())


@pytest.mark.parametrize("method", METHODS)
def test_a_broken_network_names_the_batch(method: str, library: Library, run_folder: Path) -> None:
    training = session(request(method, library, run_folder))

    def poison(iteration: int) -> None:
        if iteration == 5:
            with torch.no_grad():
                for parameter in training.method.parameters():
                    parameter.fill_(float("nan"))

    before_step(training, poison)
    with pytest.raises(UserError, match=r"the loss became nan in iteration 5; found a batch of the clips .*/s[01]__"):
        training.train()
    assert last(run_folder).facts["iteration"] == 3


def test_weights_that_are_not_finite_are_never_saved(library: Library, run_folder: Path) -> None:
    training = session(request("erm", library, run_folder, "select=last"))
    step = training.method.training_step

    def overflowing(batch: Any, ctx: Any) -> Any:
        logs = step(batch, ctx)
        if ctx.iteration == 6:  # a step too far, after a loss that was fine
            with torch.no_grad():
                training.method.head.weight.fill_(float("inf"))
        return logs

    training.method.training_step = overflowing  # type: ignore[method-assign]
    with pytest.raises(
        UserError, match=r"head\.weight is not finite after iteration 6; the checkpoints written before"
    ):
        training.train()
    assert last(run_folder).facts["iteration"] == 3


def test_culprits_are_found_by_their_pixels_or_their_scores() -> None:
    method, batch = tiny("erm"), images(range(DOMAINS))
    assert culprits(method, batch) == []
    batch["views"][1]["rgb"][4, 0, 0, 0] = float("inf")
    assert culprits(method, batch) == ["clip4/0"]

    clean = images(range(DOMAINS))
    method.train().predict = lambda batch: torch.tensor([float("nan")] * 2 + [0.0] * 10)  # type: ignore[method-assign]
    assert culprits(method, clean) == ["clip0/0", "clip1/0"]
    assert method.training
    method.predict = lambda batch: torch.full((12,), float("nan"))  # type: ignore[method-assign]
    assert culprits(method, clean) == []
    assert clips_in_words([f"d/c{i}/{frame}" for i in range(10) for frame in (0, 1)], most=3) == (
        "d/c0, d/c1, d/c2 and 7 more"
    )


@pytest.fixture(scope="module")
def trained(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of erm that has a checkpoint; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    session(request("erm", library, folder, "max_iterations=3")).train()
    return folder


def swapped(library: Library, trained: Path, folder: Path, method: str, *overrides: str, **options: Any) -> str:
    """Begin a run, put another run's checkpoint into its folder, and return what is said when it continues."""
    wanted = request(method, library, folder, "max_iterations=3", *overrides, **options)
    session(wanted).train()
    for suffix in (".safetensors", ".json"):
        shutil.copy(trained / "checkpoints" / f"last{suffix}", folder / "checkpoints")
    with pytest.raises(UserError) as error:
        session(wanted).engine.restore()
    return str(error.value)


def test_a_checkpoint_of_another_method_is_refused(library: Library, trained: Path, tmp_path: Path) -> None:
    words = swapped(library, trained, tmp_path / "run", "gac_fas")
    assert "belongs to another method; expected gac_fas; found 'erm'" in words


def test_a_checkpoint_of_another_configuration_is_refused(library: Library, trained: Path, tmp_path: Path) -> None:
    words = swapped(library, trained, tmp_path / "run", "erm", "seed=9")
    assert "last.safetensors belongs to another run; expected config " in words


def test_a_checkpoint_of_another_recipe_is_refused(library: Library, trained: Path, tmp_path: Path) -> None:
    elsewhere = write_library(tmp_path / "library")
    manifest = Manifest.read(elsewhere.protocol_dir(CANONICAL, RECIPE))
    place, name = manifest.table.schema.get_field_index("recipe"), "gac_fas"
    table = manifest.table.set_column(place, "recipe", pa.array([name] * len(manifest.table)))
    recipe = {**manifest.meta["recipe"], "name": name}
    meta = {**manifest.meta, "recipe": recipe, "fingerprint": table_fingerprint(table)}
    Manifest(table, meta).write(elsewhere.protocol_dir(CANONICAL, name))
    words = swapped(elsewhere, trained, tmp_path / "run", "erm", recipe=name)
    assert "belongs to another run; expected recipe gac_fas" in words and "found recipe standard" in words


def test_a_source_with_one_class_is_refused_by_name(library: Library, tmp_path: Path) -> None:
    rows = [
        r for r in rows_of(library) if not (r["part"] == "train" and r["domain_id"] == 2 and r["label"] == "attack")
    ]
    other = Library(tmp_path / "library")
    other.root.mkdir()
    for name in library.stores():
        (other.root / name).symlink_to(library.store_dir(name))
    write_manifest(other, rows)
    for sampler in ("groups", "shuffled"):
        with pytest.raises(UserError, match=r"source domain 2 \(oulu-npu\) has no attack frames in part train"):
            run(request("gac_fas", other, tmp_path / sampler, f"sampler={sampler}"))
    with pytest.raises(UserError, match=r"source domain 2 \(oulu-npu\) has no attack frames in part train"):
        run(request("hfn_mp", other, tmp_path / "hfn_mp"))


def test_what_needs_cuda_says_so(library: Library, tmp_path: Path) -> None:
    for switch in ("sync_batch_norm", "compile"):
        with pytest.raises(UserError, match=f"train.{switch} is for CUDA; found cpu"):
            session(request("gac_fas", library, tmp_path / switch, f"{switch}=true"))
