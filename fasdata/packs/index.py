"""`index.bin`: where each image of a pack lies. Fixed-size records, added only after the images themselves are safe."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fasdata.errors import UserError
from fasdata.records import MODALITIES

FILE = "index.bin"
# One record a frame: its row in the manifest, and offset and length of each modality's bytes (length 0 = it has none).
# `outside` is the share of the view that lies past the stored region.
RECORD = np.dtype(
    [
        ("row", "<u4"),
        ("outside", "<f4"),
        ("offset", "<u8", (len(MODALITIES),)),
        ("length", "<u4", (len(MODALITIES),)),
    ]
)


def read_index(folder: Path, n_rows: int, data_bytes: int) -> np.ndarray:
    """Return the records of `index.bin`; a record that was cut off at the end is left out.

    `n_rows` are the rows of the manifest, `data_bytes` the size of the images' file.

    Raises:
        UserError: a record points out of the file or to no row, or a row has two.
    """
    path = folder / FILE
    try:
        whole = path.stat().st_size // RECORD.itemsize
        records = np.fromfile(path, RECORD, whole)
    except FileNotFoundError:
        return np.empty(0, RECORD)
    ends = records["offset"].astype(np.float64) + records["length"]  # no overflow, whatever is written there
    rows = records["row"]
    if len(rows) and (ends.max() > data_bytes or rows.max() >= n_rows or len(np.unique(rows)) < len(rows)):
        raise UserError(
            f"{path} is damaged, or images are missing from the file beside it",
            expected=f"{int(ends.max())} bytes of images for {n_rows} rows",
            found=f"{data_bytes} bytes",
            do=f"remove {folder} and pack again",
        )
    return records
