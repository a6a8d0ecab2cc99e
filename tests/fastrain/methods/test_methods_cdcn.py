"""CDCN: what its networks see, how a map becomes a score, and what its presets say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from fasdata.errors import UserError
from fastrain.conformance.memory_context import MemoryContext
from fastrain.methods.cdcn.map_losses import mean_over
from fastrain.methods.cdcn.method import CDCN
from fastrain.methods.cdcn.network import MapNetwork
from fastrain.methods.cdcn.published import from_reference, to_reference
from fastrain.methods.cdcn.settings import CDCNSettings
from fastrain.networks.central_difference import CentralDifference
from fastrain.run.import_run import import_run
from fastrain.run.settings import layered, presets, resolve
from tests.fastrain.methods.tiny import DOMAINS, SIZE, images, scored, tiny, trained

ALL = ("rgb", "depth", "ir")


def test_what_is_flat_leaves_no_trace_at_theta_one() -> None:
    """All differences of a flat image are zero, but at the border, outside of which it is black."""
    layer, flat = CentralDifference(3, 5, theta=1.0), torch.full((1, 3, 9, 9), 0.7)
    assert layer(flat)[..., 1:-1, 1:-1].abs().max() < 1e-6 < layer(flat).abs().max()
    plain = CentralDifference(3, 5, theta=0.0)
    torch.testing.assert_close(plain(flat), torch.nn.functional.conv2d(flat, plain.weight, padding=1))


def test_an_attack_is_drawn_as_nothing_and_a_face_as_its_mask() -> None:
    method = tiny("cdcn").double()
    batch = images(range(DOMAINS))
    batch["modalities"] = {"rgb": batch["modalities"]["rgb"].double()}
    batch["maps"] = {"face": (torch.rand(len(batch["label"]), 1, 32, 32) > 0.5).float()}
    with torch.no_grad():
        maps = method.train().network({"rgb": (255 * batch["modalities"]["rgb"] - 127.5) / 128})
    target = batch["maps"]["face"][:, 0] * batch["label"].view(-1, 1, 1)
    method = tiny("cdcn").double()
    logs = MemoryContext(method, lambda domains: batch).run_step()
    torch.testing.assert_close(logs["loss_map"], ((maps - target) ** 2).mean())
    torch.testing.assert_close(logs["loss"], logs["loss_map"] + logs["loss_contrast"])


def test_a_score_is_the_mean_over_the_mask_or_of_the_whole_map() -> None:
    maps, mask = torch.rand(3, 32, 32), torch.zeros(3, 32, 32)
    mask[0, :, :8], mask[1] = 1, 1
    inside, whole = (mean_over(maps, mask, inside=inside) for inside in (True, False))
    torch.testing.assert_close(inside, torch.stack([maps[0, :, :8].mean(), maps[1].mean(), maps[2].mean()]))
    torch.testing.assert_close(whole, torch.stack([maps[0].sum() / 256, maps[1].mean(), maps[2].mean()]))
    batch = images([0])
    batch["modalities"]["rgb"][:, :, :, : SIZE // 2] = 0
    by = {}
    for name in ("map_over_mask", "sum_over_mask", "map_mean"):
        method = tiny("cdcn", score=name)
        trained(method, 1)
        by[name] = scored(method, batch)
    torch.testing.assert_close(by["sum_over_mask"], 2 * by["map_mean"], rtol=0.07, atol=1e-4)  # the mask's edge
    assert not torch.allclose(by["map_over_mask"], by["sum_over_mask"], rtol=1e-3)
    black = {"modalities": {"rgb": torch.zeros(1, 3, SIZE, SIZE)}}
    assert torch.isfinite(scored(method, black)).all()


def test_depth_is_read_from_its_own_second_level_unless_released() -> None:
    batch = images([0])["modalities"]
    three = {name: batch[name].expand(-1, 3, -1, -1) for name in ("rgb", "ir", "depth")}
    torch.manual_seed(0)
    own = MapNetwork(ALL, "cdcn", 8, 0.7).eval()
    borrowed = MapNetwork(ALL, "cdcn", 8, 0.7, borrowed=True).eval()
    borrowed.load_state_dict(own.state_dict())
    seen: list[Tensor] = []
    for network in (own, borrowed):
        for name in ("rgb", "depth"):
            network.squeeze[name].register_forward_hook(lambda unit, joined, out: seen.append(joined[0]))
        network(three)
    rgb, depth, same_rgb, mixed = (joined.unflatten(1, (3, 8)) for joined in seen)
    assert torch.equal(rgb, same_rgb)
    assert torch.equal(mixed[:, 1], rgb[:, 1]) and not torch.equal(depth[:, 1], rgb[:, 1])
    for level in (0, 2):  # the third is made from depth's own second
        assert torch.equal(mixed[:, level], depth[:, level])
    assert CDCNSettings(compat="released").borrows and not CDCNSettings().borrows
    assert not MapNetwork(("rgb",), "cdcn", 8, 0.7, borrowed=True).borrowed


def test_a_missing_modality_is_black_and_a_foreign_one_refused() -> None:
    method = tiny("cdcn", modalities=ALL)
    trained(method, 1)
    batch = images([0])
    with pytest.raises(UserError, match=r"the trunk of ir cannot take this batch; expected images of 1 or 3 channels"):
        method.predict({"modalities": {name: batch["modalities"][name] for name in ("rgb", "depth")}})
    batch["modalities"]["rgb"].zero_()
    assert torch.isfinite(scored(method, batch)).all()


def test_settings_that_do_not_go_together_are_refused() -> None:
    for wrong, words in (
        ({"network": "cdcnpp", "modalities": ALL}, "cdcnpp sees one modality"),
        ({"depth_level2": "rgb"}, "read with rgb and depth only"),
        ({"absolute_weight": 0, "contrast_weight": 0}, "nothing would be learned"),
        ({"theta": 1.5}, "less than or equal to 1"),
    ):
        with pytest.raises(ValidationError, match=words):
            CDCNSettings(**wrong)


def test_the_presets_are_the_published_ones() -> None:
    rows = {name: resolve(layered("cdcn", name)) for name in presets("cdcn") if name != "demo"}
    epochs = {name: config.train.max_iterations / config.train.steps_per_epoch for name, config in rows.items()}
    clips = {"oulu-P1": 1200, "oulu-P2": 1080, "oulu-P3": 1500, "oulu-P4": 600}
    assert epochs == {
        **dict.fromkeys(clips, 1400), **dict.fromkeys(("cefa-4@1", "cefa-4@2", "cefa-4@3"), 60), "cefa-modalities": 50,
    }  # fmt: skip
    for name, config in rows.items():
        count, lr, theta = clips.get(name, 400), config.model["lr"], config.model["theta"]
        assert config.train.steps_per_epoch == -(-count // config.data.batch_items)
        assert (lr == 8e-5) == (config.model["network"] == "cdcnpp") == name.startswith("cefa-4")
        assert theta == {"cefa-4@1": 0.9, "cefa-4@2": 0.5}.get(name, 0.7)
        assert config.published_for in (None, name.replace("-", ":"))
        CDCN(CDCNSettings(**{**config.model, "width": 8}), n_domains=1, image_size=32)


@pytest.mark.parametrize(("network", "modalities"), [("cdcn", ("rgb",)), ("cdcnpp", ("rgb",)), ("cdcn", ALL)])
def test_a_published_checkpoint_becomes_a_run(tmp_path: Path, network: str, modalities: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    several, plus_plus = len(modalities) > 1, network == "cdcnpp"
    ours = MapNetwork(modalities, network, 8, 0.7, borrowed=True).state_dict()
    names = {key: to_reference(key, several=several, plus_plus=plus_plus) for key in ours}
    assert {name: from_reference(name) for name in names.values()} == {name: key for key, name in names.items()}
    torch.save({f"module.{names[key]}": value for key, value in ours.items()}, tmp_path / "CDCN_59.pkl")
    run = import_run("cdcn", tmp_path / "CDCN_59.pkl", tmp_path / "run", ["theta=0.9"])
    model = run.config().model
    assert (model["network"], model["width"], model["theta"]) == (network, 8, 0.9)
    assert tuple(model["modalities"]) == modalities and (model["depth_level2"] == "rgb") == several
    assert run.facts().tree()["selection"]["policy"].startswith("chosen by hand")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"epoch": 3}, "not a checkpoint of cdcn; expected the state dictionary of its network; found epoch"),
        ({"lastconv1.0.conv.weight": torch.zeros(1), "Block4.0.conv.weight": torch.zeros(1)}, "found Block4"),
        ({"lastconv1.0.conv.weight": torch.zeros(1), "conv1.x.conv.weight": torch.zeros(1)}, "found conv1.x"),
        ({"lastconv1.0.conv.weight": torch.zeros(8, 24, 3, 3)}, "lacks network.trunks"),
    ],
)
def test_what_is_no_such_checkpoint_is_refused(tmp_path: Path, content: dict, words: str) -> None:
    torch.save(content, tmp_path / "x.pkl")
    with pytest.raises(UserError, match=words):
        import_run("cdcn", tmp_path / "x.pkl", tmp_path / "run", ["width=8"])
