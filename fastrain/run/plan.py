"""Check everything that can be checked before training starts, and settle a run's data, view and folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError, unknown_name
from fasdata.library import Library
from fasdata.lock.lock import Lock
from fasdata.manifests.meta import recipe_key
from fasdata.protocols.built import Wanted
from fasdata.protocols.find_manifest import ManifestFile, find_manifest, given_manifest
from fasdata.protocols.grammar import parse
from fasdata.protocols.protocol_name import judges_each
from fastrain.config import EMA, SOURCE_VAL, SWA, TARGET_ORACLE, RunConfig, modalities_of
from fastrain.data.image_source import ImageSource, image_source
from fastrain.data.manifests import against_library, require_same_data
from fastrain.data.samplers import SamplingPlan
from fastrain.methods.registry import method_class
from fastrain.run.code import require_own_code
from fastrain.run.request import RunRequest
from fastrain.rundir import RunDir
from fastrain.rundir.folder import RunState
from fastrain.train.trackers import trackers_named

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fasdata.manifests import Manifest
    from fasdata.store.reader import Store


# -- Whether a preset's values were meant for the protocol of a run ---------------------------------------------------


def preset_note(published_for: str | None, canonical: str, n_domains: int) -> str:
    """Return a note where a preset was meant for another protocol, "" where it fits or is meant for any.

    Raises:
        UserError: the preset is for another number of source domains than the manifest has.
    """
    if published_for is None:
        return ""
    meant = parse(published_for)
    if meant.canonical == canonical:
        return ""
    if len(meant.sources) != n_domains:
        raise UserError(
            f"the preset is for {published_for}, with {len(meant.sources)} source domains",
            found=f"{canonical}, with {n_domains}",
            do="leave --preset out, or --set published_for=null to use its values all the same",
        )
    return f"the preset's values were published for {published_for}; this is {canonical}"


# -- Everything that can be known, and can be wrong, before training starts -------------------------------------------


RECIPE = "standard"
VALIDATION = ("auto", "none")


@dataclass(frozen=True)
class RunPlan:
    """A checked request: its configuration, data, view and folder."""

    request: RunRequest
    config: RunConfig
    library: Library
    manifest_file: ManifestFile
    stores: dict[str, Store]
    view: View
    view_note: str
    images: ImageSource
    sampling: SamplingPlan
    preset_note: str
    n_domains: int
    run: RunDir
    state: RunState
    lock: Lock
    changed_data: list[str]

    def facts(self) -> dict[str, Any]:
        """Return what decides the result beside the configuration; a run continues only with the same facts."""
        meta = self.manifest_file.manifest.meta
        return {
            "protocol": meta["canonical"],
            "recipe": recipe_key(meta["recipe"]),
            "manifest_fingerprint": self.manifest_file.manifest.meta["fingerprint"],
            "view": self.view.geometry,
            "view_geometry": self.view.geometry_version,
            "pixels": self.images.pixels,
            "image_size": self.view.size,
            "devices": self.request.devices or "1",
            "precision": self.request.precision or "32-true",
        }


def check_settings(request: RunRequest) -> RunConfig:
    """Return the validated configuration; torch is not imported yet.

    Raises:
        UserError: what `RunRequest.config` raises.
    """
    return request.config()


def make_plan(request: RunRequest, config: RunConfig, manifest_file: ManifestFile | None = None) -> RunPlan:
    """Find or build the manifest, open its stores, settle view and folder. A dry run builds, and saves nothing.

    `manifest_file` is that of `manifest_of`, where it is at hand already.

    Raises:
        UserError: something is missing, the data are not those of the library's lock, or the folder holds a run with
            another configuration or other data.
    """
    if request.val not in (None, *VALIDATION):
        raise unknown_name("value of --val", str(request.val), VALIDATION)
    trackers_named(request.track)  # a wrong name, or one that is not installed
    library = Library.locate(Path(request.data) if request.data else None)
    view_of(config)  # a wrong name is told before anything is built
    _check_selection(config, request.val != "none", "--val none")
    manifest_file = manifest_file or manifest_of(request, library)
    manifest = manifest_file.manifest
    if not any(tally["part"] == "train" for tally in manifest.meta["counts"]):
        raise UserError(
            f"{manifest.meta['canonical']} names what is only tested on: nothing trains",
            do="name sources too: 'CASIA-FASD to mylab', or score a trained network: fastrain eval RUN --on DATASET",
        )
    validated = any(tally["part"] == "val" for tally in manifest.meta["counts"])
    _check_selection(config, validated, f"no part val in {manifest_file.path}")
    _check_one_network(config, manifest.meta["canonical"])
    view, view_note = settled_view(config, request.sets("data.view"), manifest)
    _check_augmentation(config, view.size)
    n_domains = len(manifest.meta["domains"])
    note = preset_note(config.published_for, manifest.meta["canonical"], n_domains)
    run = RunDir(
        Path(request.out)
        if request.out
        else default_out(config, manifest.meta["canonical"], recipe_key(manifest.meta["recipe"]))
    )
    run.require_writable()
    state = run.state()
    stores = manifest.open_stores(library)
    lock = Lock.of_manifest(manifest, stores)
    plan = RunPlan(
        request=request,
        config=config,
        library=library,
        manifest_file=manifest_file,
        stores=stores,
        view=view,
        view_note=view_note,
        images=image_source(config.data.images, library, manifest, view),
        sampling=SamplingPlan.of(config, manifest.meta, apart=method_class(config.method).draws_own_batches),
        preset_note=note,
        n_domains=n_domains,
        run=run,
        state=state,
        lock=lock,
        changed_data=against_library(library, lock, allowed=request.allow_changed_data),
    )
    if plan.state != "new":
        require_own_code(run, run.facts())
        run.require_same(config, plan.facts())
        require_same_data(run, lock)
    return plan


def view_of(config: RunConfig) -> View:
    """Return the view that the network sees: the configured one, else the method's own.

    Raises:
        UserError: no such view, or `data.image_size` is another than the one that the view states.
    """
    from fasdata.faces.view import View

    return View.named(config.data.view or method_class(config.method).default_view, config.data.image_size)


def settled_view(
    config: RunConfig, asked: bool, manifest: Manifest, *, do: str = "--set data.view=box"
) -> tuple[View, str]:
    """Return the view of a run and, where it is not the configured one, why.

    Pre-cropped releases come without landmarks: a view that is aligned by them gives way to `box` at the same size,
    unless the user `asked` for it.

    Raises:
        UserError: the user asked for a view that needs landmarks, which some faces lack; the message ends with `do`.
    """
    import pyarrow.compute as pc

    from fasdata.faces.view import View

    view = view_of(config)
    usable = manifest.table.filter(pc.equal(manifest.table["status"], "ok"))
    lacking = usable["landmarks"].null_count
    if not (view.needs_landmarks and lacking):
        return view, ""
    without = f"{lacking} of {usable.num_rows} faces without"
    if asked:
        raise UserError(f"the view {view.name} needs landmarks", found=f"{without} (pre-cropped images)", do=do)
    return View("box", view.size, resize=view.resize), f"{view.name} needs landmarks: {without}"


def default_out(config: RunConfig, canonical: str, recipe: str) -> Path:
    """Return `runs/<method>-<protocol>-<recipe>-seed<seed>`."""
    return Path("runs") / f"{config.method}-{canonical.replace(':', '-')}-{recipe}-seed{config.train.seed}"


def manifest_of(request: RunRequest, library: Library) -> ManifestFile:
    """Return the manifest that a request means: the one it names, or the library's, which is built where it is missing.

    Raises:
        UserError: as `given_manifest` and `find_manifest`, or there is no protocol.
    """
    if request.manifest:
        if request.frames or request.test_frames:
            raise UserError("--manifest says which frames there are", expected="no --frames or --test-frames beside it")
        given = given_manifest(Path(request.manifest), request.protocol, request.recipe)
        built = given.manifest.meta["validation"]["mode"]
        if request.val not in (None, built):
            raise UserError(f"{given.path} was built with --val {built}", expected=f"--val {request.val}")
        return given
    wanted = Wanted(request.recipe or RECIPE, request.frames or "", request.test_frames or "", request.val)
    return find_manifest(library, _protocol(request), wanted, write=not request.dry_run)


def _protocol(request: RunRequest) -> str:
    if request.protocol is None:
        raise UserError("no protocol", expected="--protocol NAME (such as CIO-M) or --manifest FILE")
    return request.protocol


def _check_selection(config: RunConfig, validated: bool, missing: str) -> None:
    for name, kept in ((EMA, config.train.ema), (SWA, config.train.swa)):
        if config.evaluate.select == name and not kept:
            do = f"--set train.{name}={'0.999' if name == EMA else '10'}"
            raise UserError(f"select={name} needs the average of weights that train.{name} keeps", do=do)
    if config.evaluate.select == SOURCE_VAL and not validated:
        raise UserError(
            f"select={SOURCE_VAL} needs validation clips",
            found=missing,
            do="build the protocol with --val auto, or --set select=last",
        )


def _check_one_network(config: RunConfig, canonical: str) -> None:
    """Stop where a network would be chosen with the labels of targets that it is judged on one by one."""
    if config.evaluate.select == TARGET_ORACLE and judges_each(canonical):
        raise UserError(
            f"select={TARGET_ORACLE} chooses a network for one target, and {canonical} judges one network on each",
            do=f"choose it on the sources, --set select={SOURCE_VAL}, or train for one target at a time",
        )


def _check_augmentation(config: RunConfig, size: int) -> None:
    from fastrain.augmentation import AugmentConfig
    from fastrain.data.artefacts import require_colour_alone

    augment = AugmentConfig.model_validate(config.data.augment)
    require_colour_alone(augment, modalities_of(config), shuffled=config.data.shuffle_labels)
    if augment.mix_crop_mask and augment.mix_crop_mask.crop > (augment.resize or size):
        raise UserError(
            f"data.augment.mix_crop_mask.crop {augment.mix_crop_mask.crop} is larger than the image",
            expected=f"at most {augment.resize or size}",
        )
    crop = augment.random_crop
    if crop and crop.size and crop.size > size + 2 * crop.padding:
        raise UserError(
            f"data.augment.random_crop.size {crop.size} is larger than the padded image",
            expected=f"at most {size + 2 * crop.padding}",
        )
