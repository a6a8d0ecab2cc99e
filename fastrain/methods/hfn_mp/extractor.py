"""The pattern extractor: an image in, a learned texture image out."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from fasdata.errors import UserError


class PatternExtractor(nn.Module):
    """Two small convolutional stacks, 702 parameters: the encoder makes the meta pattern, the decoder undoes it.

    The forward pass maps (B,3,S,S) in [0,1] to the pattern (B,3,S,S) in [0,1], and to the reconstruction of the image
    when that is asked for. The decoder takes no part in the score; it is here for its loss and for checkpoints.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _stack()
        self.decoder = _stack()

    def forward(self, image: Tensor, *, reconstruct: bool = False) -> tuple[Tensor, Tensor | None]:
        pattern = self.encoder(image)
        return pattern, self.decoder(pattern) if reconstruct else None


def load_extractor(extractor: PatternExtractor, path: Path) -> None:
    """Give `extractor` the weights and statistics of the one in an hfn_mp checkpoint.

    Raises:
        UserError: no readable checkpoint, or one of another method.
    """
    from fastrain.checkpoints.file import Checkpoint

    checkpoint = Checkpoint.read(path)
    if checkpoint.facts.get("method") != "hfn_mp":
        found = str(checkpoint.facts.get("method"))
        raise UserError(f"{path} holds no pattern extractor", expected="a checkpoint of hfn_mp", found=found)
    prefix = "extractor."
    state = checkpoint.part("method")
    extractor.load_state_dict({key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)})


def _stack() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.Sigmoid(),
    )
