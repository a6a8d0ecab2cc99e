"""Remove a person from the store, manifests and packs of a library; a killed removal is continued."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fasdata.errors import UserError
from fasdata.forget.erase import Proof, Traces, erase, pieces_of, prove, require_readable, set_aside
from fasdata.forget.manifests import forget_rows
from fasdata.forget.removal import VERB, ForgetPlan
from fasdata.library import Library
from fasdata.manifests.manifest import TEXT
from fasdata.packs.info import FILE as PACK
from fasdata.store.atomic import require_writable, sweep
from fasdata.store.info import FILE as STORE
from fasdata.store.shards import DamagedShard
from fasdata.store.tables import FAILURES
from fasdata.store.writer_lock import lock_writer

_PLAIN = (".json", ".csv", ".html", ".txt", ".md", ".lock", ".yaml")


@dataclass
class ForgetReport:
    """What was removed; `named_in` are other files that still name the person's clips, `pages` are reports.

    `set_aside` are damaged shards that an earlier repair had kept.
    """

    removed: int = 0
    manifests: dict[str, str] = field(default_factory=dict)
    packs: list[str] = field(default_factory=list)
    proof: Proof | None = None
    named_in: list[Path] = field(default_factory=list)
    pages: list[Path] = field(default_factory=list)
    set_aside: list[Path] = field(default_factory=list)


def require_removable(plan: ForgetPlan, library: Library) -> list[bytes]:
    """Check, and change nothing, that a removal can begin, or go on; return the pieces that must not be left behind.

    Raises:
        UserError: the store is damaged, or the library cannot be written.
    """
    folder, journal = library.store_dir(plan.dataset), library.journal(VERB, plan.dataset)
    require_writable(library.root)
    if not (folder / STORE).is_file():
        return []
    try:
        if not journal.exists():
            require_readable(folder)
        return pieces_of(folder, plan.clips)
    except DamagedShard as error:
        raise _damaged(error, plan, folder, begun=journal.exists()) from None


def _damaged(error: DamagedShard, plan: ForgetPlan, folder: Path, *, begun: bool) -> UserError:
    state = "the removal has begun" if begun else "nothing was changed"
    do = f"run 'fasdata store check {folder} --repair', then the same 'fasdata forget' again"
    return UserError(f"{error.reason}: {plan.subject} cannot be removed yet, {state}", do=do)


def carry_out(plan: ForgetPlan, library: Library) -> ForgetReport:
    """Remove everything in the plan, prove that nothing is left, and delete the journal that was written first.

    Damage of other people's clips does not stop a removal that has begun; the proof names it.

    Raises:
        UserError: another process is writing to the store or a pack, the disk is full, the store is damaged, or
            something is left; the same command continues.
    """
    folder, report = library.store_dir(plan.dataset), ForgetReport()
    held, journal = (folder / STORE).is_file(), library.journal(VERB, plan.dataset)
    pieces = require_removable(plan, library)
    try:
        plan.write(library)
        sweep(library.root)
        for touched in plan.manifests:
            path = library.root / touched.path
            sweep(path.parent)
            report.manifests[touched.path] = forget_rows(path, plan) if path.is_file() else "removed before"
        for name in plan.packs:
            remove_pack(library.root / name)
            report.packs.append(name)
        if held:
            report.set_aside = set_aside(folder)
            report.removed = erase(folder, plan.clips)
            report.proof = prove(folder, plan, pieces)
    except DamagedShard as error:
        raise _damaged(error, plan, folder, begun=journal.exists()) from None
    traces = Traces(plan.clips)
    files = [path for path in _plain_files(library, folder) if path != journal]
    report.named_in = [path for path in files if traces.named_in(path)]
    report.pages = [path for path in files if path.suffix == ".html" and path not in report.named_in]
    ours = [path for path in report.named_in if path.name in (STORE, FAILURES, TEXT)]
    if ours:
        raise UserError(f"{ours[0]} still names a clip of {plan.subject}", do="run the same command again")
    journal.unlink(missing_ok=True)
    return report


def remove_pack(folder: Path) -> None:
    """Remove a pack, its description last, so that a killed removal finds the pack again."""
    if not folder.is_dir():
        return
    with lock_writer(folder):
        for path in sorted(folder.iterdir(), key=lambda path: path.name == PACK):
            path.unlink()
    folder.rmdir()


def _plain_files(library: Library, folder: Path) -> list[Path]:
    """Return the text files of the library, its protocols and this store; tables and shards are handled elsewhere."""
    places = [library.root.glob("*"), folder.glob("*"), (library.root / "protocols").glob("**/*")]
    return sorted({path for place in places for path in place if path.suffix in _PLAIN and path.is_file()})
