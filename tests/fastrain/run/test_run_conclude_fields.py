"""Fields of the release in a score table, and errors grouped by them."""

from __future__ import annotations

from types import SimpleNamespace

from fasdata.errors import UserError
from fastrain.evaluation.breakdowns import groupings
from fastrain.evaluation.scores import ScoreTable
from fastrain.run.conclude import with_fields
from tests.fastrain.evaluation.tables import frame, row


class Store:
    """Answers with the fields of a clip, as a store does."""

    def __init__(self, fields: dict[str, dict[str, str]]) -> None:
        self.fields = fields

    def record(self, clip_id: str) -> SimpleNamespace:
        if clip_id not in self.fields:
            raise UserError("no such clip")
        return SimpleNamespace(clip=SimpleNamespace(fields=self.fields[clip_id]))


def test_fields_that_tell_clips_apart_become_columns() -> None:
    rows = [
        row(f"c{i}", 0.1 * i, "bonafide" if i % 2 else "attack:print", frame_index=f) for i in range(4) for f in (0, 1)
    ]
    serial = {f"c{i}": {"device": "android" if i < 2 else "laptop", "code": "same"} for i in range(3)}
    table = with_fields(ScoreTable(frame(*rows)), {"OULU-NPU": Store(serial)})
    assert [name for name in table.frame.columns if name.startswith("field_")] == ["field_device"]
    assert table.frame["field_device"].tolist() == ["android"] * 4 + ["laptop"] * 2 + [""] * 2
    assert dict(groupings(table.clips().frame)) == {"device": "field_device"}


def test_many_values_and_a_store_that_is_gone_give_no_column() -> None:
    rows = [row(f"c{i}", 0.1, "bonafide") for i in range(20)]
    plain = ScoreTable(frame(*rows))
    serial = Store({f"c{i}": {"serial": str(i)} for i in range(20)})
    assert list(with_fields(plain, {"OULU-NPU": serial}).frame.columns) == list(plain.frame.columns)
    assert with_fields(plain, {}) is plain


class Measured(Store):
    """Knows the measures of its faces too."""

    def quality(self) -> dict[str, dict[str, float]]:
        return {
            "c0": {"face_size": 40.0, "sharpness": 20.0, "pitch": 0.5},
            "c1": {"face_size": 40.0, "sharpness": 25.0},
            "c2": {"face_size": 200.0, "yaw": -0.6},
        }


def test_clips_are_grouped_by_the_grades_of_their_faces() -> None:
    rows = [row(f"c{i}", 0.1 * i, "bonafide" if i % 2 else "attack:print") for i in range(4)]
    table = with_fields(ScoreTable(frame(*rows)), {"OULU-NPU": Measured({f"c{i}": {} for i in range(4)})})
    assert table.frame["field_face_size"].tolist() == ["under 48 px", "under 48 px", "192 px and more", ""]
    assert [name for name in table.frame.columns if name.startswith("field_")] == ["field_face_size"]


class Trained(Store):
    """A store of a hundred training clips of usual light, and tested ones of which two are unlike them."""

    def quality(self) -> dict[str, dict[str, float]]:
        usual = {f"t{i}": {"brightness": 100.0 + i, "face_size": 120.0} for i in range(100)}
        tested = {"c0": 150.0, "c1": 99.0, "c2": 260.0}
        return usual | {name: {"brightness": light, "face_size": 120.0} for name, light in tested.items()}


def test_clips_unlike_the_training_faces_are_a_group_of_the_breakdown() -> None:
    rows = [row(f"c{i}", 0.1 * i, "bonafide" if i % 2 else "attack:print") for i in range(4)]
    store = Trained({f"c{i}": {} for i in range(4)})
    trained = {("OULU-NPU", f"t{i}") for i in range(100)}
    table = with_fields(ScoreTable(frame(*rows)), {"OULU-NPU": store}, trained)
    assert table.frame["field_training_range"].tolist() == ["inside", "outside", "outside", ""]
    assert ("training_range", "field_training_range") in groupings(table.clips().frame)
    # Half of the sources would be a range that the network was not trained in.
    lost = with_fields(ScoreTable(frame(*rows)), {"OULU-NPU": store}, trained | {("CASIA-FASD", "t0")})
    assert "field_training_range" not in lost.frame
    assert "field_training_range" not in with_fields(ScoreTable(frame(*rows)), {"OULU-NPU": store}).frame
