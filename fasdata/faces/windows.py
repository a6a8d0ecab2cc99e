"""Windows that a cascaded detector passes from one network to the next, and the rules that move and thin them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Windows:
    """K places that may hold a face: `boxes` (K, 4) float32, `scores` (K,), `moves` (K, 4) of the edges, and `frames`.

    `frames` (K,) tells in which frame of the batch each window lies.
    """

    boxes: np.ndarray
    scores: np.ndarray
    frames: np.ndarray
    moves: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)

    def of(self, chosen: np.ndarray) -> Windows:
        """Return the windows at these places."""
        return Windows(self.boxes[chosen], self.scores[chosen], self.frames[chosen], self.moves[chosen])

    def judged(self, scores: np.ndarray, moves: np.ndarray) -> Windows:
        """Return the same windows after a network's word on them."""
        return Windows(self.boxes, scores, self.frames, moves)

    def at(self, boxes: np.ndarray) -> Windows:
        """Return the windows with other boxes."""
        return Windows(boxes, self.scores, self.frames, self.moves)

    def unlike(self, overlap: float) -> Windows:
        """Return those that stay, best first in each frame, when all go that overlap a better one by more (IoU)."""
        import torch
        from torchvision.ops import nms

        kept = []
        for number in sorted(set(self.frames.tolist())):
            own = np.flatnonzero(self.frames == number)
            kept.append(
                own[nms(torch.from_numpy(self.boxes[own]), torch.from_numpy(self.scores[own]), overlap).numpy()]
            )
        return self.of(np.concatenate(kept)) if kept else self


def joined(parts: list[Windows]) -> Windows:
    """Return the windows of several searches as one."""
    return Windows(
        np.concatenate([part.boxes for part in parts]), np.concatenate([part.scores for part in parts]),
        np.concatenate([part.frames for part in parts]), np.concatenate([part.moves for part in parts]),
    )  # fmt: skip


def squared(boxes: np.ndarray) -> np.ndarray:
    """Return boxes with equal sides, the longer one's, about the same centre."""
    lengths = boxes[:, 2:] - boxes[:, :2]
    longer = lengths.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + lengths * np.float32(0.5) - longer * np.float32(0.5)
    return np.concatenate([corner, corner + longer], 1)


def moved(windows: Windows) -> np.ndarray:
    """Return the boxes with their edges moved by shares of their sides, the last pixel counted."""
    return windows.boxes + windows.moves * np.tile(windows.boxes[:, 2:] - windows.boxes[:, :2] + 1, 2)


def whole_pixels(boxes: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return boxes in whole pixels (end exclusive), clipped to the parts `inside` (K, 4)."""
    whole = boxes.astype(np.int64)  # towards zero
    # The networks were trained on 1-based corners: the first pixel is the one before x0.
    return np.concatenate([np.maximum(whole[:, :2] - 1, inside[:, :2]), np.minimum(whole[:, 2:], inside[:, 2:])], 1)


def without_nested(boxes: np.ndarray, scores: np.ndarray, share: float) -> np.ndarray:
    """Return which boxes stay, best first: those go that have more than `share` of the smaller area in a better one."""
    low, high = boxes[:, :2], boxes[:, 2:]
    areas = np.prod(high - low + 1, axis=1)
    left = np.argsort(scores)[::-1]
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        common = np.maximum(0, np.minimum(high[best], high[left]) - np.maximum(low[best], low[left]) + 1).prod(axis=1)
        left = left[common <= share * np.minimum(areas[best], areas[left])]
    return np.array(kept, dtype=int)
