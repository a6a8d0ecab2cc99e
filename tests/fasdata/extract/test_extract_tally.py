"""What stands beside the bar: it moves while the first clip is in hand, on every road."""

from __future__ import annotations

import pytest

from fasdata.extract import child, local
from fasdata.extract.jobs import Job
from fasdata.extract.settings import ExtractSettings
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip
from tests.videos import flat_frames, write_video

SETTINGS = ExtractSettings(tuple(parse_rules("all")), detector="none")


@pytest.mark.parametrize("workers", [0, 1])
def test_every_frame_is_counted_while_its_clip_is_in_hand(tmp_path, workers):
    lengths = (7, 4)
    for number, length in enumerate(lengths):
        write_video(tmp_path / f"{number}.avi", flat_frames(length))
    jobs = [Job(Clip("d", f"c{number}", {"rgb": f"{number}.avi"})) for number in range(2)]
    seen: list[int] = []
    counted = []
    for record, _ in local.extract_clips(jobs, tmp_path, SETTINGS, workers, child.USUAL, seen.append):
        assert record.status == "ok"
        counted.append(sum(seen))
    assert counted[0] >= lengths[0] and counted[-1] == sum(seen) == sum(lengths)
