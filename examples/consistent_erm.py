"""ERM with an auxiliary loss: two augmentations of an image should get the same probabilities.

fastrain run examples/consistent_erm.py:ConsistentERM --protocol CIO-M --preset configs/erm.demo.yaml
fastrain methods check examples/consistent_erm.py:ConsistentERM --quick
"""

from typing import ClassVar

from pydantic import NonNegativeFloat
from torch import Tensor
from torch.nn import functional as F

from fastrain.methods.base import Batch
from fastrain.methods.erm.method import ERM
from fastrain.methods.erm.settings import ERMSettings
from fastrain.methods.settings import Trial


class ConsistentERMSettings(ERMSettings):
    """Those of ERM, and the weight of the new loss."""

    consistency: NonNegativeFloat = 1.0
    """Weight of the mean squared difference between the probabilities of two augmentations; 0 is ERM."""

    @classmethod
    def trial(cls) -> Trial:
        """Return ERM's; the new term starts near zero, so that it need not fall."""
        return super().trial().with_more({}, {}, rising=("consistency",))


class ConsistentERM(ERM):
    """ERM on the first of two augmentations, and their difference as a second term."""

    name: ClassVar[str] = "consistent_erm"
    Config: ClassVar[type[ConsistentERMSettings]] = ConsistentERMSettings
    views: ClassVar[int] = 2

    config: ConsistentERMSettings

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return ERM's loss plus the weighted difference; the log has both terms."""
        loss, terms = super().loss(batch)
        apart = self._difference(batch)
        return loss + self.config.consistency * apart, {**terms, "erm": loss, "consistency": apart}

    def _difference(self, batch: Batch) -> Tensor:
        first, second = (self.logits({**batch, "modalities": images}).softmax(dim=-1) for images in batch["views"][:2])
        return F.mse_loss(first, second)
