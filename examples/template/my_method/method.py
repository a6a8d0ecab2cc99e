"""MyMethod: say in one line what it does."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW

from fastrain.methods.base import Batch, Method, OptimSpec, StepContext
from my_method.settings import MyMethodSettings


class MyMethod(Method):
    """Three convolutions, a linear layer, cross entropy over all source domains."""

    name: ClassVar[str] = "my_method"
    Config: ClassVar[type[MyMethodSettings]] = MyMethodSettings
    default_view: ClassVar[str] = "mxnet-256"

    def __init__(self, config: MyMethodSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__(config, n_domains=n_domains, image_size=image_size)
        self.config = config
        width = config.width
        self.trunk = nn.Sequential(_block(3, width), _block(width, width), _block(width, width))
        self.head = nn.Linear(width, 2)

    def configure(self) -> dict[str, OptimSpec]:
        optimiser = AdamW(self.parameters(), lr=self.config.lr, weight_decay=self.config.weight_decay)
        return {"all": OptimSpec(optimiser)}

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        assert batch is not None  # it is None for methods with `draws_own_batches`
        loss = F.cross_entropy(self.head(self.features(batch)), batch["label"])
        ctx.zero_grad("all")
        ctx.backward(loss)
        ctx.step("all")
        return {"loss": loss.detach()}

    def predict(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch)).softmax(dim=1)[:, 1]

    def features(self, batch: Batch) -> Tensor:
        """Return (B,width) of the colour images (B,3,S,S), which are in [0,1]."""
        return self.trunk(batch["modalities"]["rgb"] - 0.5).mean(dim=(2, 3))


def _block(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU())
