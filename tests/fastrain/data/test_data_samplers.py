"""What is drawn: frames or clips, sources alike or by their length, as the configuration or the recipe says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from fasdata.library import Library
from fasdata.manifests.meta import Domain
from fasdata.protocols.recipe import load_recipe, recipes
from fastrain.config import RunConfig
from fastrain.data.loader import TrainLoader
from fastrain.data.samplers import SamplingPlan
from tests.fastrain.data.test_data_loader import CHANGES, images_of, same


def meta(recipe: str, pool: str, repeats: tuple[int, ...] = (1, 1)) -> dict[str, Any]:
    domains = [
        Domain(domain_id=i, domain=str(i), dataset=f"set-{i}", letter="X", name=f"Set {i}", repeats=n).model_dump()
        for i, n in enumerate(repeats)
    ]
    return {"recipe": load_recipe(recipe).model_dump(mode="json"), "pool": pool, "domains": domains}


def drawing(of: dict[str, Any], *, apart: bool = False, frames: str = "all", **data: Any) -> SamplingPlan:
    config = RunConfig.model_validate({"method": "erm", "data": data, "evaluate": {"frames": frames}})
    return SamplingPlan.of(config, of, apart=apart)


def test_the_recipe_decides_where_the_configuration_does_not() -> None:
    plain = drawing(meta("standard", "mcio"))
    assert (plain.sampler, plain.clips, plain.notes, plain.deviations) == ("groups", False, (), ())
    for recipe in ("gac_fas", "sa_fas"):
        assert drawing(meta(recipe, "mcio")).clips
    mixed = drawing(meta("mmdgfas", "mm", (1, 10)))
    assert (mixed.sampler, mixed.repeats) == ("sources", (1, 10))
    assert "Set 1 10 times" in mixed.notes[0] and not mixed.deviations


def test_no_recipe_is_left_with_something_that_is_not_done() -> None:
    for name in recipes():
        for pool in load_recipe(name).pools:
            assert drawing(meta(name, pool, (1, 4))).deviations == ()


def test_what_the_configuration_overrules_is_told() -> None:
    frames = drawing(meta("gac_fas", "mcio"), items="frames")
    assert not frames.clips and "one random frame of a clip at every visit; here on every frame" in frames.deviations[0]
    alike = drawing(meta("mmdgfas", "mm"), sampler="groups")
    assert alike.sampler == "groups" and "data.sampler=groups" in alike.deviations[0]
    assert drawing(meta("standard", "mcio"), items="clips", sampler="shuffled").deviations == ()


def test_a_method_that_draws_its_domains_apart_gets_groups() -> None:
    apart = drawing(meta("mmdgfas", "mm"), apart=True)
    assert apart.sampler == "groups" and "which the method needs" in apart.deviations[0]


def test_how_clips_are_scored_is_told_where_the_authors_draw_one_frame() -> None:
    assert any("mean over its frames" in note for note in drawing(meta("gac_fas", "mcio")).notes)
    assert not any("mean" in note for note in drawing(meta("gac_fas", "mcio"), frames="random_one").notes)


def test_a_manifest_of_an_older_recipe_or_inside_one_dataset_is_drawn_alike() -> None:
    assert drawing({**meta("standard", "oulu")}).sampler == "groups"
    assert drawing({**meta("standard", "mcio"), "recipe": {"name": "standard"}}).sampler == "groups"


def loader(library: Library, **options: Any) -> TrainLoader:
    options = {"n_domains": 3, "per_group": 2, "seed": 5, "batch_items": 8, **options}
    return TrainLoader(images_of(library, "train"), CHANGES, **options)


def test_every_pass_takes_each_clip_once_with_another_frame(library: Library) -> None:
    made = loader(library, clips=True)
    frames: dict[str, list[str]] = {}
    for _ in range(40):
        drawn = [name.rsplit("/", 1) for name in made.draw([0])["id"]]
        assert Counter(clip for clip, _ in drawn) == {clip: 1 for clip, _ in drawn} and len(drawn) == 4
        for clip, frame in drawn:
            frames.setdefault(clip, []).append(frame)
    assert len(frames) == 4  # two people, two labels
    for seen in frames.values():
        assert 8 <= seen.count("3") <= 32 and seen.count("3") + seen.count("9") == 40


@pytest.mark.parametrize("sampler", ["groups", "sources", "shuffled", "balanced"])
@pytest.mark.parametrize("clips", [False, True])
def test_every_way_of_drawing_is_exact_with_threads_and_after_a_stop(
    library: Library, sampler: str, clips: bool
) -> None:
    plain = loader(library, sampler=sampler, clips=clips, repeats=(1, 2, 1))
    ahead = loader(library, sampler=sampler, clips=clips, repeats=(1, 2, 1), workers=3)
    for _ in range(7):
        assert same(plain.draw(range(3)), ahead.draw(range(3)))
    ahead.close()
    resumed = loader(library, sampler=sampler, clips=clips, repeats=(1, 2, 1), workers=2)
    resumed.draw(range(3))
    resumed.restore(plain.state())
    for _ in range(5):
        assert same(plain.draw(range(3)), resumed.draw(range(3)))
    resumed.close()


def test_a_source_of_more_repeats_fills_more_of_the_batches(library: Library) -> None:
    made = loader(library, sampler="sources", repeats=(1, 10, 1), batch_items=24)
    batches = [made.draw(range(3)) for _ in range(8)]  # two passes of 2 x (8 + 80 + 8) - 96 each label
    domains = torch.cat([batch["domain"] for batch in batches])
    labels = torch.cat([batch["label"] for batch in batches])
    assert torch.bincount(domains).tolist() == [16, 160, 16]
    for domain in range(3):
        assert labels[domains == domain].float().mean() == 0.5


def test_devices_share_a_mixed_draw_of_one_device(library: Library) -> None:
    whole = loader(library, sampler="sources", repeats=(1, 3, 1), batch_items=8)
    options = {"sampler": "sources", "repeats": (1, 3, 1), "batch_items": 4, "devices": 2}
    shares = [loader(library, rank=rank, **options) for rank in range(2)]
    for _ in range(6):
        batch, parts = whole.draw(range(3)), [share.draw(range(3)) for share in shares]
        assert batch["id"] == parts[0]["id"] + parts[1]["id"]
        rgb = torch.cat([part["modalities"]["rgb"] for part in parts])
        assert torch.equal(batch["modalities"]["rgb"], rgb)
        assert shares[0].state() == shares[1].state() == whole.state()


def test_a_batch_of_groups_is_handed_on_without_a_copy(library: Library) -> None:
    """All groups of a draw are prepared into one room; another order of domains costs a copy and nothing else."""
    made = loader(library, workers=2)
    made.draw([0, 1, 2])
    usual = made.draw([0, 1, 2])["modalities"]["rgb"]
    assert usual.untyped_storage().nbytes() == usual.nbytes
    other = loader(library)
    for _ in range(2):
        other.draw([0, 1, 2])
    assert same(made.draw([2, 0]), other.draw([2, 0]))
    assert np.isfinite(usual.numpy()).all()
    made.close()
