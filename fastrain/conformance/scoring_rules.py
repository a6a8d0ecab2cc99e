"""Rules of scores: each is of its own image alone, needs no label, and leaves the network as it was."""

from __future__ import annotations

import torch
from torch import Tensor

from fastrain.conformance.rule import Rule, require
from fastrain.conformance.toys import Toy, scored, some_of, unlabelled
from fastrain.methods.base import Batch, Method


def _own_image_alone(toy: Toy) -> str:
    method = toy.tiny()
    toy.trained(method, 2)
    batch = toy.batch()
    together = scored(method, unlabelled(batch))
    require(
        together.shape == batch["label"].shape, f"predict returned {tuple(together.shape)} for {len(together)} images"
    )
    order = torch.randperm(len(together), generator=torch.Generator().manual_seed(3))
    _same(scored(method, unlabelled(some_of(batch, order))), together[order], "another order of the batch")
    alone = [scored(method, unlabelled(some_of(batch, torch.tensor([k])))) for k in range(len(together))]
    _same(torch.cat(alone), together, "no batch mates")
    require(len(torch.unique(together)) > 1, f"every image scores {together[0].item():g}")
    return f"{len(together)} images, alone, together and in another order"


def _same(now: Tensor, before: Tensor, what: str) -> None:
    apart = (now - before).abs().max().item()
    require(torch.allclose(now, before, rtol=1.3e-6, atol=1e-5), f"a score moves by {apart:.2g} with {what}")


class _Watched(dict):  # type: ignore[type-arg]
    """A batch that remembers which of its labels were looked at."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.seen: set[str] = set()

    def __getitem__(self, key: str) -> object:
        self.seen.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: object = None) -> object:
        self.seen.add(key)
        return super().get(key, default)


def _no_label(toy: Toy) -> str:
    method = toy.tiny()
    toy.trained(method, 1)
    batch = toy.batch()
    for what in ("predict", "scores"):
        watched = _Watched(batch)
        with torch.no_grad():
            getattr(method.eval(), what)(watched)
        looked = watched.seen & {"label", "domain", "group"}
        require(not looked, f"{what} looks at {', '.join(sorted(looked))}")
    return "nor domain, nor group"


def _no_trace(toy: Toy) -> str:
    method = toy.tiny()
    toy.trained(method, 2)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    batch = unlabelled(toy.batch(seed=2))
    require(torch.equal(scored(method, batch), scored(method, batch)), "the same images score otherwise a second time")
    moved = [key for key, value in method.state_dict().items() if not torch.equal(value, before[key])]
    require(not moved, f"scoring changes {', '.join(moved[:3])}")
    return "scored twice"


def _parts(toy: Toy) -> str:
    method: Method = toy.tiny()
    toy.trained(method, 2)
    batch = unlabelled(toy.batch())
    with torch.no_grad():
        parts, scores = method.predict_parts(batch), method.scores(batch)
    require("score" in scores, f"scores returns {', '.join(scores)} and no score")
    require(torch.equal(scores.pop("score"), scored(method, batch)), "scores and predict give two scores")
    require(scores.keys() == parts.keys(), f"scores has {list(scores)}, predict_parts {list(parts)}")
    for name, part in parts.items():
        require(part.shape == batch["modalities"]["rgb"].shape[:1], f"the part {name} is not (B,)")
    return ", ".join(parts) or "the score alone"


SCORING_RULES = (
    Rule("own image", "a score depends on its own image alone", _own_image_alone),
    Rule("no label", "predict reads no label", _no_label),
    Rule("no trace", "scoring is repeatable and leaves no trace", _no_trace),
    Rule("parts", "parts are scores too", _parts),
)
