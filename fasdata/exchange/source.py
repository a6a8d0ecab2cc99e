"""The manifest that an export is of."""

from __future__ import annotations

from fasdata.library import Library
from fasdata.manifest import Manifest


def manifest_for(protocol: str, recipe: str, library: Library, *, build: bool = True) -> Manifest:
    """Return the library's manifest of a protocol in a recipe; where there is none it is built.

    With `build` the new one is kept in the library, without it nothing is written.

    Raises:
        UserError: unknown protocol or recipe, a store is missing, the manifest is damaged.
    """
    from fasdata.protocols.build import assemble, build_protocol, require_cards
    from fasdata.protocols.grammar import parse
    from fasdata.protocols.plan import make_plan
    from fasdata.protocols.recipe import load_recipe
    from fasdata.store.reader import Store

    name, wanted = parse(protocol), load_recipe(recipe)
    path = library.protocol_dir(name.canonical, recipe) / "manifest.parquet"
    if path.is_file():
        return Manifest.read(path)
    if build:
        return build_protocol(protocol, recipe=recipe, library=library)
    plan = make_plan(name, wanted)
    require_cards(plan)
    made = assemble(plan, {dataset: Store.open(library.require_store(dataset)) for dataset in plan.datasets})
    made.check()
    return made
