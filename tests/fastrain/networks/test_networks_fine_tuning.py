"""Which part of a trunk learns, at which rate, and which of its entries stay those of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from fasdata.errors import UserError
from fasdata.resources import configs_dir
from fastrain.methods.settings import SMALL_VIT
from fastrain.networks.fine_tuning import fix, fixed_entries, hold_still, rates_by_depth
from fastrain.networks.hub import hub_source
from fastrain.networks.trunk import pooled_trunk, statistics_of
from fastrain.networks.weights import load_trunk

DINO = "vit_small_patch14_reg4_dinov2"
KWARGS = dict(SMALL_VIT["trunk_kwargs"])  # type: ignore[call-overload]


def vit(side: int = 32, name: str = DINO) -> nn.Module:
    return pooled_trunk(name, KWARGS, side)[0]


def learning(trunk: nn.Module) -> set[str]:
    return {".".join(name.split(".")[:2]) for name, parameter in trunk.named_parameters() if parameter.requires_grad}


def test_the_last_blocks_of_a_fixed_trunk_learn_with_its_last_norm() -> None:
    trunk = vit()
    fix(trunk)
    assert learning(trunk) == set()
    fix(trunk, 1)
    assert learning(trunk) == {"blocks.1", "norm.weight", "norm.bias"}
    with pytest.raises(UserError, match="at most 2, the blocks of this trunk; found 3"):
        fix(trunk, 3)


def test_fixed_batch_norms_keep_their_statistics_and_the_others_learn() -> None:
    trunk = pooled_trunk("resnet10t", {"channels": [8, 8, 8, 8], "stem_width": 8})[0]
    fix(trunk, 1)
    hold_still(trunk.train())
    norms = {name: module for name, module in trunk.named_modules() if isinstance(module, nn.BatchNorm2d)}
    training = {name for name, module in norms.items() if module.training}
    assert training == {"layer4.0.bn1", "layer4.0.bn2", "layer4.0.downsample.2"}
    fix(trunk)
    hold_still(trunk.train())
    assert not any(module.training for module in trunk.modules())


def test_every_block_has_a_part_of_the_rate_of_the_next() -> None:
    trunk = vit()
    names = {id(parameter): name for name, parameter in trunk.named_parameters()}
    rates = {names[id(p)]: group["lr"] for group in rates_by_depth(trunk, 8.0, 0.5) for p in group["params"]}
    assert rates.keys() == set(names.values())
    wanted = {"reg_token": 1, "patch_embed.proj.bias": 1, "blocks.0.mlp.fc1.bias": 2, "blocks.1.ls1.gamma": 4}
    assert {name: rates[name] for name in (*wanted, "norm.bias")} == {**wanted, "norm.bias": 4}


def test_positions_of_another_image_size_are_resampled_and_the_rest_stays_the_files(tmp_path: Path) -> None:
    large, small = vit(64), vit(32)
    save_file({**large.state_dict(), "head.bias": torch.ones(3)}, tmp_path / "w.safetensors")
    fix(small, 1)
    read = load_trunk(small, DINO, str(tmp_path / "w.safetensors"))
    assert read is not None
    assert small.state_dict()["pos_embed"].shape == (1, 16, 16)
    corner = large.state_dict()["pos_embed"].view(8, 8, 16)[:2, :2].mean(dim=(0, 1))
    assert torch.nn.functional.cosine_similarity(small.state_dict()["pos_embed"][0, 0], corner, dim=0) > 0.8
    fixed = fixed_entries(small, read)
    assert set(fixed) == {name for name in small.state_dict() if not name.startswith(("blocks.1", "norm", "pos_embed"))}
    assert {(file.name, file.where) for file in fixed.values()} == {("w.safetensors", str(tmp_path / "w.safetensors"))}


def test_the_names_of_dinov2s_publisher_are_read(tmp_path: Path) -> None:
    ours = vit().state_dict()
    theirs = {name: value for name, value in ours.items() if name not in ("reg_token", "pos_embed")}
    theirs |= {"register_tokens": ours["reg_token"], "mask_token": torch.zeros(1, 16)}
    theirs["pos_embed"] = torch.cat([torch.zeros(1, 1, 16), ours["pos_embed"]], dim=1)
    torch.save(theirs, tmp_path / "dinov2_vits14_reg4_pretrain.pth")
    trunk = vit()
    assert load_trunk(trunk, DINO, str(tmp_path / "dinov2_vits14_reg4_pretrain.pth"))
    apart = [name for name, value in trunk.state_dict().items() if not torch.equal(value, ours[name])]
    assert not apart


def test_images_that_patches_do_not_fill_are_refused() -> None:
    with torch.device("meta"), pytest.raises(UserError, match=r"a multiple of 14; --set data.image_size=252"):
        pooled_trunk(DINO, {}, 256)


@pytest.mark.parametrize("preset", ["dinov2", "clip-lora", "start"])
def test_a_preset_states_the_statistics_of_its_trunk(preset: str) -> None:
    text = (configs_dir() / f"erm.{preset}.yaml").read_text()
    trunk = text.partition("trunk: ")[2].split()[0]
    mean, deviation = (" ".join(map(str, values)) for values in statistics_of(trunk))
    assert f"mean {mean}, deviation {deviation}" in text


def test_the_repository_guessed_from_a_name_is_timms_for_all_its_weights() -> None:
    for name in timm.list_pretrained():
        hub_id = timm.get_pretrained_cfg(name).hf_hub_id
        assert not hub_id or hub_source(name)[0] == hub_id.partition("@")[0]
