"""What a user declares of a network from outside: how pictures are fed to it, and which number is its score."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError, unknown_name

ORDERS = ("rgb", "bgr", "gray")
LAYOUTS = ("nchw", "nhwc")
KINDS = ("softmax", "sigmoid", "value", "mean")
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*\.\.\s*(-?\d+(?:\.\d+)?)")
_SCORE = re.compile(r"(?:(?P<output>.{1,200}):)?(?P<turn>1-|-)?(?P<kind>[a-z]+)(?:\[(?P<index>\d{1,6})\])?")
_GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue: ITU-R BT.601, as OpenCV's


@dataclass(frozen=True)
class InputForm:
    """How a network is fed: colour order, range of values, then minus `mean` over `std` a channel, and layout.

    >>> form = InputForm.parse("bgr, 0..255")
    >>> form.order, form.low, form.high, form.layout, str(form)
    ('bgr', 0.0, 255.0, 'nchw', 'bgr, 0..255')
    >>> red = np.full((1, 2, 2, 3), (255, 0, 0), np.uint8)
    >>> form.of(red)[0, :, 0, 0].tolist()
    [0.0, 0.0, 255.0]
    >>> str(InputForm.parse("rgb, 0..1, mean=0.5 0.5 0.5, std=0.25 0.25 0.25, nhwc, name=image"))
    'rgb, 0..1, mean=0.5 0.5 0.5, std=0.25 0.25 0.25, nhwc, name=image'
    """

    order: str
    low: float
    high: float
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: str = "nchw"
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> InputForm:
        """Read the text form: parts between commas, in any order; colour order and range must be among them.

        Raises:
            UserError: a part is not understood, is there twice or is missing; names it.
        """
        given: dict[str, object] = {}
        for part in (part.strip() for part in text.split(",") if part.strip()):
            for key, value in _input_part(part, text).items():
                if key in given:
                    raise UserError(f"--input {text!r} states its {key} twice")
                given[key] = value
        for key, example in (("order", "rgb or bgr"), ("low", "0..255 or 0..1")):
            if key not in given:
                raise UserError(f"--input {text!r} does not say all", expected=f"{example}, as in 'bgr, 0..255'")
        form = cls(**given)  # type: ignore[arg-type]
        for name in ("mean", "std"):
            if len(getattr(form, name)) not in (0, form.channels):
                raise UserError(f"--input {text!r}: {name}", expected=f"{form.channels} numbers between blanks")
        if any(value == 0 for value in form.std):
            raise UserError(f"--input {text!r}: std", expected="numbers other than 0")
        return form

    @property
    def channels(self) -> int:
        """How many channels the network sees."""
        return 1 if self.order == "gray" else 3

    def of(self, pictures: np.ndarray) -> np.ndarray:
        """Return rgb pictures (N,S,S,3) uint8 as the network is fed: float32 (N,C,S,S), or (N,S,S,C)."""
        values: NDArray[np.float32] = pictures.astype(np.float32)
        if self.order == "gray":
            values = np.asarray(np.dot(values, _GRAY), np.float32)[..., None]
        elif self.order == "bgr":
            values = values[..., ::-1].copy()
        if (self.low, self.high) != (0.0, 255.0):
            values = values * np.float32((self.high - self.low) / 255) + np.float32(self.low)
        if self.mean:
            values -= np.asarray(self.mean, np.float32)
        if self.std:
            values /= np.asarray(self.std, np.float32)
        return np.ascontiguousarray(values if self.layout == "nhwc" else values.transpose(0, 3, 1, 2))

    def __str__(self) -> str:
        parts = [self.order, f"{_plain(self.low)}..{_plain(self.high)}"]
        parts += [
            f"{name}={' '.join(map(_plain, getattr(self, name)))}" for name in ("mean", "std") if getattr(self, name)
        ]
        parts += ["nhwc"] if self.layout == "nhwc" else []
        return ", ".join([*parts, *([f"name={self.name}"] if self.name else [])])


def _plain(value: float) -> str:
    """Return a number as it is read again, to the last digit: a run's text decides how its network is fed."""
    return np.format_float_positional(value, trim="-")


