"""The forms of what a run says of itself: what is read back is of these types and ranges, or refused by its key.

Files of older versions lack keys, which are then None or empty; keys of later versions are kept and not looked at.
"""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt

from fasdata.manifests.meta import recipe_text
from fastrain.config import LARGEST_IMAGE

CheckpointName = Literal["best", "last", "ema", "swa"]
Status = Literal["running", "stopped", "finished", "imported", "evaluated", "contestant"]
MOST_DOMAINS = 1000
LONGEST_PATH = 4096


def _path(text: str) -> str:
    if "\0" in text or len(text) > LONGEST_PATH:
        raise ValueError(f"expected a path of at most {LONGEST_PATH} characters, without NUL")
    return text


def _finite(number: float | None) -> float | None:
    return None if number is None or not isfinite(number) else number


PathText: TypeAlias = Annotated[str, AfterValidator(_path)]
Count: TypeAlias = Annotated[NonNegativeInt, Field(lt=2**53)]
Number: TypeAlias = Annotated[float | None, AfterValidator(_finite)]
"""A metric; what is not finite counts as unknown, as null does: JSON has neither infinity nor NaN."""


class Facts(BaseModel):
    """Base of what is read back: exact types; keys that this version does not know are kept."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, protected_namespaces=())

    def tree(self) -> dict[str, Any]:
        """Return the JSON object as it was read."""
        return self.model_dump(mode="json", exclude_unset=True)


# -- run.json ---------------------------------------------------------------------------------------------------------


class Selected(Facts):
    """By which policy, and by which metric if by any, the checkpoint was selected; its iteration."""

    policy: str | None = None
    metric: str | None = None
    checkpoint: CheckpointName | None = None
    iteration: Count | None = None


class KeptRequest(Facts):
    """The options that a run was begun with; None = not given."""

    method: str | None = None
    protocol: str | None = None
    recipe: str | None = None
    manifest: PathText | None = None
    preset: PathText | None = None
    frames: str | None = None
    test_frames: str | None = None
    val: str | None = None
    data: PathText | None = None
    devices: str | None = None
    precision: str | None = None
    accelerator: str | None = None
    track: str | None = None
    overrides: list[str] = []


class NetworkFacts(Facts):
    """A network of a contestant: its file in the folder, and what its user declared of it."""

    kind: Literal["onnx", "minifasnet"]
    file: Annotated[str, Field(pattern=r"^[0-9]{1,3}\.(onnx|safetensors)$")]
    sha256: str
    origin: str = ""
    """The name of the file that it was imported from."""
    view: str
    input: str
    score: str
    provider: str | None = None
    """What ran it when it was imported: an execution provider of onnxruntime, or torch."""


class ContestantFacts(Facts):
    """Where the scores of a contestant are from: `form` of the file, what its `rows` are, and what it cannot tell."""

    kind: str
    file: str | None = None
    sha256: str | None = None
    form: str | None = None
    rows: str | None = None
    notes: list[str] = []
    cannot: list[str] = []
    policies: list[str] = []
    """The threshold policies that it is judged at; none = those that every report shows."""
    networks: list[NetworkFacts] = []


class CodeFacts(Facts):
    """Code from outside that a run used: what it is, how its user named it, its package, and the hash of each file."""

    what: str
    name: str
    named: str
    package: str = ""
    version: str = ""
    sha256: str
    files: dict[str, str] = {}


class FixedWeights(Facts):
    """A file of weights that a network of the run rests on: the `tensors` entries that never changed are in it alone.

    `where` is the path that the user gave, or the repository on the hub.
    """

    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    where: str
    tensors: Count

    @property
    def text(self) -> str:
        """In words, for errors."""
        return f"{self.file} (sha256 {self.sha256})"


class TrainedOn(Facts):
    """The protocol and recipe that a network was trained in, where its scores are of other data."""

    protocol: str | None = None
    recipe: str | None = None
    recipe_parameters: dict[str, str] = {}
    manifest_fingerprint: str | None = None

    @property
    def text(self) -> str:
        """In words, as tables write it."""
        recipe = {"name": str(self.recipe).partition("@")[0], "parameters": self.recipe_parameters}
        return f"trained on {self.protocol}, {recipe_text(recipe)}"


class CostFacts(Facts):
    """What a run took: device time of training and scoring, memory at its peak, training images a second.

    The memory is that of the first CUDA device, else that of the process. The rate is of the last session, its
    validations included.
    """

    device_seconds: Annotated[FiniteFloat, Field(ge=0)] | None = None
    peak_memory_bytes: Count | None = None
    images_per_second: Annotated[FiniteFloat, Field(ge=0)] | None = None


class RunFacts(Facts):
    """What `run.json` says of a run; with `evaluation_of` it is one that was scored again on other data."""

    status: Status | None = None
    reason: str | None = None
    method: str | None = None
    protocol: str | None = None
    protocol_alias: str | None = None
    recipe: str | None = None
    """The canonical name of the recipe, which holds a hash where it was used with parameters of one's own."""
    recipe_parameters: dict[str, str] = {}
    manifest_fingerprint: str | None = None
    manifest_path: PathText | None = None
    library: PathText | None = None
    lock: dict[str, Any] | None = None
    changed_data: list[str] = []
    view: str | None = None
    image_size: Annotated[PositiveInt, Field(ge=8, le=LARGEST_IMAGE)] | None = None
    view_geometry: PositiveInt = 1
    """The version of the view's geometry; the first runs do not state it."""
    trained_view_geometry: PositiveInt | None = None
    """Of scores made again: the version that the network learned from, None where nobody knows."""
    pixels: str | None = None
    images: str | None = None
    drawing: list[str] = []
    not_applied: list[str] = []
    color_order: str | None = None
    shuffle_labels: bool | None = None
    code: list[CodeFacts] = []
    seed: Count | None = None
    preset: str | None = None
    overrides: list[str] = []
    request: KeptRequest = KeptRequest()
    config_hash: str | None = None
    n_domains: Annotated[PositiveInt, Field(le=MOST_DOMAINS)] | None = None
    n_parameters: Count | None = None
    n_trained: Count | None = None
    """How many of them learn; runs of earlier versions do not state it."""
    fixed_weights: list[FixedWeights] = []
    selection: Selected = Selected()
    device: str | None = None
    devices: str | None = None
    precision: str | None = None
    versions: dict[str, str] = {}
    tool_version: str | None = None
    train_seconds: Annotated[FiniteFloat, Field(ge=0)] | None = None
    cost: CostFacts = CostFacts()
    started: str | None = None
    finished: str | None = None
    source: dict[str, Any] | None = None
    evaluation_of: str | None = None
    trained_on: TrainedOn | None = None
    """Of scores on other data; None where the network came from outside."""

    @property
    def recipe_text(self) -> str | None:
        """The recipe with its parameters, as tables write it; None where it is unknown."""
        if self.recipe is None:
            return None
        return recipe_text({"name": self.recipe.partition("@")[0], "parameters": self.recipe_parameters})

    contestant: ContestantFacts | None = None
    """Of a run without a network of ours alone."""


# -- manifest.json ----------------------------------------------------------------------------------------------------


class ClipCount(Facts):
    """Clips of one label of a dataset in one part."""

    part: str
    dataset: str
    label: str
    clips: Count = 0


class ManifestFacts(Facts):
    """What `manifest.json` says of the manifest of a run, as far as other runs are compared with it."""

    canonical: str | None = None
    recipe: dict[str, Any] = {}
    domains: list[dict[str, Any]] | None = None
    target: list[dict[str, Any]] | None = None
    frame_rules: dict[str, str] | None = None
    modalities: list[str] | None = None
    validation: dict[str, Any] | None = None
    counts: list[ClipCount] = []
    stores: dict[str, str] = {}
