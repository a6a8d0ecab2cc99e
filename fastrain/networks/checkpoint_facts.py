"""The forms of what a checkpoint says beside its tensors: of these types and ranges, or refused by its key.

Keys of later versions are kept and not looked at.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, FiniteFloat

from fastrain.rundir.facts import Count, Facts, FixedWeights, Number

FORMAT: Literal[1] = 1
Word: TypeAlias = Annotated[int, Field(ge=0, lt=2**32)]
PythonState: TypeAlias = Annotated[list[Any], Field(min_length=3, max_length=3)]


class CheckpointFacts(Facts):
    """What every checkpoint says: whose network it is, and of which data and configuration.

    `identity` names protocol, recipe, manifest and configuration, `lock` the data, `source` an imported file, `fixed`
    the files of weights that hold what never changed and is not here.
    """

    format: Literal[1] = FORMAT
    method: str
    iteration: Count
    identity: dict[str, str] = Field(default_factory=dict)
    lock: dict[str, Any] | None = None
    source: dict[str, Any] | None = None
    fixed: list[FixedWeights] = Field(default_factory=list)


class Best(Facts):
    """The best validation so far: its iteration and metrics."""

    iteration: Count
    auc: Number = None
    eer: Number = None
    min_hter: Number = None
    eer_frame: Number = None
    min_hter_frame: Number = None
    acer_frame: Number = None


class GeneratorFacts(Facts):
    """The states of all random generators of a process; those of torch are base64 text."""

    run_torch: str
    run_python: PythonState
    torch: str
    cuda: list[str]
    numpy: Annotated[list[Any], Field(min_length=5, max_length=5)]
    python: PythonState


class OptimizerFacts(Facts):
    """The plain values of an optimiser's state by the number of the parameter, and its parameter groups."""

    state: dict[Annotated[str, Field(pattern=r"^(0|[1-9]\d{0,8})$")], dict[str, Any]]
    groups: list[dict[str, Any]]


class LossSum(Facts):
    """The sum of a loss since the last line of the log, None where it is not finite, and its number of values."""

    sum: Number
    count: Annotated[int, Field(ge=1)]


class TrainingFacts(CheckpointFacts):
    """What the checkpoints `last` and `best` say as well, so that training goes on from them.

    `window` are the losses that are not logged yet; checkpoints of earlier versions do not state it.
    """

    seconds: Annotated[FiniteFloat, Field(ge=0)]
    best: Best | None
    streams: dict[str, Count]
    random: list[GeneratorFacts]
    scaler: dict[str, Annotated[int | FiniteFloat, Field(ge=0)]]
    frozen: list[str]
    optimizers: dict[str, OptimizerFacts]
    schedulers: dict[str, dict[str, Any]]
    window: dict[str, LossSum] = Field(default_factory=dict)
    averages: dict[str, Count] = Field(default_factory=dict)
    """Of how many networks each average of weights is."""
