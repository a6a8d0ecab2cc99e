"""The two networks of FLIP: CLIP with sentences, and its image tower under a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from fasdata.errors import UserError
from fastrain.methods.flip.settings import Head, Text
from fastrain.networks.clip import check_vocabulary, class_tokens, text_layer, tokenized
from fastrain.networks.two_views import unit

# -- Variants it and mcl: images against sentences --------------------------------------------------------------------


class SentenceCLIP(nn.Module):
    """Map images (N,3,S,S), normalised, to their features (N,D), and sentences to theirs (C,K,D); none of unit length.

    `clip` is an open_clip model of two plain transformers; it loses the rows of its vocabulary that no sentence uses,
    and only the tokens up to the last end token are computed. C is 2, attack first, K the longest list of sentences; a
    shorter list is repeated from its start, and `weights` (C,K), of sum 1 a row, count every sentence once.

    Raises:
        UserError: the model knows too few words, or reads fewer tokens than a sentence has.
    """

    words: Tensor
    ids: Tensor
    end: Tensor
    weights: Tensor

    def __init__(self, clip: Any, text: Text) -> None:
        super().__init__()
        self.clip = clip
        self.unit_mean = text.mean == "unit"
        tokens = _shortest(text)
        check_vocabulary(tokens, clip.token_embedding)
        if tokens.shape[1] > len(clip.positional_embedding):
            raise UserError(
                "the longest sentence has more tokens than the CLIP model reads",
                expected=f"at most {len(clip.positional_embedding)}",
                found=str(tokens.shape[1]),
                do="shorten model.text, or raise clip_kwargs.text_cfg.context_length",
            )
        words, ids = tokens.unique(return_inverse=True)
        rows = clip.token_embedding.weight.detach()[words].clone()
        clip.token_embedding = nn.Embedding.from_pretrained(rows, freeze=False)
        places, weights = _padded((text.attack, text.bonafide))
        self.register_buffer("words", words)
        self.register_buffer("ids", ids[places], persistent=False)
        self.register_buffer("end", tokens.argmax(dim=1)[places], persistent=False)
        self.register_buffer("weights", weights.to(rows), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.image_features(images), self.sentence_features()

    def image_features(self, images: Tensor) -> Tensor:
        """Return the features (N,D) of images."""
        return class_tokens(self.clip.visual, images) @ self.clip.visual.proj

    def sentence_features(self) -> Tensor:
        """Return the features (C,K,D) of the sentences."""
        clip, ids = self.clip, self.ids.flatten(0, 1)
        x = clip.token_embedding(ids) + clip.positional_embedding[: ids.shape[1]]
        for block in clip.transformer.resblocks:
            x = text_layer(block, x)
        ends = x[torch.arange(len(ids), device=x.device), self.end.flatten()]
        return (clip.ln_final(ends) @ clip.text_projection).unflatten(0, self.end.shape)

    def class_text(self, sentences: Tensor) -> Tensor:
        """Return the text of each label (C,D), of unit length: the mean of its sentences' features (C,K,D)."""
        if self.unit_mean:
            sentences = unit(sentences)
        return unit((sentences * self.weights.to(sentences.dtype)[:, :, None]).sum(dim=1))

    def logits(self, features: Tensor, text: Tensor) -> Tensor:
        """Return exp(scale) times the cosines (N,C) of features (N,D) and texts (C,D) of unit length."""
        return self.clip.logit_scale.exp() * unit(features) @ text.T

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        held = state_dict.get(f"{prefix}words")
        if held is not None and not torch.equal(held.to(self.words), self.words):
            raise UserError(
                "the network was trained with other sentences",
                expected=f"the vocabulary of the {len(self.words)} words of model.text",
                found=f"{len(held)} words, others among them",
                do="set model.text to the sentences that it was trained with",
            )
        super()._load_from_state_dict(state_dict, prefix, *rest)


def words_of(text: Text) -> Tensor:
    """Return the ids of all tokens that the sentences use, ascending: the rows of CLIP's vocabulary that are kept."""
    return _shortest(text).unique()


