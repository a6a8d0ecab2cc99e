"""Everything that can be known, and can be wrong, before training starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.config import RunConfig
from fastrain.manifests import FoundManifest, find_manifest, given_manifest, manifest_path
from fastrain.methods.registry import method_class, settings_class
from fastrain.request import RunRequest
from fastrain.rundir import RunDir, Standing

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fasdata.store.reader import Store

RECIPE = "standard"


@dataclass(frozen=True)
class RunPlan:
    """A checked request: its configuration, data, view and folder."""

    request: RunRequest
    config: RunConfig
    library: Library
    found: FoundManifest
    stores: dict[str, Store]
    view: View
    n_domains: int
    run: RunDir
    standing: Standing

    def facts(self) -> dict[str, Any]:
        """Return what, beside the configuration, decides the result; a run is only continued with the same."""
        meta = self.found.manifest.meta
        return {
            "protocol": meta["canonical"],
            "recipe": meta["recipe"]["name"],
            "manifest_fingerprint": self.found.manifest.meta["fingerprint"],
            "view": self.view.name,
            "image_size": self.view.size,
            "devices": self.request.devices or "1",
            "precision": self.request.precision or "32-true",
        }


def check_settings(request: RunRequest) -> RunConfig:
    """Return the configuration; weights that cannot be had end it here, before torch is imported.

    Raises:
        UserError: what `RunRequest.config` and the method's `preflight` raise.
    """
    config = request.config()
    settings_class(config.method).model_validate(config.model).preflight()
    return config


def make_plan(request: RunRequest, config: RunConfig) -> RunPlan:
    """Find or build the manifest, open its stores, settle view and folder.

    Raises:
        UserError: something is missing, or the folder holds a run with another configuration.
    """
    library = Library.locate(Path(request.data) if request.data else None)
    view = view_of(config)
    found = _manifest(request, library)
    manifest = found.manifest
    _check_selection(config, found)
    run = RunDir(
        Path(request.out)
        if request.out
        else default_out(config, manifest.meta["canonical"], manifest.meta["recipe"]["name"])
    )
    plan = RunPlan(
        request=request,
        config=config,
        library=library,
        found=found,
        stores=manifest.open_stores(library),
        view=view,
        n_domains=len(manifest.meta["domains"]),
        run=run,
        standing=run.standing(),
    )
    if plan.standing != "new":
        run.require_same(config, plan.facts())
    return plan


def view_of(config: RunConfig) -> View:
    """Return the view that the network sees: of the configuration, else the method's own.

    Raises:
        UserError: no such view.
    """
    from fasdata.faces.view import View

    view = View.named(config.data.view or method_class(config.method).default_view)
    return view.resized(config.data.image_size) if config.data.image_size else view


def default_out(config: RunConfig, canonical: str, recipe: str) -> Path:
    """Return `runs/<method>-<protocol>-<recipe>-seed<seed>`."""
    return Path("runs") / f"{config.method}-{canonical.replace(':', '-')}-{recipe}-seed{config.train.seed}"


def describe_dry(request: RunRequest, config: RunConfig) -> str:
    """Return what a run would do; nothing is written.

    Raises:
        UserError: unknown view, protocol, recipe.
    """
    view = view_of(config)
    library = Library.locate(Path(request.data) if request.data else None)
    if request.manifest:
        source = f"{request.manifest} (given)"
    else:
        path = manifest_path(library, _protocol(request), request.recipe or RECIPE)
        source = f"{path} ({'built before' if path.is_file() else 'would be built'})"
    train, evaluate = config.train, config.evaluate
    return "\n".join(
        [
            f"method    {config.method}, view {view.name} at {view.size} pixels, seed {train.seed}",
            f"manifest  {source}",
            f"training  {train.max_iterations} iterations, {train.steps_per_epoch} an epoch, "
            f"validation every {train.validate_every_epochs} epochs",
            f"selection {evaluate.select}" + (f" by clip {evaluate.metric}" if evaluate.select == "source_val" else ""),
            f"devices   {request.devices or '1'} ({request.accelerator or 'auto'}), "
            f"precision {request.precision or '32-true'}",
        ]
    )


def _manifest(request: RunRequest, library: Library) -> FoundManifest:
    if request.manifest:
        return given_manifest(Path(request.manifest), request.protocol)
    return find_manifest(library, _protocol(request), request.recipe or RECIPE, request.val)


def _protocol(request: RunRequest) -> str:
    if request.protocol is None:
        raise UserError("no protocol", expected="--protocol NAME (such as CIO-M) or --manifest FILE")
    return request.protocol


def _check_selection(config: RunConfig, found: FoundManifest) -> None:
    if config.evaluate.select != "source_val":
        return
    if not any(tally["part"] == "val" for tally in found.manifest.meta["counts"]):
        raise UserError(
            "select=source_val needs validation clips",
            found=f"no part val in {found.path}",
            do="build the protocol with --val auto, or --set select=last",
        )
