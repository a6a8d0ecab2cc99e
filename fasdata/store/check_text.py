"""The words of a store's check."""

from __future__ import annotations

from fasdata.store.check import StoreReport


def describe_check(report: StoreReport) -> str:
    """Return what was looked at, what is wrong with it and what to do."""
    rules = f"; rules {' + '.join(report.info.rules)}" if report.info.rules else ""
    size = f"{report.size / 1e9:.2f} GB" if report.size >= 1e9 else f"{report.size / 1e6:.1f} MB"
    lines = [
        f"{report.info.dataset}: {report.folder}",
        f"{report.clips} clips, {report.crops} crops, {size}{rules}",
        "every crop and record hashed again" if report.rehashed else "hashes as recorded (--rehash computes them)",
    ]
    if report.sound:
        return "\n".join([*lines, f"content: {report.content_hash}", "sound"])
    times = sum(problem.times for problem in report.problems.values())
    lines.append(f"{times} problem{'s' if times > 1 else ''}:")
    for problem in report.problems.values():
        lines += [f"  {problem.times} x {problem.what} (e.g. {problem.first})", f"      {problem.do}"]
    return "\n".join(lines)
