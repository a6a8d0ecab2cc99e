"""What code from outside a run uses: kept beside its results, and asked for again by whoever opens the run.

A run folder names no code that is imported. It says what was used; the user names a method again (`--with`, or as the
method of `fastrain run`), and it has to be the same, file by file. A view is kept as its text, which needs no code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasdata.door import changed_files
from fasdata.errors import UserError
from fasdata.store.atomic import replacing
from fastrain.methods.registry import named_method

if TYPE_CHECKING:
    from fasdata.door import Code
    from fastrain.config import RunConfig
    from fastrain.rundir import RunDir, RunFacts
    from fastrain.rundir.facts import CodeFacts

FOLDER = "code"
METHOD, VIEW = "method", "view"
LARGEST = 1 << 20  # bytes of a file that a run keeps a copy of


def code_facts(config: RunConfig, before: RunFacts | None = None) -> list[dict[str, Any]]:
    """Return what `run.json` and bundles keep of the code from outside that a configuration uses.

    Of a run that goes on, `before` has where its view is from: the text needs no code, so nobody names it again.
    """
    used = _used(config) if before else [*_used(config), *_view(config)]
    kept = [code.tree() for code in before.code if code.what == VIEW] if before else []
    return [*({"what": what, "name": name, **code.facts()} for what, name, code in used), *kept]


def code_identity(config: RunConfig) -> dict[str, str]:
    """Return the hashes of that code, as the identity of a checkpoint has them; none where all code is ours."""
    return {f"code of the {what} {name}": code.sha256 for what, name, code in _used(config)}


def require_own_code(run: RunDir, about: RunFacts) -> None:
    """Check that the code from outside that a run used is named, and is the same.

    Raises:
        UserError: it is not; says how to name it, or which files changed.
    """
    for used in methods_of(about):
        named = named_method(used.name)
        origin = f"{used.package} {used.version}".strip() or used.named
        if named is None:
            raise UserError(
                f"{run.path} was made with the {used.what} {used.name} from {origin}",
                expected=f"it to be named, for a run folder has no code imported: --with {used.named}",
                do=f"a copy of its files is in {run.file(FOLDER)}" if run.file(FOLDER).is_dir() else "",
            )
        if named.code.sha256 != used.sha256:
            changes = changed_files(used.files, named.code.files)
            raise UserError(
                f"the code of the {used.what} {used.name} is not what {run.path} was made with",
                found=", ".join(changes[:4]) + (f" and {len(changes) - 4} more" if len(changes) > 4 else ""),
                do=f"put its files back (a copy is in {run.file(FOLDER)}), or start again in another --out",
            )


def methods_of(about: RunFacts) -> list[CodeFacts]:
    """Return the methods among the code that a run used: only they are imported again."""
    return [used for used in about.code if used.what == METHOD]


def keep_code(run: RunDir, config: RunConfig) -> None:
    """Copy the files of that code into the run folder, for people: nothing is imported from there by itself."""
    for what, name, code in [*_used(config), *_view(config)]:
        folder = run.file(FOLDER) / ("data-view" if what == VIEW else name)  # no method has a hyphen in its name
        for file in code.files:
            content = (code.folder / file).read_bytes()
            if len(content) > LARGEST:
                continue
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as temporary:
                temporary.write_bytes(content)


def _used(config: RunConfig) -> list[tuple[str, str, Code]]:
    named = named_method(config.method)
    return [(METHOD, config.method, named.code)] if named else []


def _view(config: RunConfig) -> list[tuple[str, str, Code]]:
    from fasdata.faces.own_view import code_of_view

    view = config.data.view or ""
    code = code_of_view(view)
    return [(VIEW, view, code)] if code else []
