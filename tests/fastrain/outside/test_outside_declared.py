"""What is declared of a network from outside: how it is fed and which number counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasdata.errors import UserError
from fastrain.outside.declared import InputForm, ScoreForm

PICTURE = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("rgb, 0..255", lambda rgb: rgb),
        ("bgr, 0..255", lambda rgb: rgb[..., ::-1]),
        ("rgb, 0..1", lambda rgb: rgb / 255),
        ("RGB,-1..1", lambda rgb: rgb / 127.5 - 1),
        ("rgb, 0..1, mean=0.5 0.4 0.3, std=0.2 0.5 1", lambda rgb: (rgb / 255 - (0.5, 0.4, 0.3)) / (0.2, 0.5, 1)),
        ("bgr, 0..255, mean=104 117 123", lambda rgb: rgb[..., ::-1] - (104.0, 117.0, 123.0)),
        ("gray, 0..1", lambda rgb: (rgb @ (0.299, 0.587, 0.114))[..., None] / 255),
    ],
)
def test_pictures_are_fed_as_declared(text, value):
    form = InputForm.parse(text)
    wanted = value(PICTURE.astype(np.float64))
    assert np.allclose(form.of(PICTURE), wanted.transpose(0, 3, 1, 2), atol=1e-5)
    assert np.allclose(InputForm.parse(text + ", nhwc").of(PICTURE), wanted, atol=1e-5)
    assert form.of(PICTURE).dtype == np.float32 and form.of(PICTURE).flags["C_CONTIGUOUS"]
    assert InputForm.parse(str(form)) == form


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rgb", "expected 0..255 or 0..1"), ("0..1", "expected rgb or bgr"), ("rgb, bgr, 0..1", "its order twice"),
        ("rgb, 1..0", "smaller end first"), ("rgb, 0..1, mean=0.5", "expected 3 numbers"), ("", "expected rgb or"),
        ("rgb, 0..1, mean=a b c", "numbers between blanks"), ("rgb, 0..1, chw", "did you mean 'nchw'"),
        ("gray, 0..1, std=0", "other than 0"),
        ("rgb, 0..1, std=1 1 nan", "numbers between blanks"),
    ],
)  # fmt: skip
def test_an_input_that_is_not_understood_says_which_part(text, words):
    with pytest.raises(UserError) as error:
        InputForm.parse(text)
    assert words in str(error.value)


def test_numbers_are_kept_to_the_last_digit():
    """What run.json says is what the network is fed by from then on."""
    text = "rgb, -0.123456789..1, mean=0.48145466 104.00698793 0.0000001, std=0.26862954 0.26130258 1"
    form = InputForm.parse(text)
    assert str(form) == text and InputForm.parse(str(form)) == form
    assert str(InputForm.parse("rgb, 0..1, std=1e-9 1 1")) == "rgb, 0..1, std=0.000000001 1 1"


def test_an_index_that_says_nothing_is_refused():
    with pytest.raises(UserError, match="over all numbers"):
        ScoreForm.parse("mean[7]")


LOGITS = np.array([[0.5, 2.0, -1.0], [3.0, 0.0, 0.0]])
SOFT = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)


@pytest.mark.parametrize(
    ("text", "outputs", "scores"),
    [
        ("softmax[1]", {"a": LOGITS}, SOFT[:, 1]),
        ("1-softmax[0]", {"a": LOGITS}, 1 - SOFT[:, 0]),
        ("value[2]", {"a": LOGITS}, LOGITS[:, 2]),
        ("-value[2]", {"a": LOGITS}, -LOGITS[:, 2]),
        ("sigmoid", {"a": LOGITS[:, :1]}, 1 / (1 + np.exp(-LOGITS[:, 0]))),
        ("1-sigmoid[0]", {"a": LOGITS[:, 0]}, 1 - 1 / (1 + np.exp(-LOGITS[:, 0]))),
        ("mean", {"a": np.arange(8.0).reshape(2, 1, 2, 2)}, [1.5, 5.5]),
        ("b:0:value[0]", {"a": LOGITS, "b:0": LOGITS + 1}, LOGITS[:, 0] + 1),
        ("b:value[0]", {"a": LOGITS, "b": LOGITS + 1}, LOGITS[:, 0] + 1),
        ("softmax[1]", {"a": LOGITS[:, :, None, None]}, SOFT[:, 1]),
    ],
)
def test_the_score_is_the_declared_number(text, outputs, scores):
    form = ScoreForm.parse(text)
    assert np.allclose(form.of(outputs), scores, atol=1e-12)
    assert ScoreForm.parse(str(form)) == form


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("softmax", "does not say of which class"), ("1-value[0]", "expected -value"), ("soft[1]", "mean 'softmax'"),
        ("softmax[-1]", "for example"), ("", "for example"), ("1-mean", "expected -mean"),
    ],
)  # fmt: skip
def test_a_score_that_is_not_understood_says_so(text, words):
    with pytest.raises(UserError) as error:
        ScoreForm.parse(text)
    assert words in str(error.value)


def test_a_class_or_an_output_that_is_not_there_is_named():
    for text, words in (
        ("softmax[3]", "no number 3; found 3"),
        ("value", "does not say which of 3"),
        ("c:mean", "'c'"),
    ):
        with pytest.raises(UserError, match=words.replace("[", r"\[")):
            ScoreForm.parse(text).of({"a": LOGITS})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-700, 700), min_size=2, max_size=5), st.integers(0, 4))
def test_a_softmax_of_large_numbers_is_a_share(row, index):
    if index < len(row):
        share = ScoreForm("softmax", index).of({"a": np.array([row])})[0]
        assert 0 <= share <= 1
