"""Describe a planned dataset: clips, list files, and the sidecars beside clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fasdata.synth.presentation.bona_fide import ClipSpec
from fasdata.synth.presentation.clip import Shot

Sidecar = Callable[[Sequence[Shot]], str]


@dataclass(frozen=True)
class PlannedClip:
    """A clip to write: `path` below the dataset's folder, its content and its encoding.

    `sidecar` is a path and the function that writes its text from the clip's frames. `upside_down` stores the clip
    rotated by 180 degrees, without a tag, as a few real ones are. A clip of several files has `path` written last;
    `frame_paths` are its images where the encoding is `images`, one a frame, with `{modality}` in each.
    """

    path: str
    spec: ClipSpec
    codec: str
    sidecar: tuple[str, Sidecar] | None = None
    upside_down: bool = False
    frame_paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetPlan:
    """The plan of a dataset: `folder` is the name in its card, `lists` maps the path of a list file to its text."""

    slug: str
    folder: str
    clips: tuple[PlannedClip, ...]
    lists: dict[str, str] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        return sum(clip.spec.frames for clip in self.clips)


def lines(rows: Sequence[str]) -> str:
    """Return the text of a list file: a line per row, each with a newline at its end."""
    return "".join(f"{row}\n" for row in rows)
