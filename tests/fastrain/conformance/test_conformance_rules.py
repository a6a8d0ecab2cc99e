"""Each rule of the suite sees the method that breaks it, and the examples break none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from fasdata.errors import UserError
from fasdata.resources import examples_dir
from fastrain.conformance.suite import RULES, rules, toy_of, tried
from fastrain.conformance.toys import Toy
from fastrain.methods.base import Method, OptimSpec
from fastrain.methods.registry import forget_named, name_method
from fastrain.methods.settings import MethodSettings, Trial
from tests.commands import Called

EXAMPLES = ("consistent_erm.py:ConsistentERM", "domain_critic.py:DomainCritic")


class Settings(MethodSettings):
    lr: float = 0.3


class Plain(Method):
    """A convolution that sees stripes; keeps every rule."""

    name = "plain"
    Config = Settings
    default_view = "mxnet-256"

    def __init__(self, config: Any, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        self.config, self.body, self.head = config, nn.Conv2d(3, 8, 4), nn.Linear(8, 2)
        self.kept: list[Tensor] = []
        self.register_buffer("scored", torch.zeros(()))

    def configure(self) -> dict[str, OptimSpec]:
        return {"all": OptimSpec(torch.optim.Adam(self.learning(), lr=self.config.lr * 0.1))}

    def learning(self) -> list[nn.Parameter]:
        return list(self.parameters())

    def logits(self, batch: Any) -> Tensor:
        return self.head((self.body(batch["modalities"]["rgb"] - 0.5) ** 2).mean(dim=(2, 3)))

    def loss(self, batch: Any) -> Tensor:
        return F.cross_entropy(self.logits(batch), batch["label"])

    def training_step(self, batch: Any, ctx: Any) -> dict[str, Tensor]:
        loss = self.loss(batch)
        ctx.zero_grad("all")
        ctx.backward(loss)
        ctx.step("all")
        return {"loss": loss.detach()}

    def predict(self, batch: Any) -> Tensor:
        return self.logits(batch).softmax(dim=1)[:, 1]


class Relative(Plain):
    def predict(self, batch: Any) -> Tensor:
        score = super().predict(batch)
        return score - score.mean()


class Peeking(Plain):
    def predict(self, batch: Any) -> Tensor:
        return super().predict(batch) + 0 * batch.get("label", torch.zeros(1))


class Counting(Plain):
    def predict(self, batch: Any) -> Tensor:
        self.scored += 1
        return super().predict(batch)


class TwoMinds(Plain):
    def scores(self, batch: Any) -> dict[str, Tensor]:
        return {"score": self.predict(batch) + 1}


class Idle(Plain):
    def loss(self, batch: Any) -> Tensor:
        return super().loss(batch) * 0 + 1


class Attached(Plain):
    def training_step(self, batch: Any, ctx: Any) -> dict[str, Tensor]:
        return {**super().training_step(batch, ctx), "other": self.loss(batch)}


class Forgetful(Plain):
    def learning(self) -> list[nn.Parameter]:
        return list(self.head.parameters())


class Frozen(Plain):
    def training_step(self, batch: Any, ctx: Any) -> dict[str, Tensor]:
        log = super().training_step(batch, ctx)
        ctx.set_trainable(self.body, False)
        return log


class Remembering(Plain):
    steps = 0

    def loss(self, batch: Any) -> Tensor:
        self.steps += 1  # in no buffer
        return super().loss(batch) * self.steps + self.head.weight.square().sum() * self.steps**2


class Mixing(Plain):
    def loss(self, batch: Any) -> Tensor:
        return super().loss(batch) + self.predict(batch).mean() ** 2


class Exact(Plain):
    def loss(self, batch: Any) -> Tensor:
        logits = self.logits(batch)
        return F.cross_entropy(logits, batch["label"]) / (logits.dtype == torch.float32)


class Hoarding(Plain):
    def training_step(self, batch: Any, ctx: Any) -> dict[str, Tensor]:
        log = super().training_step(batch, ctx)
        self.kept.append(log["loss"])
        return log


class DeadSettings(Settings):
    unread: int = 3


class Dead(Plain):
    Config = DeadSettings


class LaxSettings(Settings):
    model_config = ConfigDict(extra="allow")


class Lax(Plain):
    Config = LaxSettings


class BareSettings(Settings):
    width: int


class Bare(Plain):
    Config = BareSettings


class Elsewhere(Plain):
    default_view = "mxnet"


class ExemptSettings(Settings):
    @classmethod
    def trial(cls) -> Trial:
        return Trial(exempt={"two devices": "its loss is of the whole batch, as published"})


class Exempt(Mixing):
    Config = ExemptSettings


BREAKS = [
    (Relative, "own image", "a score moves by"),
    (Peeking, "no label", "predict looks at label"),
    (Counting, "no trace", "scoring changes scored"),
    (TwoMinds, "parts", "two scores"),
    (Idle, "learns", "loss goes from 1 to 1"),
    (Attached, "learns", "other holds a graph"),
    (Forgetful, "optimised", "no optimiser has body."),
    (Frozen, "optimised", "switched off"),
    (Remembering, "resume", "differs after a stop"),
    (Mixing, "two devices", "does a loss mix images?"),
    (Exact, "bf16", "is not finite"),
    (Hoarding, "memory", "tensors more are kept"),
    (Dead, "settings", "another value of unread"),
    (Lax, "unknown keys", "learning_rat"),
    (Bare, "defaults", "width"),
    (Elsewhere, "defaults", "did you mean 'mxnet-256'"),
]


def rule(name: str) -> Any:
    return next(rule for rule in RULES if rule.name == name)


@pytest.mark.parametrize(("kind", "name", "words"), BREAKS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_rule_sees_what_breaks_it(kind: type[Method], name: str, words: str, tmp_path: Path) -> None:
    if name in ("unknown keys", "defaults"):  # these ask for the method by name too
        verdict = tried(rule(name), Toy("erm", kind, tmp_path))
    else:
        verdict = tried(rule(name), Toy("plain", kind, tmp_path))
    assert verdict.word == "broken" and words in verdict.details, verdict.details


@pytest.mark.parametrize("name", sorted({name for _, name, _ in BREAKS} - {"unknown keys", "defaults"}))
def test_and_passes_what_does_not(name: str, tmp_path: Path) -> None:
    verdict = tried(rule(name), Toy("plain", Plain, tmp_path))
    assert verdict.word == "holds", verdict.details


def test_what_a_method_says_that_it_does_not_keep_is_shown_with_the_reason(tmp_path: Path) -> None:
    verdict = tried(rule("two devices"), Toy("plain", Exempt, tmp_path))
    assert (verdict.word, verdict.details) == ("exempt", "its loss is of the whole batch, as published")


def test_an_error_of_the_method_breaks_the_rule_and_says_where(tmp_path: Path) -> None:
    class Raising(Plain):
        def predict(self, batch: Any) -> Tensor:
            raise KeyError("rgb")

    verdict = tried(rule("no trace"), Toy("plain", Raising, tmp_path))
    assert verdict.word == "broken" and "KeyError: 'rgb' (test_conformance_rules.py, line" in verdict.details


@pytest.fixture(autouse=True)
def unnamed() -> Iterator[None]:
    yield
    forget_named()


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_keep_every_rule(example: str, tmp_path: Path) -> None:
    toy = toy_of(name_method(f"{examples_dir()}/{example}"), tmp_path)
    verdicts = [tried(rule, toy) for rule in rules(quick=True)]
    assert [verdict.details for verdict in verdicts if verdict.word != "holds"] == []


def test_the_command_shows_a_table_and_ends_with_what_is_broken(tmp_path: Path, monkeypatch: Any) -> None:
    from fastrain.conformance import suite

    file = tmp_path / "mine.py"
    source = (examples_dir() / "template/my_method/method.py").read_text()
    settings = (examples_dir() / "template/my_method/settings.py").read_text()
    file.write_text(settings + source.replace("from my_method.settings import MyMethodSettings", ""))
    monkeypatch.setattr(suite, "RULES", tuple(map(rule, ("no label", "presets"))))
    kept = Called("fastrain", "methods", "check", f"{file}:MyMethod", "--quick")
    assert kept.code == 0 and "holds   predict reads no label" in kept.out and "keeps 2 of 2 rules" in kept.out
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/my_method.fast.yaml").write_text("train: {max_iteration: 1}\n")
    broken = Called("fastrain", "methods", "check", f"{file}:MyMethod", "--quick")
    assert broken.code == 1 and "breaks presets" in broken.out and "did you mean 'train.max_iterations'" in broken.out


def test_a_rule_that_there_is_not_cannot_be_exempt(tmp_path: Path, monkeypatch: Any) -> None:
    from fastrain.methods.erm.settings import ERMSettings

    monkeypatch.setattr(ERMSettings, "trial", classmethod(lambda cls: Trial(exempt={"learning": "it is slow"})))
    with pytest.raises(UserError, match="exempts it from 'learning'"):
        toy_of("erm", tmp_path)
