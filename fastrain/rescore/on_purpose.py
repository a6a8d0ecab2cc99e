"""Other data on purpose: which manifest `--on` names, whether the network saw its clips, and whose thresholds hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests.leakage import contents_of
from fasdata.manifests.manifest import TABLE
from fasdata.protocols.built import Wanted
from fasdata.protocols.find_manifest import ManifestFile, find_manifest, given_manifest
from fastrain.rundir import RunDir, RunFacts

if TYPE_CHECKING:
    import pyarrow as pa

    from fasdata.manifests import Manifest
    from fasdata.protocols.dataset_names import Names
    from fasdata.protocols.protocol_name import ProtocolName
    from fasdata.store.reader import Store
    from fastrain.evaluation.scores import ScoreTable

# -- What `--on` names ------------------------------------------------------------------------------------------------


def manifest_on(on: str, recipe: str | None, about: RunFacts, library: Library) -> ManifestFile:
    """Return the manifest of a dataset, a protocol's target or a manifest's file, built where it is not there.

    The recipe is `recipe`, else the run's where it covers the data, else `standard`; frames of the tested part are
    those that the run's recipe was used with.

    Raises:
        UserError: `on` names none of these; its store is missing or lacks frames; no recipe covers it.
    """
    path = Path(on)
    if path.suffix == ".parquet" or (path / "manifest.parquet").is_file():
        return given_manifest(path, None, recipe)
    known = [recipe] if recipe else list(dict.fromkeys([(about.recipe or "standard").partition("@")[0], "standard"]))
    name, covering = covered_target(on, known, about, library)
    test_frames = about.recipe_parameters.get("test-frames", "")
    return find_manifest(library, name, Wanted(covering, test_frames=test_frames))


def covered_target(on: str, known: list[str], about: RunFacts, library: Library) -> tuple[str, str]:
    """Return the name of what is tested and the first of the recipes that covers it."""
    from fasdata.protocols.dataset_names import Names
    from fasdata.protocols.grammar import parse
    from fasdata.protocols.planning import make_plan
    from fasdata.protocols.recipe import load_recipe

    names = Names.of(library)
    why: UserError | None = None
    for name in target_spellings(on, about, names):
        for recipe in known:
            try:
                make_plan(parse(name, names=names), load_recipe(recipe.partition("@")[0]))
            except UserError as error:
                why = why or error
            else:
                return name, recipe
    raise why or UserError(f"--on {on!r} names nothing to test on", expected="a dataset, a protocol or a manifest")


def target_spellings(on: str, about: RunFacts, names: Names) -> Iterator[str]:
    """Yield the names that mean the target alone: in the run's pool first, then in others, then on its own."""
    from fasdata.protocols.dataset_names import FILE, OWN
    from fasdata.protocols.grammar import parse
    from fasdata.protocols.protocol_name import EACH

    member = names.find(on) if len(on) > 1 else None
    if member is None:
        try:
            parsed = parse(on, names=names)
        except UserError as error:
            own = ", ".join(member.dataset for member in names.datasets.values() if member.own)
            raise UserError(
                f"--on {on!r} is no dataset, protocol or manifest: {error}", found=own and f"own datasets {own}"
            ) from None
        if parsed.intra or parsed.pool == FILE:
            yield on if parsed.pool == FILE else parsed.canonical
        elif parsed.pool == OWN:
            each = EACH if parsed.each else ""
            yield f"{OWN}:to_{each}{'+'.join(target.dataset for target in parsed.target_sets)}{_masks(parsed)}"
        else:
            yield f"{parsed.pool}:to_{('+' if parsed.each else '').join(parsed.targets)}{_masks(parsed)}"
        return
    own = str(about.protocol).partition(":")[0]
    for pool in sorted(names.pools, key=lambda pool: pool != own):
        for entry in names.pools[pool].letters:
            if entry.dataset == member.dataset:
                yield f"{pool}:to_{entry.letter}"
    yield f"{OWN}:to_{member.dataset}"


def _masks(name: ProtocolName) -> str:
    """Return the variant of a name where it is about what is tested; few clips that train are not."""
    return f"@{name.variant}" if name.variant.startswith("miss") else ""


