"""What predictions and bundles say: lines for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from fasdata.errors import in_line
from fastrain.bundle.answers import Answer, Decision, FrameScore
from fastrain.bundle.form import BundleFacts
from fastrain.bundle.opened import Bundle

COLUMNS = (
    "input", "decision", "score", "threshold", "policy", "kind", "reason", "frames_used", "x0", "y0", "x1", "y1", "ms",
)  # fmt: skip
FRAME_COLUMNS = ("frame", "time", "frame_score", "face", "faces")
SCHEMA = """One object a file (--json) or one row a file (--csv), in the order in which files were given.

input        the file, as it was named
decision     bonafide, attack, or "no answer"
score        the mean of the frames' scores, higher = bona fide; empty where nothing was scored
threshold    from which score on a file counts as bona fide
policy       where the threshold comes from: source_eer, fixed(0.5), ...
kind         of no answer: no face, several faces, too small, unreadable, undecided (between two thresholds), unlike
             anything seen (with --strict)
reason       why there is no answer, in words
frames_used  how many frames were scored
box          the face in the first of them: x0, y0, x1, y1 in pixels of the upright picture (--csv: four columns)
unlike       (--json) in what the face is unlike those of the training data: a list of sentences
ms           milliseconds of this file
frames       with --frames, of each scored frame: frame (its place from 0), time (seconds, -1 = unknown), score, box,
             face (how it came about: ok, rotated, interp, hold, ...), faces (how many were seen)

With --csv --frames each frame has a row, which repeats what is said of its file."""


def line_of(answer: Answer) -> str:
    """Return an answer as one line for people."""
    name = in_line(answer.name)
    if not isinstance(answer, Decision):
        return f"{name}  no answer   {answer.kind}: {in_line(answer.reason)}  {answer.milliseconds:.0f} ms"
    x0, y0, x1, y1 = answer.frames[0].box
    unlike = f"  unlike anything seen: {'; '.join(answer.unlike)}" if answer.unlike else ""
    word = "bona fide" if answer.bonafide else "attack   "
    frames = "1 frame" if len(answer.frames) == 1 else f"{len(answer.frames)} frames"
    return (
        f"{name}  {word}   score {answer.score:.4f} (threshold {answer.threshold})  "
        f"face {x0:.0f},{y0:.0f} {x1 - x0:.0f}x{y1 - y0:.0f}  {frames}  {answer.milliseconds:.0f} ms{unlike}"
    )


def object_of(answer: Answer, *, frames: bool = False) -> dict[str, Any]:
    """Return an answer as `SCHEMA` says."""
    of = answer if isinstance(answer, Decision) else answer.scored
    none = None if isinstance(answer, Decision) else answer
    scored = of.frames if of else ()
    return {
        "input": answer.name, "decision": answer.word, "score": of.score if of else None,
        "threshold": of.threshold.value if of else None, "policy": of.threshold.policy if of else None,
        "kind": none.kind if none else None, "reason": none.reason if none else None, "frames_used": len(scored),
        "box": list(scored[0].box) if scored else None, "unlike": list(of.unlike) if of else [],
        "ms": answer.milliseconds, **({"frames": [_frame(frame) for frame in scored]} if frames else {}),
    }  # fmt: skip


def as_json(answers: Iterable[Answer], *, frames: bool = False) -> str:
    """Return answers as a JSON list."""
    return json.dumps([object_of(answer, frames=frames) for answer in answers], indent=1)


def as_csv(answers: Iterable[Answer], *, frames: bool = False) -> str:
    """Return answers as a CSV table; with `frames` a row a frame."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns_of(frames=frames))
    for row in rows_of(answers, frames=frames):
        writer.writerow(["" if value is None else value for value in row])
    return buffer.getvalue()


def columns_of(*, frames: bool = False) -> tuple[str, ...]:
    """Return the names of the columns of `rows_of`."""
    return (*COLUMNS, *(FRAME_COLUMNS if frames else ()))


