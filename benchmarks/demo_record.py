"""What `make demo` came to, in hashes and scores: recorded once, compared after every change that must change nothing.

    make demo && python benchmarks/demo_record.py demo            # compare with benchmarks/demo_record.json
    python benchmarks/demo_record.py demo --write                 # record anew, after a change that is meant to count

On a processor with other vector instructions, or with other versions of torch, OpenCV or FFmpeg, the last bits of a
detection may differ and with them every hash behind it; the script then says so and compares the metrics alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_suffix(".json")
PACKAGES = ("av", "facenet-pytorch", "numpy", "opencv-python", "opencv-python-headless", "torch")
TOLERANCE = 0.02  # of a metric between machines


def machine() -> dict[str, str]:
    """Return what the last bits depend on: the instructions that torch uses, and the versions of packages."""
    import torch

    return {
        "instructions": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "packages": " ".join(f"{name} {_version(name)}" for name in PACKAGES if _version(name)),
    }


def record_of(demo: Path) -> dict[str, Any]:
    """Return the content hash of every store, the fingerprint of every manifest, and each run's scores and metrics."""
    from fasdata.library import Library
    from fasdata.manifests import Manifest
    from fasdata.store.reader import Store

    library = Library(demo / "data")
    manifests = sorted((library.root / "protocols").glob("*/*/manifest.parquet"))
    return {
        "machine": machine(),
        "stores": {name: Store.open(library.store_dir(name)).content_hash() for name in library.stores()},
        "manifests": {
            str(path.parent.relative_to(library.root / "protocols")): Manifest.read(path.parent).meta["fingerprint"]
            for path in manifests
        },
        "runs": {path.parent.name: _run(path.parent) for path in sorted((demo / "runs").glob("*/scores.csv"))},
    }


def differences(recorded: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what differs, a line each: everything on the machine of the record, metrics alone on another."""
    same_machine = recorded["machine"] == now["machine"]
    lines = []
    for kind in ("stores", "manifests"):
        for name in sorted(recorded[kind].keys() | now[kind].keys()):
            before, after = recorded[kind].get(name), now[kind].get(name)
            if before != after and (same_machine or None in (before, after)):
                lines.append(f"{kind[:-1]} {name}: {before} -> {after}")
    for name in sorted(recorded["runs"].keys() | now["runs"].keys()):
        before, after = recorded["runs"].get(name), now["runs"].get(name)
        if before is None or after is None:
            lines.append(f"run {name}: {'not recorded' if before is None else 'missing'}")
        elif same_machine and before != after:
            lines.append(f"run {name}: {before} -> {after}")
        else:
            far = {k: (v, after["metrics"].get(k)) for k, v in before["metrics"].items() if not _near(v, after, k)}
            lines += [f"run {name}: {key} {was} -> {is_now}" for key, (was, is_now) in far.items()]
    return lines


def main() -> int:
    """Compare or record; exit 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="the folder that make demo wrote")
    parser.add_argument("--write", action="store_true", help="record instead of comparing")
    options = parser.parse_args()
    now = record_of(options.demo)
    if options.write:
        RECORD.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"recorded: {len(now['stores'])} stores, {len(now['manifests'])} manifests, {len(now['runs'])} runs")
        return 0
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))
    if recorded["machine"] != now["machine"]:
        print(f"another machine than the record's, metrics alone are compared\n{recorded['machine']}\n{now['machine']}")
    lines = differences(recorded, now)
    print("\n".join(lines) or f"as recorded: {len(now['stores'])} stores, {len(now['runs'])} runs")
    return bool(lines)


def _run(folder: Path) -> dict[str, Any]:
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    values = {
        "/".join(str(row[key]) for key in ("part", "level", "metric", "policy") if row.get(key)): row["value"]
        for row in results["metrics"]
        if row["metric"] in ("auc", "eer", "hter")
    }
    return {"scores_sha256": hashlib.sha256((folder / "scores.csv").read_bytes()).hexdigest(), "metrics": values}


def _near(value: float | None, now: dict[str, Any], key: str) -> bool:
    other = now["metrics"].get(key)
    return value == other or (value is not None and other is not None and abs(value - other) <= TOLERANCE)


def _version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
