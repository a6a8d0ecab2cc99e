"""Plan the removal of a person: what a library and its runs hold, kept as a journal until it is done."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Field, ValidationError

from fasdata.datasets.rule import Form
from fasdata.errors import UserError
from fasdata.foreign import read_csv_rows, read_json, read_json_object
from fasdata.library import Library
from fasdata.manifests.manifest import TABLE, Manifest
from fasdata.packs.info import FILE as PACK
from fasdata.packs.info import PackInfo
from fasdata.store import tables
from fasdata.store.atomic import write_text
from fasdata.store.hashes import store_hash
from fasdata.store.info import FILE, StoreInfo
from fasdata.store.writer_lock import lost_clips

VERB = "forget"  # of the journal in the library


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if parts[:1] not in (("protocols",), ("packs",)) or ".." in parts or len(parts) < 2:
        raise ValueError(f"expected a path below protocols or packs, not {path[:60]!r}")
    return path


# The files that a journal names are deleted: one that came from elsewhere must not lead out of the library.
Inside = Annotated[str, AfterValidator(_inside)]


class TouchedManifest(Form):
    """A manifest of the dataset, by its path below the library, with the person's rows and all its fingerprints."""

    path: Inside
    fingerprints: list[str]
    rows: int
    parts: list[str]


class ForgetPlan(Form):
    """What is to be removed: clips by id, rows of manifests, packs; and the store's content hash before and after."""

    dataset: str
    subject: str
    clips: list[str]
    crops: int = 0
    before: str = ""
    after: str = ""
    manifests: list[TouchedManifest] = Field(default_factory=list)
    packs: list[Inside] = Field(default_factory=list)

    def write(self, library: Library) -> None:
        """Write the journal; from then on only the same command continues with this store."""
        write_text(library.journal(VERB, self.dataset), self.model_dump_json(indent=1) + "\n")


def plan_forget(library: Library, dataset: str, subject: str) -> ForgetPlan:
    """Collect what a library holds of a person, including what the journal of a killed run names.

    Raises:
        UserError: no data of that person (names similar ones), an unfinished earlier run on another person, an
            unfinished extraction, a damaged manifest.
    """
    if not subject:
        raise UserError("the empty name stands for unknown people", expected="a person's name in the store")
    begun = _begun(library, dataset)
    if begun and begun.subject != subject:
        raise UserError(
            f"an earlier 'fasdata forget' on {dataset} was not finished",
            do=f"finish it first: fasdata forget {dataset} {begun.subject!r} --data {library.root}",
        )
    people, in_store = _in_store(library, dataset, subject, begun)
    plan = _with_manifests(library, in_store, people)
    if not plan.clips:
        close = get_close_matches(subject, sorted(people), n=3, cutoff=0.4)
        raise UserError(
            f"no data of a person {subject!r} in {dataset} of the library {library.root}",
            found=f"{len(people)} other people",
            do=f"did you mean {' or '.join(map(repr, close))}?" if close else "look at clips.parquet of the store",
        )
    packs = {str(path.parent.relative_to(library.root)) for path in _packs(library) if _is_of(path, dataset)}
    return plan.model_copy(update={"packs": sorted({*packs, *(begun.packs if begun else ())})})


def fingerprints(plan: ForgetPlan) -> dict[str, list[str]]:
    """Return the parts that held the person, by each fingerprint that a run may have recorded."""
    return {text: touched.parts for touched in plan.manifests if touched.rows for text in touched.fingerprints}


def _begun(library: Library, dataset: str) -> ForgetPlan | None:
    path = library.journal(VERB, dataset)
    if not path.exists():
        return None
    try:
        begun = ForgetPlan.model_validate(read_json(path, do="remove it"))
        if begun.dataset != dataset:
            raise ValueError(f"it is about the dataset {begun.dataset[:60]!r}")
        return begun
    except (ValueError, ValidationError) as error:
        raise UserError(f"{path} is damaged", found=" ".join(str(error).split())[:120], do="remove it") from None


