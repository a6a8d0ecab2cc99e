"""PyAV and the FFmpeg inside it: can it decode what the datasets are made of?"""

from __future__ import annotations

from fasdata.doctor.check import Check
from fasdata.doctor.opencv import AREA, import_failure

# What the releases use: H.264 and MPEG-4 (phones), Motion JPEG and DivX (CASIA-FASD and others), HEVC (own phones).
CODECS = ("h264", "hevc", "mpeg4", "msmpeg4", "mjpeg", "wmv2")


def video() -> Check:
    """Return the check of the video decoders."""
    failure = import_failure("av")
    if failure:
        return Check(AREA, "ffmpeg", "problem", f"PyAV cannot be loaded: {failure}", "pip install --force-reinstall av")
    import av

    versions = {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}
    return decoders(av.codecs_available, f"PyAV {av.__version__}, libavcodec {versions.get('libavcodec', '?')}")


def decoders(available: set[str], told: str) -> Check:
    """Return the check that every needed codec is among `available`."""
    missing = [name for name in CODECS if name not in available]
    if missing:
        do = "install PyAV from its wheel (pip install --force-reinstall --only-binary :all: av)"
        return Check(AREA, "ffmpeg", "problem", f"{told}: cannot decode {', '.join(missing)}", do)
    return Check(AREA, "ffmpeg", "ok", f"{told}; decodes {', '.join(CODECS)}")
