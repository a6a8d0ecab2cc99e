"""The Markdown of `on_gpu.py`: one table a part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# By part: heading, sentence, and columns as (title, key, how it is spelled).
Columns = Sequence[tuple[str, str, str]]
EXTRACTION: Columns = (
    ("device", "device", ""), ("frames a batch", "frames_a_batch", ""), ("clips at once", "clips_at_once", ""),
    ("frames/s", "frames_a_second", ".1f"), ("clips of equal hash", "equal_hashes", ""),
    ("frames of another status or count", "other_status_or_count", ""), ("other boxes", "other_boxes", ""),
    ("other crops", "other_crops", ""), ("box, px", "box_gap_px", ".3f"), ("points, px", "landmark_gap_px", ".3f"),
)  # fmt: skip
FEEDING: Columns = (
    ("images from", "images", ""), ("side", "side", ""), ("batch", "batch", ""), ("threads", "workers", ""),
    ("loader, images/s", "loader_images_a_second", ".0f"), ("step, images/s", "step_images_a_second", ".0f"),
    ("both, images/s", "both_images_a_second", ".0f"), ("step waits", "share_waited", ".0%"),
)  # fmt: skip
EVALUATION: Columns = (
    ("batch", "batch", ""), ("threads", "workers", ""), ("images/s", "images_a_second", ".0f"),
    ("network alone, images/s", "network_images_a_second", ".0f"),
)  # fmt: skip
ONNX: Columns = (
    ("network", "network", ""), ("provider", "provider", ""), ("images", "images", ""),
    ("largest difference", "largest_difference", ".1e"), ("ms", "milliseconds", ".1f"), ("failed", "failed", ""),
)  # fmt: skip
STEPS: Columns = (
    ("method", "method", ""), ("way", "way", ""), ("side", "side", ""), ("ms", "milliseconds", ".1f"),
    ("of fp32", "of_fp32", ".2f"), ("GFLOP", "gigaflop", ".1f"), ("of the bf16 rate", "share_of_bf16_rate", ".1%"),
    ("peak MiB", "peak_mib", ".0f"), ("losses from fp32, at most", "loss_gap", ".1e"), ("of", "loss_gap_of", ""),
    ("failed", "failed", ""),
)  # fmt: skip


def page(report: dict[str, Any]) -> str:
    """Return the whole page."""
    parts, lines = report["parts"], [f"# on_gpu.py, {report['device']}, size {report['size']}", ""]
    if report["device"] == "cpu":
        lines += ["No card was used: these figures show that the measures run, not how fast a card is.", ""]
    if about := parts.get("machine"):
        lines += ["; ".join(f"{key} {_spelled(value, '.3g')}" for key, value in about.items()), ""]
    of_extraction = parts.get("extraction")
    for title, columns, rows in (
        ("Extraction", EXTRACTION, of_extraction.get("rows", of_extraction) if of_extraction else None),
        ("Loader against step", FEEDING, parts.get("feeding")),
        ("Evaluation", EVALUATION, parts.get("evaluation")),
        ("ONNX Runtime", ONNX, parts.get("onnx")),
        ("Steps", STEPS, parts.get("steps")),
    ):
        if rows is not None:
            lines += [f"## {title}", "", *_table(columns, rows), ""]
    if both := parts.get("processes"):
        lines += ["## Two processes", "", "; ".join(f"{key} {_spelled(v, '.3g')}" for key, v in both.items()), ""]
    lines += [f"* left out: {reason}" for reason in report["left_out"]]
    return "\n".join(lines) + f"\n\n{report['seconds']:.0f} s altogether.\n"


def _table(columns: Columns, rows: Any) -> list[str]:
    rows = [rows] if isinstance(rows, dict) else rows
    if any(set(row) == {"failed"} for row in rows):
        return [f"failed: {rows[0]['failed']}"]
    used = [column for column in columns if any(row.get(column[1]) is not None for row in rows)]
    cells = [[_spelled(row.get(key), how) for _, key, how in used] for row in rows]
    heads = [title for title, _, _ in used]
    return [f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *cells)]


def _spelled(value: Any, how: str) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_spelled(entry, how)}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(_spelled(entry, how) for entry in value)
    if value is None:
        return ""
    return format(value, how) if isinstance(value, float) and how else str(value)
