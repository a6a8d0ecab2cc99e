"""Under which terms the detectors' weights may be used."""

from __future__ import annotations

INSIGHTFACE = "insightface's model packs: non-commercial research only"
NO_WEIGHTS = "has no weights"

_LICENCES = {
    "mtcnn": "MIT (inside the package facenet-pytorch)",
    "retinaface": f"{INSIGHTFACE}; your own file: as its owner says",
    "yunet": "Apache-2.0 or MIT for the published YuNet files; your own file: as its owner says",
    "given": f"{NO_WEIGHTS}: boxes of the release",
    "json": f"{NO_WEIGHTS}: faces found beforehand, as whoever found them says",
    "none": f"{NO_WEIGHTS}: every image is a face",
}


def detector_licence(detector: str) -> str:
    """Return the licence of a detector's weights in words; of one that is not known here, that."""
    return _LICENCES.get(detector, "not known")
