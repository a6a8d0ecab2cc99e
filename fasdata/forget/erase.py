"""Taking clips out of a store, and the proof that nothing of them is left in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError
from fasdata.forget.plan import ForgetPlan
from fasdata.forget.traces import Traces, holders
from fasdata.store import shards
from fasdata.store.check import check_store
from fasdata.store.info import StoreInfo
from fasdata.store.writer import StoreWriter


@dataclass(frozen=True)
class Proof:
    """What was looked at after the removal: clips whose hashes were computed again, bytes of shards searched.

    `copies` are entries of other people that hold the very same picture as one that went.
    """

    clips: int
    bytes: int
    content_hash: str
    copies: tuple[str, ...]


def erase(folder: Path, clips: list[str]) -> int:
    """Take the clips out and write their shards anew; return how many were still there.

    Raises:
        UserError: somebody else is writing, the disk is full (what is left is taken out by the next run).
    """
    with StoreWriter(folder, StoreInfo.read(folder)) as writer:
        there = [clip for clip in clips if clip in writer.done]
        for clip in there:
            writer.remove(clip)
    return len(there)


def prove(folder: Path, plan: ForgetPlan, pieces: list[bytes]) -> Proof:
    """Search the shard files byte by byte, and compute every hash of what is left again.

    Raises:
        UserError: a trace is left, or something else has changed.
    """
    traces, copies, searched = Traces(plan.clips, pieces), dict[bytes, str](), 0
    for path in shards.shard_paths(folder):
        searched += path.stat().st_size
        found = list(traces.in_shard(path))
        keys_left = [one for one in found if isinstance(one, str)]
        pieces_left = {one for one in found if isinstance(one, bytes)}
        held = holders(path, pieces_left) if pieces_left else {}
        if keys_left or pieces_left - held.keys():
            what = keys_left[0] if keys_left else "a piece of a crop"
            raise UserError(
                f"{path} still holds something of {plan.subject}", found=what, do="run the same command again"
            )
        copies |= held
    report = check_store(folder, rehash=True)
    if not report.sound or (plan.after and report.content_hash != plan.after):
        problems = ", ".join(report.problems) or f"content {report.content_hash[:12]} instead of {plan.after[:12]}"
        raise UserError(
            f"the store {folder} is not what it should be without {plan.subject}",
            found=problems,
            do=f"look at it: fasdata store check {plan.dataset} --rehash",
        )
    return Proof(report.clips, searched, report.content_hash, tuple(sorted(set(copies.values()))))
