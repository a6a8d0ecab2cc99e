"""The settings of MyMethod."""

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from fastrain.methods.settings import MethodSettings, Trial


class MyMethodSettings(MethodSettings):
    """Settings of MyMethod. Every one has a default, is read somewhere, and changes something."""

    width: PositiveInt = 32
    """Channels of the network."""
    lr: PositiveFloat = 0.01
    weight_decay: NonNegativeFloat = 0.0001

    @classmethod
    def trial(cls) -> Trial:
        """Return how small the method can be, for `fastrain methods check`.

        Small, it has to learn in 20 steps to tell smooth images from striped ones. The check finds another value for
        every setting by its type; where none of those can matter, give one: other={"name": (value, {what it needs})}.
        """
        return Trial(tiny={"width": 16, "lr": 0.02})