def _input_part(part: str, text: str) -> dict[str, object]:
    word = part.lower()
    if word in ORDERS or word == "grey":
        return {"order": "gray" if word == "grey" else word}
    if word in LAYOUTS:
        return {"layout": word}
    if match := _RANGE.fullmatch(word):
        low, high = float(match[1]), float(match[2])
        if high <= low:
            raise UserError(f"--input {text!r}: range {part}", expected="the smaller end first, as in 0..255")
        return {"low": low, "high": high}
    key, equals, value = part.partition("=")
    key = key.strip().lower()
    if equals and key == "name" and value.strip():
        return {"name": value.strip()}
    if equals and key in ("mean", "std"):
        try:
            numbers = tuple(float(number) for number in value.split())
        except ValueError:
            numbers = ()
        if numbers and all(np.isfinite(numbers)):
            return {key: numbers}
        raise UserError(
            f"--input {text!r}: {key}", expected="numbers between blanks, as in mean=0.5 0.5 0.5", found=value
        )
    raise unknown_name(f"part of --input {text!r}:", part, (*ORDERS, *LAYOUTS, "0..255", "mean=", "std=", "name="))


@dataclass(frozen=True)
class ScoreForm:
    """Which number of a network's output is the score of bona fide: `[OUTPUT:][1-|-]KIND[INDEX]`.

    KIND is `softmax` or `sigmoid` of the output, its `value`, or the `mean` of a map. `1-softmax[0]` and `-value[0]`
    turn a score of attack round.

    >>> logits = {"out": np.array([[0.0, 1.0, 0.0]])}
    >>> round(float(ScoreForm.parse("softmax[1]").of(logits)[0]), 4), float(ScoreForm.parse("-value[1]").of(logits)[0])
    (0.5761, -1.0)
    """

    kind: str
    index: int | None = None
    turn: str = ""
    output: str = ""

    @classmethod
    def parse(cls, text: str) -> ScoreForm:
        """Read the text form.

        Raises:
            UserError: it is another; or 1- stands before what is no probability, or no index where one is needed.
        """
        match = _SCORE.fullmatch(text.strip().replace(" ", ""))
        if not match:
            raise UserError(f"--score {text!r}", expected="for example softmax[1], 1-sigmoid[0], -value[0], mean")
        if match["kind"] not in KINDS:
            raise unknown_name(f"kind in --score {text!r}:", match["kind"], KINDS)
        index = int(match["index"]) if match["index"] else None
        if match["kind"] == "mean" and index is not None:
            raise UserError(f"--score {text!r}: a mean is over all numbers", expected="mean, or value[…]")
        form = cls(match["kind"], index, match["turn"] or "", match["output"] or "")
        if form.turn == "1-" and form.kind not in ("softmax", "sigmoid"):
            raise UserError(
                f"--score {text!r}: 1- is for probabilities", expected=f"-{form.kind}, which turns it round"
            )
        if form.kind == "softmax" and index is None:
            raise UserError(
                f"--score {text!r} does not say of which class", expected="softmax[1], classes count from 0"
            )
        return form

    def of(self, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the scores (N,) float64 of the outputs of N pictures, by name.

        Raises:
            UserError: there is no such output or class.
        """
        values = np.asarray(self._chosen(outputs), np.float64)
        if self.kind == "mean":
            scores = values.reshape(len(values), -1).mean(axis=1)
        else:
            columns = values.reshape(len(values), -1)
            index = self._column(columns.shape[1])
            if self.kind == "softmax":
                columns = np.exp(columns - columns.max(axis=1, keepdims=True))
                columns = columns / columns.sum(axis=1, keepdims=True)
            scores = columns[:, index]
            if self.kind == "sigmoid":
                scores = 1 / (1 + np.exp(-scores))
        return 1 - scores if self.turn == "1-" else -scores if self.turn == "-" else scores

    def _chosen(self, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        if self.output:
            if self.output not in outputs:
                raise unknown_name(f"output in --score {str(self)!r}:", self.output, outputs)
            return outputs[self.output]
        return next(iter(outputs.values()))

    def _column(self, n: int) -> int:
        if self.index is None and n > 1:
            raise UserError(
                f"--score {str(self)!r} does not say which of {n} numbers",
                expected=f"{self.kind}[0] to {self.kind}[{n - 1}]",
            )
        if (self.index or 0) >= n:
            raise UserError(f"--score {str(self)!r}: there is no number {self.index}", found=f"{n}, counted from 0")
        return self.index or 0

    def __str__(self) -> str:
        output = f"{self.output}:" if self.output else ""
        return f"{output}{self.turn}{self.kind}" + (f"[{self.index}]" if self.index is not None else "")