# -- What the network has seen ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What a network was trained or selected on: clips, people and contents, by dataset or by hash.

    Of a network from outside that is not known; what its thresholds were set on is. `how` says which of the two.
    """

    how: str
    clips: frozenset[str]
    people: frozenset[str]
    contents: frozenset[str]
    complete: bool
    datasets: tuple[str, ...]

    @classmethod
    def of_run(cls, run: RunDir, about: RunFacts, library: Library, *, outside: bool = False) -> Seen:
        """Read what a run was made with from its manifest and stores, as far as they are still there.

        They are looked for where the run says, and in `library`. `outside`: the network came from outside.
        """
        how = "its thresholds were set on" if outside else "the network was trained or selected on"
        datasets = tuple(str(domain.get("dataset")) for domain in run.manifest().domains or ())
        manifest = _own_manifest(about, library)
        if manifest is None:
            return cls(how, frozenset(), frozenset(), frozenset(), False, datasets)
        import pyarrow.compute as pc

        part = manifest.table["part"]
        rows = manifest.table.filter(pc.equal(part, "val") if outside else pc.not_equal(part, "test"))
        contents: set[str] = set()
        clips = _clips(rows)
        libraries = [Library.locate(Path(about.library) if about.library else None), library]
        for dataset in {name for name, _, _ in clips}:
            wanted = {clip_id for of, clip_id, _ in clips if of == dataset}
            contents |= next(filter(None, (_contents(place, dataset, wanted) for place in libraries)), set())
        return cls(
            how,
            frozenset(f"{dataset}/{clip_id}" for dataset, clip_id, _ in clips),
            frozenset(f"{dataset}/{subject}" for dataset, _, subject in clips if subject),
            frozenset(contents),
            True,
            datasets,
        )

    def require_unseen(self, manifest: Manifest, stores: Mapping[str, Store]) -> None:
        """Check that no clip, person or content that is tested was trained or selected on.

        Raises:
            UserError: names what was, or a dataset of which nobody knows.
        """
        import pyarrow.compute as pc

        tested = _clips(manifest.table.filter(pc.equal(manifest.table["part"], "test")))
        if not self.complete:
            shared = sorted({dataset for dataset, _, _ in tested} & set(self.datasets))
            if shared:
                raise UserError(
                    f"{self.how} data of {', '.join(shared)}; the manifest that says on which clips is gone",
                    expected="data that it never saw",
                    do="go to the folder that it was made in, or give its library with --data",
                )
            return
        contents: dict[str, frozenset[str]] = {}
        for dataset in {name for name, _, _ in tested}:
            wanted = {clip_id for of, clip_id, _ in tested if of == dataset}
            for known, clip_id in _contents_of(stores[dataset], wanted):
                contents[f"{dataset}/{clip_id}"] = known
        seen = {
            "clip": sorted(f"{dataset}/{clip}" for dataset, clip, _ in tested if f"{dataset}/{clip}" in self.clips),
            "person": sorted(
                {f"{dataset}/{who}" for dataset, _, who in tested if who and f"{dataset}/{who}" in self.people}
            ),
            "content": sorted(name for name, known in contents.items() if known & self.contents),
        }
        for kind, names in seen.items():
            if names:
                raise UserError(
                    f"leakage: {self.how} data of {manifest.meta['canonical']}",
                    expected=f"no {kind} that it has seen",
                    found=f"{len(names)}, such as {', '.join(names[:3])}",
                    do="name other data, or a protocol or file whose tested people took no part",
                )


def _own_manifest(about: RunFacts, library: Library) -> Manifest | None:
    """Return the manifest that a run was trained by; None where it is not there any more, or is another."""
    places = [Path(about.manifest_path)] if about.manifest_path else []
    if about.protocol and about.recipe:
        places.append(library.protocol_dir(about.protocol, about.recipe) / TABLE)
    for place in places:
        if place.is_file():
            try:
                manifest = given_manifest(place, None, None).manifest
            except UserError:
                continue
            if manifest.meta["fingerprint"] == about.manifest_fingerprint:
                return manifest
    return None


def _clips(rows: pa.Table) -> list[tuple[str, str, str]]:
    keys = ["dataset", "clip_id", "subject"]
    table = rows.select(keys).group_by(keys).aggregate([])
    return list(zip(*(table.column(key).to_pylist() for key in keys), strict=True))


def _contents(library: Library, dataset: str, clip_ids: set[str]) -> set[str]:
    from fasdata.store.reader import Store

    try:
        store = Store.open(library.require_store(dataset))
        return set().union(*(known for known, _ in _contents_of(store, clip_ids)))
    except UserError:  # the store is gone or damaged: clips and people are compared all the same
        return set()


def _contents_of(store: Store, clip_ids: set[str]) -> Iterator[tuple[frozenset[str], str]]:
    for record in store.records():
        if record.clip.clip_id in clip_ids:
            yield contents_of(record), record.clip.clip_id


# -- Whose thresholds hold --------------------------------------------------------------------------------------------


def with_own_validation(table: ScoreTable, run: RunDir) -> ScoreTable:
    """Return the scores with those of the run's own validation part before them: its source thresholds apply.

    A run that held nothing out has none; its results then say so.

    Raises:
        UserError: the run's scores are damaged.
    """
    import pandas as pd

    from fastrain.evaluation.score_rules import ORIGIN_COLUMNS
    from fastrain.evaluation.scores import ScoreTable

    path = run.file("scores.csv")
    own = ScoreTable.read_csv(path).part("val") if path.is_file() else None
    if own is None:
        return table
    held = own.frame.drop(columns=list(ORIGIN_COLUMNS), errors="ignore")
    gaps = {name for name in {*held.columns} ^ {*table.frame.columns} if not name.startswith("score")}
    both = pd.concat([held, table.frame], ignore_index=True).fillna(dict.fromkeys(gaps, ""))
    return ScoreTable(both, table.source)
