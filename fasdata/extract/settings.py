"""The settings of an extraction: everything that decides which pixels a store holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from fasdata.errors import UserError, unknown_name
from fasdata.faces.choice import CONFIDENT, FACE_RULES, STEADY
from fasdata.faces.detector import DetectorRequest
from fasdata.faces.detectors import DEFAULT, DETECTORS, PRECROPPED, DetectorRow, detector_identity
from fasdata.faces.view import View
from fasdata.media.readers import CONTAINER, ON_DAMAGE, MediaForm, Reading
from fasdata.protocols.sampling import FrameRule
from fasdata.store.codec import STORE_CODECS, Codec

AUTO = "auto"
BORDERS = ("cut", "keep")
TRACKING = ("off", "on", "careful")
READ = ("needed", "all")


@dataclass(frozen=True)
class ExtractSettings:
    """How clips become crops.

    On a processor frames are searched one by one, so that the number of workers changes the speed, never the result. A
    `device` of CUDA searches up to `batch` frames of a clip, and those of several clips, at once. Its sums are rounded
    otherwise than a processor's, and perhaps otherwise with the size of a batch: a face near a threshold may be found
    or not, a box may move by a rounding. `store.json` names the devices that worked on a store (`StoreInfo.devices`).

    `context` is the side of the stored region in units of the longer box side; `max_side` its limit in pixels (0 =
    none); `min_score` the detector score from which a face counts; `fallbacks` whether a frame without a face may take
    one from its neighbours (in a pre-cropped release: the central square); `borders` whether the detector
    `none` cuts away black around faces that the release cropped. `form` is how the release keeps its recordings. The
    detector `auto` stands until `settled` knows that form. `detector_model` is what the detector's row asks for; it is
    downloaded only if `allow_download`. `detector_code` is how a detector from outside is named, "" for one of ours;
    `rule_code` how frame rules from outside are. `detector_files` are the networks of a detector, out of a bundle,
    and no file is opened. `read` says what of a video is decoded where its packets prove which frame is which: the
    groups of pictures that are `needed` for rules that are content with few frames, or `all`, which finds damage
    anywhere. With `tracking` a face is followed from frame to frame (`fasdata.faces.tracking`), and the complete frame
    is searched at least every `detect_every` frames. `face_rule` says which of several faces is kept
    (`fasdata.faces.choice`), `on_damage` what a damaged packet costs (`fasdata.media.container.Reading`); "" leaves
    either to the store, in a new one `confident` and `skip`. `container`
    is the version of what is believed of a video's container. With `views`, texts of views, the region is the smallest
    that holds those views, in place of `context`.
    """

    rules: tuple[FrameRule, ...]
    detector: str = DEFAULT
    detector_model: str = ""
    detector_code: str = ""
    rule_code: tuple[str, ...] = ()
    detector_files: Mapping[str, bytes] = field(default_factory=dict, repr=False, hash=False)
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
    face_rule: str = ""
    on_damage: str = ""
    container: int = CONTAINER
    views: tuple[str, ...] = ()
    form: MediaForm = field(default_factory=MediaForm)
    read: str = "needed"
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
        if self.face_rule not in ("", STEADY, *FACE_RULES):
            raise unknown_name("value of --face-rule", self.face_rule, FACE_RULES)
        if self.on_damage not in ("", *ON_DAMAGE):
            raise unknown_name("value of --on-damage", self.on_damage, ON_DAMAGE)
        if self.read not in READ:
            raise unknown_name("value of --read", self.read, READ)
        if Codec.parse(self.codec).name not in STORE_CODECS:
            raise unknown_name("codec of a store", self.codec, STORE_CODECS)
        object.__setattr__(self, "codec", str(Codec.parse(self.codec)))
        # One order: the record of a clip must not depend on the order in which rules were asked for.
        object.__setattr__(self, "rules", tuple(sorted(set(self.rules), key=str)))
        if not self.rules:
            raise UserError("no frame rule given", expected="e.g. --frames 'ssdg(2)@decoded'")
        # One spelling and one order: the configuration must not depend on how views were asked for.
        object.__setattr__(self, "views", tuple(sorted({str(View.named(text)) for text in self.views})))
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
        named, row = self.detector_model, self._row
        if row and row.model and not named and not self.detector_files:
            raise UserError(f"--detector {self.detector} needs --detector-model", expected=row.model)
        if named and not (row and row.model):
            with_model = [name for name, other in DETECTORS.items() if other.model]
            raise UserError(
                "--detector-model means nothing here", expected=" or ".join(with_model), found=self.detector
            )
        if self.allow_download and not (row and row.downloads):
            downloading = [name for name, other in DETECTORS.items() if other.downloads]
            raise UserError(
                "--allow-download means nothing here", expected=" or ".join(downloading), found=self.detector
            )
        if named and Path(named).is_file():  # workers may run in another folder
            object.__setattr__(self, "detector_model", str(Path(named).absolute()))

    def _check_tracking(self) -> None:
        if self.tracking not in TRACKING:
            raise unknown_name("value of --tracking", self.tracking, TRACKING)
        if self.tracking != "off" and not self.looks_at_pixels and self.detector != AUTO:
            raise UserError(
                "--tracking means nothing here", expected="a detector that searches pictures", found=self.detector
            )
        if self.detect_every < 1:
            raise UserError("--detect-every is out of range", expected="at least 1 frame", found=str(self.detect_every))

    def _check_device(self) -> None:
        if not re.fullmatch(r"cpu|cuda(:\d{1,4})?", self.device):
            raise unknown_name("device", self.device, ("cpu", "cuda", "cuda:0"))
        if self.device != "cpu" and not self.looks_at_pixels and self.detector != AUTO:
            raise UserError(
                f"--device {self.device} means nothing here", expected="a detector that searches pictures",
                found=self.detector,
            )  # fmt: skip

    @property
    def _row(self) -> DetectorRow | None:
        return DETECTORS.get(self.detector)  # `auto` has none

    @property
    def cuts_borders(self) -> bool:
        """Whether black around the faces is cut away."""
        return self.borders == "cut" and self.takes_whole_image and self.form.may_have_borders

    @property
    def uses_torch(self) -> bool:
        """Whether the detector needs torch."""
        return self._row is not None and self._row.uses_torch and not self.detector_files

    @property
    def looks_at_pixels(self) -> bool:
        """Whether the detector searches pictures; the others answer from what is known beforehand."""
        return self._row is not None and self._row.searches

    @property
    def takes_release_word(self) -> bool:
        """Whether faces are where the release says, so that their status is `given` though no detector ran."""
        return self._row is not None and self._row.believes_release

    @property
    def takes_whole_image(self) -> bool:
        """Whether every image is taken for a face."""
        return self._row is not None and self._row.whole_image

    @property
    def choice(self) -> str:
        """The rule by which one of several faces is kept."""
        return self.face_rule or CONFIDENT

    @property
    def reading(self) -> Reading:
        """What is believed of a video's container, what damage costs, and what need not be decoded."""
        on_damage = cast(Literal["skip", "stop"], self.on_damage or "skip")
        plain = Reading(on_damage, self.container)
        # Where the first damage ends a recording, it has to be looked for.
        sparse = self.read == "needed" and on_damage == "skip" and plain.believes_all
        return replace(plain, sparse=sparse and all(rule.sparse for rule in self.rules))

    @property
    def detector_request(self) -> DetectorRequest:
        """What the detector is asked for."""
        return DetectorRequest(
            model=self.detector_model,
            allow_download=self.allow_download,
            min_face=self.min_face,
            min_score=self.min_score,
            precropped=self.form.precropped,
            cut_borders=self.cuts_borders,
            device=self.device,
            code=self.detector_code,
            files=self.detector_files,
        )

    def settled(self, form: MediaForm, stored: Mapping[str, Any] | None = None) -> ExtractSettings:
        """Return the settings for recordings of this form; `auto` becomes `none` where they are pre-cropped.

        `stored` is the configuration of the store that they go into. What the first stores do not state was another
        rule in their time than now, and they keep it.
        """
        if stored is not None and "container" not in stored:
            before = Reading.recorded_in(stored)
            settings = replace(
                self,
                container=before.container,
                on_damage=self.on_damage or before.on_damage,
                face_rule=self.face_rule or STEADY,
            )
            return settings.settled(form)
        detector = (PRECROPPED if form.precropped else DEFAULT) if self.detector == AUTO else self.detector
        # Where every image is a face, there is nothing to follow.
        tracking, device = ("off", "cpu") if DETECTORS[detector].whole_image else (self.tracking, self.device)
        return replace(self, detector=detector, form=form, tracking=tracking, device=device)

    def recorded(self) -> dict[str, Any]:
        """Return what `store.json` keeps: these settings and the identity of the detector.

        Nothing heavy is loaded for it: the process that writes the store need not be one that detects.
        """
        chosen: dict[str, Any] = {"face_rule": self.choice, "on_damage": self.reading.on_damage}
        if self.container == CONTAINER:
            chosen["container"] = self.container
        else:  # as the first stores are, which do not state them
            of_its_time = {"face_rule": STEADY, "on_damage": Reading.recorded_in({}).on_damage}
            chosen = {name: value for name, value in chosen.items() if value != of_its_time[name]}
        chosen |= {"views": list(self.views)} if self.views else {"context": self.context}
        return {
            "frames": [str(rule) for rule in self.rules],
            "detector": self.detector,
            **detector_identity(self.detector, self.detector_request),
            "min_score": self.min_score,
            "tracking": self.tracking,
            "detect_every": self.detect_every if self.tracking != "off" else 0,
            "max_side": self.max_side,
            "codec": self.codec,
            "fallbacks": self.fallbacks,
            "borders": "cut" if self.cuts_borders else "keep",
            **chosen,
            **asdict(self.form),
        }
