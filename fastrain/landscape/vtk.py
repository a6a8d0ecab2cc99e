"""Write a surface as a VTK file that ParaView and PyVista open: XML text of a structured grid, no library needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fasdata.store.atomic import write_text


def write_surface(path: Path, axis: np.ndarray, loss: np.ndarray, accuracy: np.ndarray) -> None:
    """Write `path` (`.vts`): the loss (S,S) as height over the plane of two directions, both axes being `axis` (S,).

    Points have the arrays `loss`, `log10_loss`, `accuracy`, all float64, and `finite`: 1 where the loss is a finite
    number. Where it is not, VTK's text has no word for it: such a point has the greatest finite loss.

    Raises:
        ValueError: no loss is finite.
    """
    finite = np.isfinite(loss)
    if not finite.any():
        raise ValueError("no loss is finite")
    height = np.where(finite, loss, loss[finite].max())
    positive = height[height > 0]
    logarithm = np.log10(np.maximum(height, positive.min() if len(positive) else 1.0))
    arrays = {"loss": height, "log10_loss": logarithm, "accuracy": np.where(np.isfinite(accuracy), accuracy, 0.0)}
    write_text(path, _grid(axis, height, arrays, finite))


def _grid(axis: np.ndarray, height: np.ndarray, arrays: Mapping[str, np.ndarray], finite: np.ndarray) -> str:
    n = len(axis)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    points = np.stack([_in_order(x), _in_order(y), _in_order(height)], axis=1)
    data = [_array(name, _in_order(values)) for name, values in arrays.items()]
    data.append(_array("finite", _in_order(finite).astype(np.uint8), kind="UInt8"))
    extent = f"0 {n - 1} 0 {n - 1} 0 0"
    return "\n".join(
        [
            '<?xml version="1.0"?>',
            '<VTKFile type="StructuredGrid" version="1.0" byte_order="LittleEndian">',
            f'<StructuredGrid WholeExtent="{extent}"><Piece Extent="{extent}">',
            '<PointData Scalars="loss">',
            *data,
            "</PointData>",
            "<Points>",
            _array("Points", points.ravel(), components=3),
            "</Points>",
            "</Piece></StructuredGrid>",
            "</VTKFile>",
            "",
        ]
    )


def _in_order(values: np.ndarray) -> np.ndarray:
    """Return (S,S) values in VTK's order of points: the first index runs fastest."""
    return values.ravel(order="F")


def _array(name: str, values: np.ndarray, *, kind: str = "Float64", components: int = 1) -> str:
    # Python spells a float with as many digits as it takes to read back the very same number.
    words = [repr(value) for value in values.tolist()]
    lines = [" ".join(words[start : start + 6]) for start in range(0, len(words), 6)]
    opening = f'<DataArray type="{kind}" Name="{name}" NumberOfComponents="{components}" format="ascii">'
    return "\n".join([opening, *lines, "</DataArray>"])
