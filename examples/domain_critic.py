"""A network that hides where an image is from, against a critic that tries to tell: own batches, two optimisers.

    fastrain run examples/domain_critic.py:DomainCritic --protocol CIO-M --preset demo
    fastrain methods check examples/domain_critic.py:DomainCritic --quick

In every iteration the critic learns `critic_steps` times to tell the source domains apart by the features, each time
on a batch of its own; then the network learns once to tell bona fide from attack while the critic is at a loss. This is
domain-adversarial training (Ganin et al., JMLR 2016), in alternating steps instead of with a reversed gradient.
"""

from typing import ClassVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from fastrain.methods.settings import MethodSettings, Trial


class DomainCriticSettings(MethodSettings):
    """Settings of the network, the critic, and the game between them."""

    width: PositiveInt = Field(32, le=1024)
    """Channels of the network."""
    critic_width: PositiveInt = Field(64, le=4096)
    """Hidden units of the critic."""
    critic_steps: PositiveInt = Field(1, le=100)
    """Steps of the critic in every iteration."""
    confusion: NonNegativeFloat = 0.1
    """Weight of the network's second aim, that the critic's guess is no better than any."""
    lr: PositiveFloat = 0.002
    critic_lr: PositiveFloat = 0.002

    @classmethod
    def trial(cls) -> Trial:
        """Return a network that learns in 20 steps; the critic and the confusion pull against each other."""
        return Trial(tiny={"width": 16, "critic_width": 8, "lr": 0.02}, rising=("critic", "confusion"))


class DomainCritic(Method):
    """A convolutional network with a linear layer, and a critic of its features."""

    name: ClassVar[str] = "domain_critic"
    Config: ClassVar[type[DomainCriticSettings]] = DomainCriticSettings
    default_view: ClassVar[str] = "mxnet-256"
    draws_own_batches: ClassVar[bool] = True

    def __init__(self, config: DomainCriticSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        self.config = config
        width, hidden = config.width, config.critic_width
        self.trunk = nn.Sequential(_block(3, width), _block(width, width), _block(width, width))
        self.head = nn.Linear(width, 2)
        self.critic = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, n_domains))

    def configure(self) -> dict[str, OptimSpec]:
        network = [*self.trunk.parameters(), *self.head.parameters()]
        return {
            "network": OptimSpec(Adam(network, lr=self.config.lr)),
            "critic": OptimSpec(Adam(self.critic.parameters(), lr=self.config.critic_lr)),
        }

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        every_domain = range(ctx.n_domains)
        for _ in range(self.config.critic_steps):
            critic_loss = self._critic_step(ctx.draw(every_domain), ctx)
        return {"loss_critic": critic_loss, **self._network_step(ctx.draw(every_domain), ctx)}

    def _critic_step(self, batch: Batch, ctx: StepContext) -> Tensor:
        with torch.no_grad():  # the network stays as it is; only the statistics of its batch norm move
            features = self.features(batch)
        loss = F.cross_entropy(self.critic(features), batch["domain"])
        ctx.zero_grad("critic")
        ctx.backward(loss)
        ctx.step("critic")
        return loss.detach()

    def _network_step(self, batch: Batch, ctx: StepContext) -> dict[str, Tensor]:
        features = self.features(batch)
        loss = F.cross_entropy(self.head(features), batch["label"])
        # The cross entropy of the critic's guess against "every domain is as likely" is lowest where it knows nothing.
        confusion = -self.critic(features).log_softmax(dim=1).mean()
        ctx.zero_grad("network")
        ctx.backward(loss + self.config.confusion * confusion)  # what the critic gets of it, its own step drops
        ctx.step("network")
        return {"loss": loss.detach(), "loss_confusion": confusion.detach()}

    def predict(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch)).softmax(dim=1)[:, 1]

    def features(self, batch: Batch) -> Tensor:
        """Return (B,width) of the colour images (B,3,S,S)."""
        return self.trunk(batch["modalities"]["rgb"] - 0.5).mean(dim=(2, 3))


def _block(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU())
