"""The form of bundle.json: what a bundle says of itself. It is data from outside, and checked as such."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt, model_validator

FORMAT: Literal[1] = 1
NAME = "bundle.json"
OPSET = 18
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Member = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$")]
Words = Annotated[str, Field(max_length=2000)]
Modality = Literal["rgb", "depth", "ir"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Threshold(_Part):
    """From which score a clip counts as bona fide, where that comes from, and on which data it was found.

    With `attack_below` a clip counts as an attack only below that, and gets no answer in between.
    """

    value: FiniteFloat
    policy: Words
    data: Words = ""
    attack_below: FiniteFloat | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Threshold:
        if self.attack_below is not None and self.attack_below > self.value:
            raise ValueError("attack_below is above value")
        return self

    def undecided(self, score: float) -> bool:
        """Tell whether a score lies where there is no answer.

        >>> Threshold(value=0.5, policy="p", attack_below=0.4).undecided(0.45)
        True
        """
        return self.attack_below is not None and self.attack_below <= score < self.value

    def __str__(self) -> str:
        zone = "" if self.attack_below is None else f", no answer from {self.attack_below:.4f}"
        return f"{self.value:.4f} by {self.policy}{zone}"


class ByDataset(_Part):
    """Which datasets, by slug, the network is shown in grey, and without rows and columns that are dark throughout.

    `edges_alone`: dark rows and columns between bright ones stay. See `fastrain.data.by_dataset`.
    """

    grey: list[Words] = []
    cut_black: list[Words] = []
    edges_alone: bool = False


class GraphFacts(_Part):
    """A network: its file, the view it sees with the version of its geometry, and how it is fed.

    Of `method`, a method of ours, the graph takes a picture a modality, float32 in [0, 1], `order` the order of its
    colours, and `available`; its output is the score. Of `declared` `input` and `score` are in the words of
    `fastrain.outside.declared`. `preparation` are those settings of the augmentation that evaluation needs too.
    """

    kind: Literal["method", "declared"]
    file: Member
    name: Words
    opset: PositiveInt
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    view: Words
    view_geometry: PositiveInt
    modalities: list[Modality] = ["rgb"]
    order: Literal["rgb", "bgr"] = "rgb"
    preparation: dict[str, Any] = {}
    by_dataset: ByDataset | None = None
    """What is done to recordings that are like those of some datasets; predictions are told which they are like."""
    input: Words = ""
    score: Words = ""


class FindingFacts(_Part):
    """How recordings become faces: as a store says it (`store`), with `frames` of each clip and what may stand in."""

    store: dict[str, Any]
    frames: Words
    accepted: list[str] = []
    files: list[Member] = []
    """The detector's networks in the bundle; none where their licence, or their form, keeps them out."""


class RateFacts(_Part):
    """An error rate at the threshold, with its interval and its rule, and of how many people and clips."""

    part: str
    data: Words
    metric: str
    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    rule: Words = ""
    people: NonNegativeInt | None = None
    clips: NonNegativeInt | None = None


class PlaceFacts(_Part):
    """A promise about the people of a place, the threshold that keeps it with its 95 % interval, and what it rests on.

    `observed` is the rate among the people that were seen, `bound` its upper bound over people.
    """

    promise: Words
    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    confidence: FiniteFloat
    people: NonNegativeInt
    presentations: NonNegativeInt
    observed: FiniteFloat
    bound: FiniteFloat
    data: Words

    def __str__(self) -> str:
        return (
            f"{self.promise} holds at {self.value:.4f} [{self.low:.4f}, {self.high:.4f}]: {self.observed:.1%} of "
            f"{self.people} people ({self.presentations} presentations), at most {self.bound:.1%} with "
            f"{self.confidence:.0%} confidence"
        )


class RangeFacts(_Part):
    """Between which values the middle 98 % of the training clips lie."""

    low: FiniteFloat
    high: FiniteFloat


class SeenFacts(_Part):
    """What the faces of the training data measure, by the names of `fasdata.quality`.

    `outside` is the share of the training clips themselves that lie outside some range: what is flagged by chance.
    """

    ranges: dict[str, RangeFacts]
    clips: NonNegativeInt
    outside: FiniteFloat
    datasets: list[Words] = []


class FlipFacts(_Part):
    """Which share of decisions on faces flips when their boxes are moved by a share of their side.

    Of all faces (`label` ""), of a label, or of a `species` of attacks; with its 95 % interval over people, which
    bundles of earlier versions lack.
    """

    amount: FiniteFloat
    label: Words
    species: Words = ""
    faces: NonNegativeInt
    share: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    ever: FiniteFloat

    @property
    def name(self) -> str:
        """Of which faces it is, in words.

        >>> FlipFacts(amount=0.1, label="attack", species="print", faces=9, share=0.1, ever=0.2).name
        'attack, print'
        """
        return ", ".join(filter(None, (self.label, self.species))) or "all faces"


class JitterOfBundle(_Part):
    """What moved boxes do to the bundle's decisions; `of` are the faces, `why` says why there are none."""

    of: Words = ""
    moves: NonNegativeInt = 0
    rows: list[FlipFacts] = []
    why: Words = ""


class LicenceFacts(_Part):
    """A part of the chain, its licence in words, and whether it bars commercial use (null: not known)."""

    what: Words
    name: Words
    licence: Words
    research_only: bool | None = None


class ParityFacts(_Part):
    """What was compared when the bundle was written: the run's own scores and faces, and the bundle's."""

    crops: NonNegativeInt
    of: Words
    largest_difference: FiniteFloat | None = None
    changed_decisions: NonNegativeInt = 0
    pictures: NonNegativeInt = 0
    pictures_of: Words = ""
    other_faces: NonNegativeInt = 0
    largest_box_difference: FiniteFloat | None = None
    allowed_drift: bool = False

    def __str__(self) -> str:
        largest = "not measured" if self.largest_difference is None else f"{self.largest_difference:.1e}"
        boxes = "" if self.largest_box_difference is None else f", boxes within {self.largest_box_difference:.3f} px"
        return (
            f"{self.crops} crops of {self.of}: largest difference {largest}, {self.changed_decisions} decisions "
            f"changed; {self.pictures} pictures{boxes}, {self.other_faces} faces others"
        )


class Expected(_Part):
    """What a picture of the self-test has to give: its faces, the one that is kept, its views and its score."""

    pictures: dict[Modality, Member]
    faces: NonNegativeInt
    box: Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)]
    views: list[Digest]
    score: FiniteFloat
    threshold: FiniteFloat | None
    bonafide: bool | None


class FileFacts(_Part):
    """A member of the archive."""

    sha256: Digest
    size: NonNegativeInt


class BundleFacts(_Part):
    """Everything that bundle.json says."""

    format: Literal[1]
    name: Words
    tool_version: Words
    networks: Annotated[list[GraphFacts], Field(min_length=1, max_length=16)]
    finding: FindingFacts
    threshold: Threshold | None = None
    rates: list[RateFacts] = []
    source_threshold: Threshold | None = None
    """The threshold of the sources, where `threshold` is that of a place."""
    place: list[PlaceFacts] = []
    seen: SeenFacts | None = None
    jitter: JitterOfBundle | None = None
    licences: list[LicenceFacts] = []
    provenance: dict[str, Any] = {}
    parity: ParityFacts | None = None
    self_test: Annotated[list[Expected], Field(max_length=32)] = []
    files: dict[Member, FileFacts]