def _in_store(library: Library, dataset: str, subject: str, begun: ForgetPlan | None) -> tuple[set[str], ForgetPlan]:
    """Return all people in the store, and the plan as far as the store goes."""
    folder = library.store_dir(dataset)
    if begun:
        return set(), begun
    if not (folder / FILE).is_file():
        return set(), ForgetPlan(dataset=dataset, subject=subject, clips=[])
    # What a repair took out is no reason to keep a person: the recordings may be gone, and nothing else is unfinished.
    if not (lost_clips(folder) and tables.present(folder)):
        library.require_store(dataset)
    columns = tables.read_columns(folder, "clip_id", "subject", "content_hash")
    rows = list(zip(columns["clip_id"], columns["subject"], columns["content_hash"], strict=True))
    fingerprint = StoreInfo.read(folder).fingerprint
    return {who for _, who, _ in rows} - {""}, ForgetPlan(
        dataset=dataset,
        subject=subject,
        clips=sorted(clip for clip, who, _ in rows if who == subject),
        before=store_hash(fingerprint, {clip: content for clip, _, content in rows}),
        after=store_hash(fingerprint, {clip: content for clip, who, content in rows if who != subject}),
    )


def _with_manifests(library: Library, plan: ForgetPlan, people: set[str]) -> ForgetPlan:
    own: dict[str, tuple[pa.Table, list[str]]] = {}
    for path in sorted((library.root / "protocols").glob(f"*/*/{TABLE}")):
        try:
            manifest = Manifest.read(path)
        except UserError as error:
            do = f"or remove {path.parent} and run this again: a removal takes no rows out of it"
            raise UserError(str(error), do=do) from None
        if plan.dataset in manifest.meta["stores"]:
            rows = manifest.table.select(["dataset", "clip_id", "subject", "part"])
            earlier = [removal["fingerprint"] for removal in manifest.meta.get("forgotten", ())]
            own[str(path.relative_to(library.root))] = (
                rows.filter(pc.equal(rows["dataset"], plan.dataset)),
                [manifest.meta["fingerprint"], *earlier],
            )
    clips = set(plan.clips)
    for rows, _ in own.values():
        people |= set(rows["subject"].unique().to_pylist()) - {""}
        clips |= set(rows.filter(pc.equal(rows["subject"], plan.subject))["clip_id"].unique().to_pylist())
    touched = {manifest.path: manifest for manifest in plan.manifests}
    for name, (rows, known) in own.items():
        theirs = rows.filter(pc.is_in(rows["clip_id"], pa.array(sorted(clips), pa.string())))
        parts = sorted(theirs["part"].unique().to_pylist())
        touched.setdefault(name, TouchedManifest(path=name, fingerprints=known, rows=theirs.num_rows, parts=parts))
    return plan.model_copy(update={"clips": sorted(clips), "manifests": list(touched.values())})


def _packs(library: Library) -> list[Path]:
    return sorted((library.root / "packs").glob(f"**/{PACK}"))


def _is_of(path: Path, dataset: str) -> bool:
    return dataset in PackInfo.read(path.parent).stores


# -- Runs that used a person's recordings -----------------------------------------------------------------------------

DEFAULT = Path("runs")


@dataclass(frozen=True)
class RunUse:
    """A run folder, the parts of its data that held the person, and the rows of its score table on that person."""

    folder: Path
    parts: tuple[str, ...]
    scores: int


def runs_with(plan: ForgetPlan, folders: list[Path] | None) -> list[RunUse]:
    """Return the runs below these folders (default `./runs`) whose manifest or scores held the person.

    Raises:
        UserError: a named folder does not exist.
    """
    for folder in folders or ():
        if not folder.is_dir():
            raise UserError(f"no folder {folder}", expected="a folder with runs in it")
    known = fingerprints(plan)
    uses = []
    for folder in folders if folders is not None else [DEFAULT]:
        for path in sorted(folder.rglob("run.json")):
            parts = known.get(str(_facts(path).get("manifest_fingerprint")), [])
            scores = _scored(path.with_name("scores.csv"), plan)
            if parts or scores:
                uses.append(RunUse(path.parent, tuple(parts), scores))
    return uses


def _facts(path: Path) -> dict[str, object]:
    try:
        return read_json_object(path)
    except UserError:
        return {}  # a half-written run; its scores may still name the person


def _scored(path: Path, plan: ForgetPlan) -> int:
    if not path.is_file():
        return 0
    clips, number = set(plan.clips), 0
    try:
        for _, row in read_csv_rows(path):
            of_person = row.get("subject") == plan.subject or row.get("clip_id") in clips
            number += row.get("dataset") == plan.dataset and of_person
    except UserError:
        pass  # a table that was cut off: what stands before the end is counted, and nothing stops a removal
    return number
