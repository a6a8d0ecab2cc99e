"""The settings of an extraction: everything that decides which pixels a store holds."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fasdata.errors import UserError, unknown_name
from fasdata.media.readers import MediaForm
from fasdata.protocols.sampling import FrameRule
from fasdata.store.codec import STORE_CODECS, Codec

DETECTORS = ("mtcnn", "retinaface", "yunet", "given", "none", "json")
WITH_MODEL = ("retinaface", "yunet", "json")  # their model, or file of faces, is named by the user
AUTO = "auto"
BORDERS = ("cut", "keep")
TRACKING = ("off", "on", "careful")


@dataclass(frozen=True)
class ExtractSettings:
    """How clips become crops. `workers` and `device` change the speed, never the result, and are not recorded.

    `context` is the side of the stored region in units of the longer box side; `max_side` its limit in pixels (0 =
    none); `min_score` the detector score from which a face counts; `fallbacks` whether a frame without a face may take
    one from its neighbours (in a pre-cropped release: the central square); `borders` what becomes of black around
    faces that the release cropped and the detector `none` takes as they are. `form` is how the release keeps its
    recordings. The detector `auto` stands until `settled` knows that form. `detector_model` is the detector's file, or
    a model pack of insightface, which is downloaded only if `allow_download`. With `tracking` a face is followed from
    frame to frame (see `fasdata.faces.tracking`), and the whole frame is searched at least every `detect_every` frames.
    """

    rules: tuple[FrameRule, ...]
    detector: str = "mtcnn"
    detector_model: str = ""
    allow_download: bool = False
    min_face: int = 40
    min_score: float = 0.5
    tracking: str = "off"
    detect_every: int = 15
    context: float = 2.0
    max_side: int = 1024
    codec: str = "png"
    fallbacks: bool = True
    borders: str = "cut"
    form: MediaForm = field(default_factory=MediaForm)
    batch: int = 16
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.detector not in (*DETECTORS, AUTO):
            raise unknown_name("detector", self.detector, (*DETECTORS, AUTO))
        self._check_model()
        self._check_tracking()
        self._check_device()
        if self.borders not in BORDERS:
            raise unknown_name("value of --borders", self.borders, BORDERS)
        if Codec.parse(self.codec).name not in STORE_CODECS:
            raise unknown_name("codec of a store", self.codec, STORE_CODECS)
        object.__setattr__(self, "codec", str(Codec.parse(self.codec)))
        # One order, whoever asks: what is recorded of a clip must not depend on it.
        object.__setattr__(self, "rules", tuple(sorted(set(self.rules), key=str)))
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

    def _check_model(self) -> None:
        named = self.detector_model
        if self.detector in WITH_MODEL and not named:
            what = {"retinaface": "an .onnx file or a model pack such as buffalo_l", "json": "a file of JSON lines"}
            raise UserError(
                f"--detector {self.detector} needs --detector-model",
                expected=what.get(self.detector, "the path of its .onnx file"),
            )
        if named and self.detector not in WITH_MODEL:
            raise UserError("--detector-model says nothing here", expected=" or ".join(WITH_MODEL), found=self.detector)
        if self.allow_download and self.detector != "retinaface":
            raise UserError("--allow-download says nothing here", expected="retinaface", found=self.detector)
        if named and Path(named).is_file():  # workers may stand elsewhere
            object.__setattr__(self, "detector_model", str(Path(named).absolute()))

    def _check_tracking(self) -> None:
        if self.tracking not in TRACKING:
            raise unknown_name("value of --tracking", self.tracking, TRACKING)
        if self.tracking != "off" and not self.looks_at_pixels and self.detector != AUTO:
            raise UserError(
                "--tracking says nothing here", expected="a detector that searches pictures", found=self.detector
            )
        if self.detect_every < 1:
            raise UserError("--detect-every is out of range", expected="at least 1 frame", found=str(self.detect_every))

    def _check_device(self) -> None:
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise unknown_name("device", self.device, ("cpu", "cuda", "cuda:0"))
        if self.device != "cpu" and not self.looks_at_pixels and self.detector != AUTO:
            raise UserError(
                f"--device {self.device} says nothing here", expected="a detector that searches pictures",
                found=self.detector,
            )  # fmt: skip

    @property
    def cuts_borders(self) -> bool:
        """Whether black around the faces is cut away."""
        return self.borders == "cut" and self.detector == "none" and self.form.may_have_borders

    @property
    def uses_torch(self) -> bool:
        """Whether the detector needs torch."""
        return self.detector == "mtcnn"

    @property
    def looks_at_pixels(self) -> bool:
        """Whether the detector searches pictures; the others answer from what is known without looking."""
        return self.detector in ("mtcnn", "retinaface", "yunet")

    @property
    def takes_release_word(self) -> bool:
        """Whether faces are where the release says, so that their status is `given` though nobody searched."""
        return self.detector in ("none", "given")

    def settled(self, form: MediaForm) -> ExtractSettings:
        """Return the settings for recordings of this form; `auto` becomes `none` where they are pre-cropped."""
        chosen = ("none" if form.precropped else "mtcnn") if self.detector == AUTO else self.detector
        tracking = "off" if chosen == "none" else self.tracking  # every image is a face: there is nothing to follow
        device = "cpu" if chosen == "none" else self.device
        return replace(self, detector=chosen, form=form, tracking=tracking, device=device)

    def recorded(self) -> dict[str, Any]:
        """Return what `store.json` keeps: these settings and the identity of the detector.

        Nothing heavy is loaded for it: the process that writes the store need not be one that detects.
        """
        from fasdata.faces.detectors import detector_identity

        return {
            "frames": [str(rule) for rule in self.rules],
            "detector": self.detector,
            **detector_identity(self),
            "min_score": self.min_score,
            "tracking": self.tracking,
            "detect_every": self.detect_every if self.tracking != "off" else 0,
            "context": self.context,
            "max_side": self.max_side,
            "codec": self.codec,
            "fallbacks": self.fallbacks,
            "borders": "cut" if self.cuts_borders else "keep",
            **asdict(self.form),
        }


def require_device(device: str) -> None:
    """Check that the detector's device, by a name that settings accept, is there.

    Raises:
        UserError: no such device on this machine.
    """
    if device != "cpu":
        import torch

        number = int(device.partition(":")[2] or 0)
        if not torch.cuda.is_available() or number >= torch.cuda.device_count():
            found = f"{torch.cuda.device_count()} CUDA devices"
            raise UserError(f"--device {device} is not there", found=found, do="use --device cpu")