def rows_of(answers: Iterable[Answer], *, frames: bool = False) -> Iterator[list[Any]]:
    """Yield answers as rows of a table, with `frames` a row a scored frame; None where there is no value."""
    for answer in answers:
        of = object_of(answer, frames=frames)
        if not frames or not of["frames"]:
            yield [*_cells(of, of["box"]), *([None] * len(FRAME_COLUMNS) if frames else ())]
            continue
        for frame in of["frames"]:
            own = [frame["frame"], frame["time"], frame["score"], frame["face"], frame["faces"]]
            yield [*_cells(of, frame["box"]), *own]


def _frame(frame: FrameScore) -> dict[str, Any]:
    return {
        "frame": frame.index, "time": frame.pts, "score": frame.score, "box": list(frame.box), "face": frame.status,
        "faces": frame.faces,
    }  # fmt: skip


def _cells(of: dict[str, Any], box: Any) -> list[Any]:
    values = {**of, **dict(zip(("x0", "y0", "x1", "y1"), box or [None] * 4, strict=True))}
    return [values[name] for name in COLUMNS]


def about_bundle(bundle: Bundle) -> str:
    """Return what a bundle holds, as lines for people."""
    facts = bundle.facts
    lines = [f"bundle      {bundle.where}: {facts.name}, sha256 {bundle.sha256[:16]}"]
    for network in facts.networks:
        lines.append(f"network     {network.name}, opset {network.opset}, {network.precision}; view {network.view}")
        if network.by_dataset is not None:
            datasets = ", ".join(sorted({*network.by_dataset.grey, *network.by_dataset.cut_black}))
            lines.append(f"            shown otherwise: {datasets}; files like theirs need predict --like DATASET")
    files = ", ".join(facts.finding.files) or "not in the bundle"
    lines.append(f"detector    {facts.finding.store.get('detector')} ({files}); frames {facts.finding.frames}")
    if facts.threshold is None:
        lines.append("threshold   none: predictions need --threshold")
    else:
        lines.append(
            f"threshold   {facts.threshold}" + (f", on {facts.threshold.data}" if facts.threshold.data else "")
        )
    if facts.source_threshold is not None:
        lines.append(f"            before: {facts.source_threshold}, on {facts.source_threshold.data or 'its sources'}")
    lines += [f"place       {place}" for place in facts.place]
    for rate in facts.rates:
        known = rate.low is not None and rate.high is not None
        ends = f" [{rate.low:.1%}, {rate.high:.1%}] {rate.rule}".rstrip() if known else ""
        people = f", {rate.people} people" if rate.people is not None else ""
        lines.append(f"{rate.metric:11s} {rate.value:.1%}{ends} on {rate.part} ({rate.data}{people})")
    if facts.seen is None:
        lines.append("seen        not known: faces unlike the training data are not told")
    else:
        lines.append(f"seen        ranges of {len(facts.seen.ranges)} measures of {facts.seen.clips} training clips, "
                     f"{facts.seen.outside:.0%} of which lie outside some range themselves")  # fmt: skip
    lines += jitter_lines(facts)
    barred = [part.name for part in facts.licences if part.research_only]
    unknown = [part.name for part in facts.licences if part.research_only is None]
    lines.append(f"licences    research only: {', '.join(barred) or 'none'}; not known: {', '.join(unknown) or 'none'}")
    if facts.parity is not None:
        drift = " (drift was allowed)" if facts.parity.allowed_drift else ""
        lines.append(f"parity      {facts.parity}{drift}")
    lines.append(f"signature   {'one: predict --verify-key PUB tells whose' if bundle.signed else 'none'}")
    lines.append(f"self-test   {len(facts.self_test)} pictures made in code")
    return "\n".join(lines)


def jitter_lines(facts: BundleFacts) -> list[str]:
    """Return what moved boxes do to decisions, as lines: of all faces, and by label and species with intervals."""
    if facts.jitter is None or not facts.jitter.rows:
        return [f"jitter      not measured: {facts.jitter.why if facts.jitter else 'an earlier bundle'}"]
    lines = []
    for row in facts.jitter.rows:
        ends = "" if row.low is None or row.high is None else f" [{row.low:.1%}, {row.high:.1%}]"
        shares = f"{row.share:.1%}{ends} of decisions on {row.faces} faces flip, {row.ever:.1%} in some move"
        head = f"jitter      boxes moved by {row.amount:g}" if not row.label else f"            {row.name}"
        lines.append(f"{head}: {shares}")
    return lines
