"""Processes that prepare images: their errors arrive, their end is told, and shared memory comes back."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fastrain.data.batches import BatchMemory, bytes_of
from fastrain.data.crew import Crew, SharedSlots

FORM = (("rgb", "depth"), 3, 4, 2, {"face": 2})


def test_a_piece_is_lent_again_when_nothing_holds_its_bytes() -> None:
    slots = SharedSlots(1, 100)
    assert slots.lend(101) is None
    number, data = slots.lend(100) or (-1, np.empty(0))
    tensor = torch.from_numpy(data[:8].view(np.float32))
    del data
    gc.collect()
    assert number == 0 and slots.lend(1) is None  # a part of it is still held
    del tensor
    gc.collect()
    assert slots.lend(1) is not None


def test_what_a_child_fills_the_parent_sees_and_its_errors_arrive() -> None:
    slots = SharedSlots(1, bytes_of(*FORM))
    number, data = slots.lend(bytes_of(*FORM)) or (-1, np.empty(0))
    data[:] = 255
    memory = BatchMemory(*FORM, lent=data)
    assert not memory.maps["face"].any() and not memory.available["rgb"].any()

    def work(what: str) -> None:
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "user":
            raise UserError("the crop is damaged", found="7 bytes", do="extract again")
        if what == "bug":
            raise LookupError("lost")
        theirs = BatchMemory(*FORM, lent=slots.bytes_of(number), begun=True)
        theirs.fill(1, {"rgb": np.empty(0)}, lambda images, out: out["rgb"].fill(5))

    crew = Crew(1, work)
    with pytest.raises(UserError, match="the crop is damaged; found 7 bytes; extract again"):
        crew.do("user")
    with pytest.raises(RuntimeError, match="LookupError: lost"):
        crew.do("bug")
    crew.do("fill")
    assert memory.available["rgb"].tolist() == [False, True, False] and not memory.available["depth"].any()
    assert all((view["rgb"][1] == 5).all() and not view["depth"][1].any() for view in memory.views)
    for _ in range(2):
        with pytest.raises(UserError, match=r"ended; found exit code -9, killed; give it more memory"):
            crew.do("die")
    crew.close()


def test_no_process_is_left(tmp_path: Path) -> None:
    crew = Crew(2, lambda: (tmp_path / str(os.getpid())).touch())
    for _ in range(8):
        crew.do()
    children = [int(path.name) for path in tmp_path.iterdir()]
    crew.close()
    assert children and os.getpid() not in children
    assert not any(Path(f"/proc/{child}").exists() for child in children)
