"""Content boxes of pictures on black, the perceptual hash, and the detector that takes images whole."""

import cv2
import numpy as np

from fasdata.faces.whole_image import WholeImage, content_box, content_boxes
from fasdata.store.hashes import perceptual_hash
from tests.fabricate import noise


def on_black(box, size=(60, 80), level=5):
    image = np.full((*size, 3), level, np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = 200
    return image


def test_the_box_is_inclusive_and_ignores_compression_noise():
    assert content_box(on_black((10, 4, 41, 33), level=7)) == (10, 4, 41, 33)
    assert content_box(on_black((10, 4, 41, 33), level=8)) == (0, 0, 80, 60)
    assert content_box(on_black((0, 0, 80, 60))) == (0, 0, 80, 60)  # the last row and column stay


def test_any_channel_counts():
    image = np.zeros((40, 40, 3), np.uint8)
    image[5:35, 8:30, 2] = 9
    assert content_box(image) == (8, 5, 30, 35)


def test_what_is_too_small_leaves_the_image_whole():
    assert content_box(on_black((10, 10, 25, 50))) == (0, 0, 80, 60)  # 15 pixels
    assert content_box(on_black((10, 10, 26, 50))) == (10, 10, 26, 50)
    assert content_box(np.zeros((40, 50, 3), np.uint8)) == (0, 0, 50, 40)


def test_a_face_at_a_metre_is_no_surround_in_sixteen_bits():
    depth = np.full((40, 40), 7, np.uint16)
    depth[10:30, 10:30] = 1000
    assert content_box(depth) == (10, 10, 30, 30)


def test_the_box_of_colour_serves_all_only_when_they_agree():
    rgb, near = on_black((10, 10, 50, 50)), on_black((10, 10, 50, 44))[:, :, 0]
    assert content_boxes({"rgb": rgb, "ir": near}) == {"rgb": (10, 10, 50, 50), "ir": (10, 10, 50, 50)}
    far = on_black((40, 10, 79, 50))[:, :, 0]
    assert content_boxes({"rgb": rgb, "ir": far})["ir"] == (40, 10, 79, 50)
    smaller = on_black((10, 10, 50, 50), size=(60, 70))[:, :, 0]
    assert content_boxes({"rgb": rgb, "ir": smaller})["ir"] == (10, 10, 50, 50)


def test_the_whole_image_is_one_sure_face_without_landmarks():
    ((whole,), (cut,)) = (detector.detect([on_black((10, 4, 41, 33))])[0] for detector in both())
    assert (whole.box, whole.score, whole.landmarks) == ((0, 0, 80, 60), 1.0, ())
    assert cut.box == (10, 4, 41, 33)


def both():
    return WholeImage(), WholeImage(cut_borders=True)


def distance(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


def picture(seed: int) -> np.ndarray:
    return cv2.resize(noise(seed, 8, 8, 3), (160, 160), interpolation=cv2.INTER_CUBIC)


def test_like_pictures_have_like_hashes_and_others_do_not():
    image = picture(0)
    ok, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert ok
    changed = [
        cv2.imdecode(jpeg, cv2.IMREAD_COLOR),
        cv2.resize(image, (101, 101), interpolation=cv2.INTER_AREA),
        (image * 0.7 + 20).astype(np.uint8),
    ]
    assert all(distance(perceptual_hash(image), perceptual_hash(other)) <= 4 for other in changed)
    hashes = [perceptual_hash(picture(seed)) for seed in range(30)]
    apart = [distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(apart) > 10 and 28 < np.mean(apart) < 36


def test_the_hash_is_written_down():
    ramp = np.add.outer(np.arange(64) * 2, np.arange(64)).astype(np.uint8)
    assert perceptual_hash(ramp) == perceptual_hash(np.repeat(ramp[:, :, None], 3, axis=2))
    assert len(perceptual_hash(ramp)) == 16 and perceptual_hash(ramp) == perceptual_hash(ramp).lower()
    flat = np.full((64, 64), 90, np.uint8)
    flat[:, 32:] = 10  # bright on the left: the first coefficient, vertical 0 and horizontal 1, is the largest
    assert int(perceptual_hash(flat), 16) >> 63 == 1 and int(perceptual_hash(flat[:, ::-1]), 16) >> 63 == 0