def _shortest(text: Text) -> Tensor:
    """Return the token ids of all sentences, attacks first, up to the last end token: no token sees what follows it."""
    tokens = tokenized([*text.attack, *text.bonafide])
    return tokens[:, : int(tokens.argmax(dim=1).max()) + 1]


def _padded(lists: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
    """Return the places (C,K) of each list in all of them, shorter lists repeated, and their weights (C,K)."""
    most = max(map(len, lists))
    places, weights, start = [], [], 0
    for sentences in lists:
        count = len(sentences)
        places.append(start + torch.arange(most) % count)
        weights.append((torch.arange(most) < count) / count)
        start += count
    return torch.stack(places), torch.stack(weights)


# -- The halves of the sentences that the two views of an image are compared with (variant mcl) -----------------------


def drawn_sentences(count: int, sentences: int, generator: Generator, *, with_replacement: bool) -> Tensor:
    """Return the sentences (B,K//2) of each image's first view, drawn anew for every image."""
    half = sentences // 2
    if with_replacement:
        return torch.randint(sentences, (count, half), generator=generator)
    return torch.stack([torch.randperm(sentences, generator=generator)[:half] for _ in range(count)])


def halves(drawn: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Return two texts (B,D) of each image: the mean of the drawn sentences, and of those that were not drawn.

    `drawn` (B,n) are numbers of sentences, where a repeated one counts as often as it is there; `own` (B,K,D) are the
    features of all sentences of each image's label. At least one sentence is never drawn: n is below K.
    """
    times = F.one_hot(drawn, own.shape[1]).sum(dim=1).to(own.dtype)
    rest = (times == 0).to(own.dtype)
    first, second = (weights / weights.sum(dim=1, keepdim=True) for weights in (times, rest))
    return (first[:, :, None] * own).sum(dim=1), (second[:, :, None] * own).sum(dim=1)


# -- Variant v: the image tower under a classifier --------------------------------------------------------------------

TINY = 1e-12


class ClassifiedTower(nn.Module):
    """Map images (N,3,S,S), normalised, to logits (N,2): attack, bona fide. `visual` is CLIP's image tower.

    Its projection to the joint space is left out: nothing reads it.
    """

    def __init__(self, visual: Any, head: Head) -> None:
        super().__init__()
        width = visual.class_embedding.shape[0]
        visual.proj = None
        self.visual = visual
        self.embedder = Embedder(width, head)
        self.classifier = Classifier(head.width, normed=head.norm == "reference")

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.embedder(class_tokens(self.visual, images)))


class Embedder(nn.Module):
    """Map (N,W) to g = dropout(ReLU(linear)), (N,width); with norm `reference` to g / sqrt(2 |g|).

    The length of that is sqrt(|g| / 2), not 1; no signal at all stays zero.
    """

    def __init__(self, width: int, head: Head) -> None:
        super().__init__()
        self.fc = nn.Linear(width, head.width)
        self.dropout = nn.Dropout(head.dropout)
        self.normed = head.norm == "reference"
        nn.init.normal_(self.fc.weight, std=0.005)
        nn.init.constant_(self.fc.bias, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        g = self.dropout(F.relu(self.fc(x)))
        if not self.normed:
            return g
        length = g.norm(dim=1, keepdim=True).clamp_min(TINY)
        return g / (2 * length).sqrt()


class Classifier(nn.Linear):
    """Two logits; `normed`: of weights whose two entries of each column have norm 1.

    As published, a forward pass in training overwrites the weights outside the graph, so that their gradient is that
    of a plain linear layer at the new weights, and the optimiser moves those. In evaluation nothing is overwritten; the
    numbers are the same.
    """

    def __init__(self, width: int, *, normed: bool) -> None:
        super().__init__(width, 2)
        self.normed = normed
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        if not self.normed:
            return super().forward(x)
        with torch.no_grad():
            unit_columns = self.weight / self.weight.norm(dim=0, keepdim=True).clamp_min(TINY)
            if self.training:
                self.weight.copy_(unit_columns)
        if self.training:
            return super().forward(x)
        # the value of the new weights, with the gradient of a plain layer
        moved = self.weight + (unit_columns - self.weight).detach() if torch.is_grad_enabled() else unit_columns
        return F.linear(x, moved, self.bias)
