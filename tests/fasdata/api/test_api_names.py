"""What `import fasdata` and `import fastrain` offer: these names, at once, with types and words."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import fasdata
import fastrain

NAMES = {
    fasdata: [
        "Manifest", "OpenedLibrary", "StoredClip", "StoredDataset", "StoredFrame", "UserError", "View", "__version__",
        "manifest", "open",
    ],
    fastrain: [
        "Decision", "FaceDataset", "NoAnswer", "Predictor", "ScoreTable", "evaluate", "load", "metrics", "read_scores",
    ],
}  # fmt: skip
METRICS = [
    "Interval", "OperatingPoint", "Roc", "acer_max", "acer_pooled", "apcer_at_bpcer", "apcer_by_species", "apcer_max",
    "auc", "bpcer", "bpcer_at_apcer", "cllr", "eer", "fuse", "hter", "interval", "min_cllr", "min_hter", "reliability",
    "tpr_at_fpr",
]  # fmt: skip


@pytest.mark.parametrize("package", NAMES, ids=lambda package: package.__name__)
def test_the_public_names_are_these(package: ModuleType) -> None:
    assert package.__all__ == NAMES[package]
    assert set(NAMES[package]) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_the_metrics_are_these() -> None:
    assert fastrain.metrics.__all__ == METRICS


@pytest.mark.parametrize("package", [*NAMES, fastrain.metrics], ids=lambda package: package.__name__)
def test_every_name_says_what_it_is(package: ModuleType) -> None:
    for name in package.__all__:
        assert name == "__version__" or (inspect.getdoc(getattr(package, name)) or "").strip(), name


def test_what_is_used_first_has_an_example() -> None:
    from fasdata.api.manifest_by_name import manifest

    shown = (
        fasdata.open, manifest, fasdata.OpenedLibrary, fasdata.StoredDataset, fasdata.StoredClip, fasdata.StoredFrame,
        fastrain.FaceDataset, fastrain.read_scores, fastrain.ScoreTable, fastrain.metrics, fastrain.metrics.interval,
    )  # fmt: skip
    assert [value for value in shown if ">>> " not in (inspect.getdoc(value) or "")] == []


def test_importing_both_loads_nothing_but_what_python_has() -> None:
    line = "import sys; before = set(sys.modules); import fasdata, fastrain; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    loaded = ast.literal_eval(done.stdout)
    ours = [name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names]
    assert ours == ["fasdata", "fasdata.lazy_names", "fastrain"]


@pytest.mark.parametrize("package", NAMES, ids=lambda package: package.__name__)
def test_type_checkers_see_each_name_where_it_is_from(package: ModuleType) -> None:
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted({*seen, "__version__"} - {"__version__"}) == sorted(set(package.__all__) - {"__version__"})
    for name, home in package._HOMES.items():
        if ":" in home:  # others are modules themselves
            assert seen[name] == home


def test_no_room_has_the_name_of_a_function() -> None:
    import fasdata.manifests.manifest  # a room binds its own name in the package, once it is imported

    assert fasdata.manifest.__name__ == "manifest" and not hasattr(fasdata.manifest, "__path__")
    for package in (fasdata, fastrain):
        for name, home in package._HOMES.items():
            assert not (Path(str(package.__file__)).parent / name).exists() or home == f"{package.__name__}.{name}"
