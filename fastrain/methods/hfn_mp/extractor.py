"""The pattern extractor: an image in, a learned texture image out."""

from __future__ import annotations

from torch import Tensor, nn


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


def _stack() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.Sigmoid(),
    )
