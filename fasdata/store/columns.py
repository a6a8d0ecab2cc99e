"""What choosing frames needs of all clips of a store, as columns: made of the clip records, with one row a clip.

A column of searched frames holds a list as long as the record's frames; one of stored frames holds those that have a
crop, in the same order. `fasdata.store.frames_file` keeps such a table beside the shards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, islice, permutations
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from fasdata.foreign import quick_json
from fasdata.records import MODALITIES, Clip, ClipRecord, FaceStatus, FrameRecord
from fasdata.store.hashes import frame_content

if TYPE_CHECKING:
    import pyarrow as pa

STATUSES: tuple[str, ...] = get_args(FaceStatus)
SHOWN = tuple(",".join(order) for most in range(len(MODALITIES) + 1) for order in permutations(MODALITIES, most))
_PLAIN = ("clip_id", "dataset", "split", "label", "attack_type", "pai", "subject", "layout")
_CLIP = (*_PLAIN, "fields", "elsewhere", *MODALITIES)  # paths by modality; others, of which we make none, in JSON
_RECORD = ("status", "reason", "pixel_hash", "content_hash")
_POINTS = 5
_CONTENT = 32  # bytes
_SEARCHED = {"frame": "int32", "face": "int8", "observed": "bool", "stored": "bool"}
# Of a stored frame: how many numbers, and of which type.
_STORED = {
    "shift": (1, "int32"), "score": (1, "float"), "boxed": (1, "bool"), "box": (4, "float"), "points": (1, "int8"),
    "landmarks": (2 * _POINTS, "float"), "region": (4, "int32"), "scale": (1, "float"), "shown": (1, "int8"),
}  # fmt: skip
AT_ONCE = 256  # clips whose rows are made together


def schema() -> pa.Schema:
    """Return the columns and their types."""
    import pyarrow as pa

    types = dict.fromkeys((*_CLIP, *_RECORD), pa.string()) | {"n_frames": pa.int64(), "shard": pa.int64()}
    lists = {name: pa.type_for_alias(kind) for name, kind in _SEARCHED.items()}
    lists |= {name: pa.type_for_alias(kind) for name, (_, kind) in _STORED.items()}
    lists |= {"content": pa.binary(_CONTENT), "rules": pa.string(), "chosen": pa.list_(pa.int32())}
    return pa.schema([*types.items(), *((name, pa.list_(kind)) for name, kind in lists.items())])


# -- From records to a table ------------------------------------------------------------------------------------------


def table_of(records: Sequence[tuple[int, ClipRecord]]) -> pa.Table:
    """Return the rows of records, given with their shards."""
    import pyarrow as pa

    frames = [frame for _, record in records for frame in record.frames]
    kept = [[frame for frame in record.frames if frame.crop is not None] for _, record in records]
    contents = [[content for frame in record.frames if (content := frame_content(frame))] for _, record in records]
    values: dict[str, Any] = _texts([record for _, record in records])
    values |= {"n_frames": [record.n_frames for _, record in records], "shard": [shard for shard, _ in records]}
    searched = _offsets([len(record.frames) for _, record in records])
    values |= {name: _lists(of, searched) for name, of in _searched(frames).items()}
    stored = _offsets(list(map(len, kept)))
    for name, of in _stored(list(chain.from_iterable(kept))).items():
        values[name] = _lists(of.reshape(-1), stored * _STORED[name][0])
    digests = pa.array(list(chain.from_iterable(contents)), pa.binary(_CONTENT))
    values["content"] = pa.ListArray.from_arrays(pa.array(_offsets(list(map(len, contents)))), digests)
    values["rules"] = [list(record.selections) for _, record in records]
    values["chosen"] = [[list(chosen) for chosen in record.selections.values()] for _, record in records]
    return pa.table({name: values[name] for name in schema().names}, schema())


def _texts(records: Sequence[ClipRecord]) -> dict[str, list[str]]:
    texts = {name: [getattr(record.clip, name) for record in records] for name in _PLAIN}
    texts["fields"] = [_json_of(record.clip.fields) for record in records]
    paths = [record.clip.relpaths for record in records]
    texts["elsewhere"] = [_json_of({name: of[name] for name in of if name not in MODALITIES}) for of in paths]
    texts |= {name: [of.get(name, "") for of in paths] for name in MODALITIES}
    return texts | {name: [getattr(record, name) for record in records] for name in _RECORD}


def _json_of(pairs: Mapping[str, str]) -> str:
    return json.dumps(dict(pairs), ensure_ascii=False) if pairs else ""


def _searched(frames: Sequence[FrameRecord]) -> dict[str, np.ndarray]:
    return {
        "frame": np.array([frame.index for frame in frames], np.int32),
        "face": np.array([_CODE[frame.status] for frame in frames], np.int8),
        "observed": np.array([frame.face_observed for frame in frames], bool),
        "stored": np.array([frame.crop is not None for frame in frames], bool),
    }


def _stored(frames: Sequence[FrameRecord]) -> dict[str, np.ndarray]:
    crops = [frame.crop for frame in frames if frame.crop is not None]
    points = [_filled(frame) for frame in frames]
    return {
        "shift": np.array([frame.shift for frame in frames], np.int32),
        "score": np.array([frame.score for frame in frames], np.float32),
        "boxed": np.array([frame.box is not None for frame in frames], bool),
        "box": np.array([frame.box or _NO_BOX for frame in frames], np.float32),
        "points": np.array([len(frame.landmarks or ()) for frame in frames], np.int8),
        "landmarks": np.array(points, np.float32),
        "region": np.array([crop.region for crop in crops], np.int32),
        "scale": np.array([crop.scale for crop in crops], np.float32),
        "shown": np.array([_SHOWN[",".join(crop.modalities)] for crop in crops], np.int8),
    }


_CODE = {status: code for code, status in enumerate(STATUSES)}
_SHOWN = {text: code for code, text in enumerate(SHOWN)}
_NO_BOX = (0.0,) * 4


def _filled(frame: FrameRecord) -> list[float]:
    values = list(chain.from_iterable(frame.landmarks or ()))
    return values + [0.0] * (2 * _POINTS - len(values))


def _offsets(lengths: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32)


def _lists(values: np.ndarray, offsets: np.ndarray) -> pa.ListArray:
    import pyarrow as pa

    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values))


# -- From a table to arrays -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ragged:
    """Lists of several lengths: `of(row)` are `values[starts[row]:starts[row + 1]]`."""

    starts: np.ndarray
    values: np.ndarray

    def of(self, row: int) -> np.ndarray:
        """Return the list of a row."""
        return self.values[self.starts[row] : self.starts[row + 1]]

    def owners(self) -> np.ndarray:
        """Return the row that each value belongs to."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


