"""From a clip's files to its frame source."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from fasdata.errors import unknown_name
from fasdata.media.form import READERS, MediaForm
from fasdata.media.frame import FrameSource, UnreadableMedia, damage

# Classes that take the files (or folders) of a clip by modality; a module is imported when it is first needed.
_CLASSES = {
    "video": "fasdata.media.video:VideoSource",
    "frames": "fasdata.media.stills:StillsSource",
    "image": "fasdata.media.stills:StillsSource",
    "wmca-hdf5": "fasdata.media.wmca:WmcaSource",
    "3dmad-hdf5": "fasdata.media.threedmad:ThreedmadSource",
    "padisi-npz": "fasdata.media.padisi:PadisiSource",
}


_WITHOUT_COLOUR = ("frames", "image", "wmca-hdf5")  # these say themselves what can be done without it


def require_reader(form: MediaForm) -> None:
    """Check that recordings of this form can be read at all.

    Raises:
        UserError: there is no such reader; names those that exist.
    """
    if form.reader not in _CLASSES:
        raise unknown_name("reader", form.reader, READERS)


def open_source(form: MediaForm, paths: Mapping[str, Path]) -> FrameSource:
    """Open a recording: `paths` holds its file (for `frames`: its folder) by modality. Of a video only rgb is read.

    Raises:
        UserError: the layout names a reader that does not exist.
        UnreadableMedia: nothing can be read; says why.
    """
    require_reader(form)
    if "rgb" not in paths and form.reader not in _WITHOUT_COLOUR:
        raise UnreadableMedia("there is no colour file")
    module, _, name = _CLASSES[form.reader].partition(":")
    made = getattr(import_module(module), name)
    try:
        source: FrameSource = made(paths["rgb"]) if form.reader == "video" else made(paths)
    except Exception as error:  # the file is foreign: whatever its parser raises means the same
        raise UnreadableMedia(damage(error)) from None
    return source
