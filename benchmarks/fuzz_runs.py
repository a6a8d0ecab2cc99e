"""Kinds of inputs around a run: its folder, checkpoints, weights from elsewhere, settings."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from fuzz_archives import safetensors_header, torch_content, torch_member
from fuzz_bytes import BINARY, TEXT
from fuzz_media import Kind
from fuzz_trees import csv_cell, json_line, json_value, yaml_value

from fasdata.page.page import Page
from fastrain.compare.compare import compare
from fastrain.evaluation.scores import ScoreOrigin
from fastrain.methods.base import Method, OptimSpec
from fastrain.methods.registry import importer, settings_class
from fastrain.networks.checkpoint import Checkpoint
from fastrain.networks.foreign import read_foreign
from fastrain.networks.weights import check_fits, read_state
from fastrain.report.data_tables import data_section
from fastrain.report.error_tables import metrics_section
from fastrain.report.glance import lines_section
from fastrain.report.iso_sheet import iso_section
from fastrain.report.ledger import ledger_section
from fastrain.report.run_folder import RunFolder
from fastrain.report.run_report import run_page
from fastrain.report.seeds import seeds_section
from fastrain.report.training import configuration_section, environment_section, missing_section
from fastrain.run.settings import layered, resolve
from fastrain.run.summary import summary
from fastrain.rundir import RunDir, selected_checkpoint
from fastrain.train.logbook import keep_until
from fastrain.train.randomness import Generators
from fastrain.train.training_state import Progress, pack, require_own, unpack
from tests.fastrain.report.fabricate import fabricate_run

# -- The run folder ---------------------------------------------------------------------------------------------------

_FILES = ("run.json", "config.yaml", "manifest.json", "metrics.jsonl", "scores.csv", "results.json", "probe.json")


def _folders(folder: Path) -> list[Path]:
    """Write two finished runs of another seed each, and return the files of the first."""
    for seed, name in enumerate(("a", "b")):
        run = fabricate_run(folder / "runs" / name, seed=seed, subjects=2, library=Path("nowhere"))
        config = resolve(layered("erm", None, [f"train.seed={seed}", "pretrained=false"]))
        (run / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
        (run / "checkpoints").mkdir()
        for checkpoint in ("best", "last"):
            (run / "checkpoints" / f"{checkpoint}.safetensors").touch()
    return [folder / "runs" / "a" / name for name in _FILES]


@cache
def _other(root: Path) -> RunFolder:
    return RunFolder.read(root / "runs" / "b")


def _read_folder(root: Path, path: Path) -> object:
    """Write all of a report that is not drawn."""
    first = RunFolder.read(root / "runs" / "a")
    runs = [first, _other(root)]
    sections = [seeds_section(runs, []), missing_section(runs, [])]
    # The sections that are drawn are in the whole page alone: a drawing takes as long as a hundred inputs.
    single = (iso_section, metrics_section, data_section, ledger_section, configuration_section, environment_section)
    sections += [section(first) for section in single]
    sections.append(lines_section(first, several=True))
    return Page("a", [section for section in sections if section]).html()


def _read_page(root: Path, path: Path) -> object:
    """Write the whole report, with what is drawn."""
    page = run_page([RunFolder.read(root / "runs" / name) for name in "ab"], [], faces=False)
    page.write(root / "report.html")
    return len((root / "report.html").read_text())


def _read_comparison(root: Path, path: Path) -> object:
    return "".join(
        compare([root / "runs" / "a", root / "runs" / "b"], form=form, resamples=10) for form in ("text", "md")
    )


def _read_resumption(root: Path, path: Path) -> object:
    run = RunDir(root / "runs" / "a")
    run.state()
    about = run.facts()
    config = resolve(run.config().model_dump(mode="json"))
    ScoreOrigin.of_run(about)
    keep_until(run.file("metrics.jsonl"), 200)
    run.require_same(config, {"view": "mxnet-256", "protocol": "mcio:CIO2M"})
    return f"{selected_checkpoint(run.path).name}\n{summary(about, run.results())}"


# -- Checkpoints, and weights from elsewhere --------------------------------------------------------------------------


class _Tiny(Method):
    """A method of a few numbers that has all that a checkpoint can hold: a buffer, an optimiser, a schedule."""

    name = "erm"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(settings_class("erm")(pretrained=False), n_domains=3, image_size=32)
        self.layer = torch.nn.Linear(3, 2)
        self.norm = torch.nn.BatchNorm1d(2)

    def configure(self) -> dict[str, OptimSpec]:
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.1)
        return {"all": OptimSpec(optimizer, torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 9]))}

    def training_step(self, batch: Any, ctx: Any) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def predict(self, batch: Any) -> torch.Tensor:
        raise NotImplementedError


_IDENTITY = {"config": "c" * 16, "protocol": "mcio:CIO2M"}


def _checkpoints(folder: Path) -> list[Path]:
    _folders(folder)
    torch.manual_seed(0)
    method = _Tiny()
    optimizers = method.configure()
    method.norm(method.layer(torch.ones(4, 3))).pow(2).sum().backward()
    optimizers["all"].optimizer.step()
    best = {"auc": 0.9, "iteration": 3, "epoch": 1}
    lock = {"format": 1, "tool_version": "0", "stores": {}, "protocols": {"mcio:CIO2M/standard": "f" * 64}}
    progress = Progress(7, 1.5, best, {"0": 3}, [Generators.seeded(0).state()], {}, _IDENTITY, lock)
    path = folder / "runs" / "a" / "checkpoints" / "last.safetensors"
    pack(method, optimizers, progress).write(path)
    return [path]


def _read_checkpoint(root: Path, path: Path) -> object:
    checkpoint = Checkpoint.read(path)
    require_own(checkpoint, RunDir(root / "runs" / "a").facts(), path)
    method = _Tiny()
    stood = unpack(checkpoint, method, method.configure())
    for state in stood.random:
        Generators.seeded(0).restore(state)
    return stood.iteration


def _weights(folder: Path) -> list[Path]:
    from safetensors.torch import save_file

    torch.manual_seed(0)
    state = torch.nn.Linear(3, 2).state_dict()
    save_file(state, folder / "a.safetensors")
    torch.save(state, folder / "b.pth")
    torch.save({"state_dict": state}, folder / "c.pth")
    torch.save(state, folder / "d.pth", _use_new_zipfile_serialization=False)
    return sorted(folder.iterdir())


def _read_weights(root: Path, path: Path) -> object:
    state, module = read_state(path), torch.nn.Linear(3, 2)
    check_fits(module, state, "resnet18", path)
    module.load_state_dict(state)
    return True


def _published(folder: Path) -> list[Path]:
    weight, scale, clip = torch.ones(2, 3), torch.tensor(1.0), "clipModel."
    layers = {
        "model.layer1.0.weight": weight,
        "layer_blocks.0.0.weight": weight,
        "model.fc.bias": weight,
        "fc.weight": weight,
    }
    fusion = {"fpn.fpn_rgb.conv1.weight": weight, "cls_heads.0.weight": weight}
    prompts = {"prompt_learner.ctx": weight, "prompt_learner.proj.weight": weight, "logit_scale": scale,
               f"{clip}logit_scale": scale, f"{clip}image_projections_prompt.0.weight": weight}  # fmt: skip
    states: Mapping[str, Any] = {
        "gac_fas": {"epoch": 3, "eva": [0.1, float("nan")], "state_dict": layers},
        "hfn_mp": {"epoch": 3, "val_metrics": {"AUC": 0.5}, "model_state": [{"a.weight": weight}, fusion]},
        "flip": {"epoch": 1, "state_dict": {
            "backbone.vit.ln_pre.weight": weight, "embedder.bottleneck_layer_fc.weight": weight,
            "embedder.bottleneck_layer.0.weight": weight, "classifier.classifier_layer.weight": weight,
        }},
        "me_fas": {"epoch": 1, "state_dict": prompts},
        "sa_fas": {"epoch": 3, "args": {"scale": 0.5}, "state_dict": {
            "conv1.weight": weight, "fc0.weight": weight, "fc1.weight": weight, "fc2.weight": weight,
            "bn_scale.weight": scale, "proj.weight": weight,
        }},
        "ssdg": {"epoch": 3, "threshold": 0.5, "state_dict": {
            "backbone.conv1.weight": weight, "embedder.bottleneck_layer_fc.weight": weight,
            "embedder.bottleneck_layer.0.weight": weight, "classifier.classifier_layer.weight": weight,
        }},
        "mmdg": {"pos_embedding1": torch.ones(1, 5, 3), "conv_proj1.bias": weight[0], "ViT_Encoder.2.weight": weight[0],
                 "ViT_Encoder.1.self_attention.in_proj_weight": weight, "adapter_1_2_2.0.adapter_up.bias": weight[0]},
        "mmdgfas": {"depth_module.first_bn.weight": weight[0], "color_module.first_bn.weight": weight[0],
                    "bottleneck.0.weight": torch.ones(2, 6, 1, 1), "depth_module.fc.weight": weight},
    }  # fmt: skip
    for name, content in states.items():
        file = io.BytesIO()
        torch.save(content, file)
        (folder / f"{name}.pth").write_bytes(file.getvalue())
    return sorted(folder.iterdir())


def _read_published(root: Path, path: Path) -> object:
    reader = importer(path.stem)
    published = reader.convert(read_foreign(path, reader.RECORDS))
    resolve(layered(path.stem, None, implied={"model": published.model}))
    return sorted(published.state)


# -- Settings ---------------------------------------------------------------------------------------------------------

_PRESET = """\
published_for: CIO-M
model: {lr: 0.01, pretrained: false, trunk: resnet18.tv_in1k}
data:
  view: mxnet-256
  batch_per_group: 4
  augment: {horizontal_flip: true}