class Columns:
    """The columns of a store's clips as arrays, in the order of the table.

    `stored` names the columns of stored frames: of n of them an array of n, (n, 4) or (n, 10) numbers, from
    `starts[row]` to `starts[row + 1]` in row `row`. Where `boxed` is false there is no box, and of the five points the
    first `points` are known. `order` are the rows in the order of a manifest.

    Raises:
        ValueError: the table is none of `table_of`, as far as can be seen from its own lengths and ranges.
    """

    def __init__(self, table: pa.Table) -> None:
        if not table.schema.equals(schema()) or any(column.null_count for column in table.columns):
            raise ValueError("other columns, or gaps in them")
        self._texts = {name: table.column(name).to_pylist() for name in (*_CLIP, *_RECORD)}
        self.order: Sequence[int] = range(table.num_rows)
        self.n_frames: list[int] = table.column("n_frames").to_pylist()
        self.shards: list[int] = table.column("shard").to_pylist()
        searched = {name: _ragged(table.column(name)) for name in _SEARCHED}
        self.frame, self.face, self.observed, self.is_stored = searched.values()
        stored = {name: _ragged(table.column(name)) for name in _STORED}
        self.starts = stored["shift"].starts
        self.contents = _ragged(table.column("content"))
        self._rules, self._chosen = table.column("rules"), table.column("chosen")
        self._require(searched, stored)
        self.stored = {
            name: of.values.reshape(-1, _STORED[name][0]) if _STORED[name][0] > 1 else of.values
            for name, of in stored.items()
        }

    def _require(self, searched: dict[str, Ragged], stored: dict[str, Ragged]) -> None:
        rows = np.concatenate([[0], np.cumsum(self.is_stored.values, dtype=np.int64)])
        lengths = [np.array_equal(of.starts, self.frame.starts) for of in searched.values()]
        lengths += [np.array_equal(self.starts * _STORED[name][0], of.starts) for name, of in stored.items()]
        lengths += [np.array_equal(rows[self.frame.starts], self.starts)]
        lengths += [np.array_equal(_ragged_starts(self._rules), _ragged_starts(self._chosen))]
        ranges = ((self.face, len(STATUSES)), (stored["shown"], len(SHOWN)), (stored["points"], _POINTS + 1))
        inside = [not len(of.values) or (of.values.min() >= 0 and of.values.max() < most) for of, most in ranges]
        if not (all(lengths) and all(inside)):
            raise ValueError("columns that do not fit each other")

    @classmethod
    def of(cls, records: Iterable[tuple[int, ClipRecord]]) -> Columns:
        """Return the columns of records, given with their shards."""
        import pyarrow as pa

        waiting, made = iter(records), [schema().empty_table()]
        while some := list(islice(waiting, AT_ONCE)):
            made.append(table_of(some))
        return cls(pa.concat_tables(made))

    def __len__(self) -> int:
        return len(self.n_frames)

    def text(self, name: str) -> list[str]:
        """Return a column of texts: those of a clip, `status`, `reason`, `pixel_hash` or `content_hash`."""
        return self._texts[name]

    @cached_property
    def clips(self) -> list[Clip]:
        """The descriptions of the clips."""
        return list(_clips(self._texts))

    def rules_of(self, row: int) -> list[str]:
        """Return the frame rules that a clip was extracted by."""
        rules: list[str] = self._rules[row].as_py()
        return rules

    def selected(self, row: int) -> set[int]:
        """Return the frames of a clip that some rule selected."""
        return set(chain.from_iterable(self._chosen[row].as_py()))

    def chosen(self, rule: str) -> tuple[np.ndarray, Ragged]:
        """Return which clips have a rule on record, and the frames that it selected of each (none of others)."""
        import pyarrow.compute as pc

        named = np.flatnonzero(np.asarray(pc.equal(pc.list_flatten(self._rules), rule)))
        owners = np.repeat(np.arange(len(self)), np.diff(_ragged_starts(self._rules)))[named]
        selections = _ragged(pc.list_flatten(self._chosen).take(named))
        lengths, has = np.zeros(len(self), np.int64), np.zeros(len(self), bool)
        lengths[owners], has[owners] = np.diff(selections.starts), True
        return has, Ragged(np.concatenate([[0], np.cumsum(lengths)]), selections.values)


