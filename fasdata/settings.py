"""The settings of an extraction: everything that decides which pixels a store holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fasdata.errors import UserError, unknown_name
from fasdata.sampling import FrameRule
from fasdata.store.codec import CODECS

DETECTORS = ("mtcnn",)


@dataclass(frozen=True)
class ExtractSettings:
    """How clips become crops. `workers` and `device` change the speed, never the result, and are not recorded.

    `context` is the side of the stored region in units of the longer box side; `max_side` its limit in pixels (0 =
    none); `min_score` the detector score from which a face counts; `fallbacks` whether a frame without a face may take
    one from its neighbours.
    """

    rules: tuple[FrameRule, ...]
    detector: str = "mtcnn"
    min_face: int = 40
    min_score: float = 0.5
    context: float = 2.0
    max_side: int = 1024
    codec: str = "png"
    fallbacks: bool = True
    batch: int = 16
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise unknown_name("detector", self.detector, DETECTORS)
        if self.codec not in CODECS:
            raise unknown_name("codec", self.codec, CODECS)
        if not self.rules:
            raise UserError("no frame rule given", expected="e.g. --frames 'ssdg(2)@decoded'")
        if not 1.0 <= self.context <= 10:
            raise UserError("--context is out of range", expected="1 to 10 times the face box", found=str(self.context))
        if not 0 < self.min_score < 1:
            raise UserError("--min-score is out of range", expected="between 0 and 1", found=str(self.min_score))
        if self.min_face < 12:
            raise UserError(
                "--min-face is out of range",
                expected="at least 12 pixels, the detector's own window",
                found=str(self.min_face),
            )
        if self.max_side < 0:
            raise UserError(
                "--max-side is out of range", expected="0 (no limit) or a number of pixels", found=str(self.max_side)
            )

    def recorded(self) -> dict[str, Any]:
        """Return what `store.json` keeps: these settings and the identity of the detector.

        Nothing heavy is loaded for it: the process that writes the store need not be one that detects.
        """
        from fasdata.faces.mtcnn import mtcnn_settings, weights_fingerprint

        return {
            "frames": [str(rule) for rule in self.rules],
            "detector": self.detector,
            "detector_weights_sha256": weights_fingerprint(),
            "detector_settings": mtcnn_settings(self.min_face),
            "min_score": self.min_score,
            "context": self.context,
            "max_side": self.max_side,
            "codec": self.codec,
            "fallbacks": self.fallbacks,
        }


def make_detector(settings: ExtractSettings) -> Any:
    """Build the detector that the settings name, in the process that will use it."""
    from fasdata.faces.mtcnn import MtcnnDetector

    return MtcnnDetector(min_face=settings.min_face, device=settings.device)
