"""Patches of an image and back, and where the region of a colour image lies in other modalities."""

from __future__ import annotations

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.region import enlarged, require_same_field, to_square, way_of
from fasdata.records import Face


def test_a_face_goes_to_a_patch_and_back():
    image = np.zeros((90, 120, 3), np.uint8)
    image[20:30, 5:15] = 255
    place = enlarged((5, 20, 15, 30), 3)
    assert place == (-5, 10, 25, 40)
    for side in (15, 60, 90):
        patch, back = to_square(image, place, side)
        assert patch.shape == (side, side, 3)
        rows, columns = np.nonzero(patch[:, :, 0] > 127)
        edge = 30 / side / 2  # half a pixel of the patch
        face = back(Face((columns.min(), rows.min(), columns.max(), rows.max()), ((columns.mean(), rows.mean()),), 1.0))
        assert np.allclose(face.box, (5 - 0.5 + edge, 20 - 0.5 + edge, 14.5 - edge, 29.5 - edge), atol=edge + 0.01)
        assert np.allclose(face.landmarks[0], (9.5, 24.5), atol=0.3)
    far, _ = to_square(image, (500, 500, 520, 520), 30)
    assert far.shape == (30, 30, 3) and not far.any()


def test_which_modality_gets_which_warp() -> None:
    raw = {"detector": "mtcnn", "registered": "exact", "precropped": False}
    assert {way_of({**raw, "registered": how}, "3dmad", "depth") for how in ("exact", "scaled")} == {"warp"}
    assert way_of({**raw, "registered": "none"}, "wmca", "rgb") == "warp"
    faces = {"detector": "none", "precropped": True}
    assert {way_of({**faces, "registered": how}, "casia-surf", "ir") for how in ("exact", "scaled", "none")} == {
        "whole"
    }
    assert way_of({**faces, "detector": "mtcnn", "registered": "none"}, "casia-surf", "ir") == "whole"
    with pytest.raises(UserError, match="depth of wmca is not registered to its colour and shows more than the face"):
        way_of({**raw, "registered": "none"}, "wmca", "depth")


def test_an_image_of_another_aspect_cannot_show_the_region() -> None:
    require_same_field((200, 300), (0, 0, 600, 400))
    require_same_field((201, 300), (0, 0, 600, 400))
    require_same_field((30, 44, 3), (0, 0, 600, 400))  # a pixel of rounding
    for shape in ((200, 310), (190, 300)):
        with pytest.raises(ValueError, match="another aspect ratio"):
            require_same_field(shape, (0, 0, 600, 400))