def _clips(texts: Mapping[str, list[str]]) -> Iterator[Clip]:
    fields_of, none = lru_cache(_pairs), dict[str, str]()  # many clips have the same fields
    plain = zip(*(texts[name] for name in _PLAIN), strict=True)
    paths = zip(*(texts[name] for name in MODALITIES), strict=True)
    for values, fields, elsewhere, by_modality in zip(plain, texts["fields"], texts["elsewhere"], paths, strict=True):
        clip = object.__new__(Clip)  # a hundred thousand of them: half the time of __init__
        clip.__dict__.update(zip(_PLAIN, values, strict=True))
        relpaths = {name: path for name, path in zip(MODALITIES, by_modality, strict=True) if path}
        relpaths.update(_pairs(elsewhere) if elsewhere else none)
        clip.__dict__.update(relpaths=relpaths, fields=fields_of(fields) if fields else none)
        yield clip


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = quick_json(text.encode())
    return pairs


def _ragged(column: pa.ChunkedArray) -> Ragged:
    import pyarrow.compute as pc

    flat = pc.list_flatten(column)
    kind = column.type.value_type
    if kind == _binary():
        pieces = [np.frombuffer(of.buffers()[1] or b"", np.uint8).reshape(-1, _CONTENT) for of in flat.chunks]
        cut = [of[chunk.offset : chunk.offset + len(chunk)] for of, chunk in zip(pieces, flat.chunks, strict=True)]
        return Ragged(_ragged_starts(column), np.concatenate([*cut, np.empty((0, _CONTENT), np.uint8)]))
    return Ragged(_ragged_starts(column), flat.to_numpy())


def _ragged_starts(column: pa.ChunkedArray) -> np.ndarray:
    import pyarrow.compute as pc

    return np.concatenate([[0], np.cumsum(pc.list_value_length(column).to_numpy(), dtype=np.int64)])


def _binary() -> pa.DataType:
    import pyarrow as pa

    return pa.binary(_CONTENT)