train: {max_iterations: 100, seed: 3}
evaluate: {select: source_val}
"""
_SETS = (
    "train.seed=3",
    "augment.horizontal_flip=true",
    "trunk_kwargs={channels: [8, 16], stem_width: 8}",
    "view=null",
    "lr=1e-3",
)


def _settings(folder: Path) -> list[Path]:
    (folder / "preset.yaml").write_text(_PRESET)
    for number, text in enumerate(_SETS):
        (folder / f"set-{number}").write_text(text)
    return sorted(folder.iterdir())


def _read_settings(root: Path, path: Path) -> object:
    if path.suffix:
        return resolve(layered("erm", str(path))).method
    text = path.read_bytes().replace(b"\0", b"").decode("utf-8", "surrogateescape")  # as a shell passes it
    return resolve(layered("erm", None, [text])).method


_STRUCTURES = (json_value, json_value, json_line, csv_cell, yaml_value)
KINDS = (
    Kind("run-report", _folders, _read_folder, _STRUCTURES, TEXT),
    Kind("run-page", _folders, _read_page, _STRUCTURES, TEXT, True),
    Kind("run-compare", _folders, _read_comparison, _STRUCTURES, TEXT),
    Kind("run-resume", _folders, _read_resumption, _STRUCTURES, TEXT, True),
    Kind("checkpoint", _checkpoints, _read_checkpoint, (safetensors_header,), BINARY),
    Kind("weights", _weights, _read_weights, (torch_member, torch_content, safetensors_header), BINARY),
    Kind("published", _published, _read_published, (torch_content, torch_content, torch_member), BINARY),
    Kind("settings", _settings, _read_settings, (yaml_value,), TEXT),
)
