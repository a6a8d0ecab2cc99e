"""Check the invariants of a manifest, whoever wrote the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fasdata.datasets.card import SLUG
from fasdata.datasets.tree import CLIP_ID
from fasdata.errors import UserError
from fasdata.manifests.leakage import Kind, find_crossing, require_no_crossing
from fasdata.manifests.meta import recipe_key
from fasdata.manifests.table import SCHEMA, VOCABULARY
from fasdata.records import MODALITIES


def check_table(table: pa.Table, meta: dict[str, Any], where: str) -> None:
    """Raise UserError, beginning with `where`, for the first invariant the rows break."""
    invariants = _Invariants(table, meta, where)
    invariants.columns()
    invariants.words()
    invariants.names()
    invariants.frames()
    invariants.keys()
    invariants.domains()
    invariants.clips()
    invariants.description()


_MODALITY = "|".join(MODALITIES)
_REASONS = re.compile(rf"(?:(?:{_MODALITY}):(?:masked|absent)(?:,(?={_MODALITY})|$))*")


class _Invariants:
    """The invariants, a method each; every method raises UserError at the first row that breaks it."""

    def __init__(self, table: pa.Table, meta: dict[str, Any], where: str) -> None:
        self.table, self.meta, self.where = table, meta, where

    def columns(self) -> None:
        """All columns, of their types, without gaps, and at least one row."""
        missing = [name for name in SCHEMA.names if name not in self.table.column_names]
        extra = [name for name in self.table.column_names if name not in SCHEMA.names]
        if missing or extra or self.table.column_names != SCHEMA.names:
            difference = (
                f"missing {', '.join(missing)}"
                if missing
                else f"extra {', '.join(extra)}"
                if extra
                else "another order"
            )
            raise self._error("columns", f"the {len(SCHEMA.names)} columns of a manifest in their order", difference)
        for field in SCHEMA:
            column = self.table.column(field.name)
            if column.type != field.type:
                raise self._error(f"column {field.name}", str(field.type), str(column.type))
            if column.null_count and not field.nullable:
                raise self._error(f"column {field.name}", "a value in every row", f"{column.null_count} empty")
        if not self.table.num_rows:
            raise self._error("rows", "at least one", "none")

    def words(self) -> None:
        """Only known words in the columns with a vocabulary, and labels that agree with attack types."""
        for name, words in VOCABULARY.items():
            strange = sorted(set(self._unique(name)) - set(words))
            if strange:
                raise self._error(f"column {name}", ", ".join(word or "(empty)" for word in words), repr(strange[0]))
        for text in self._unique("modalities_available"):
            if text and not set(text.split(",")) <= set(MODALITIES):
                raise self._error("column modalities_available", ",".join(MODALITIES), repr(text))
        for text in self._unique("missing_reason"):
            if not _REASONS.fullmatch(text):
                raise self._error("column missing_reason", "e.g. depth:masked,ir:absent", repr(text))
        genuine, type_ = self._is("label", "bonafide"), self._is("attack_type", "bonafide")
        self._require(~(type_ & ~genuine), "column attack_type", "bonafide only on bona fide rows")
        self._require(~genuine | type_, "column attack_type", "bonafide on every bona fide row")

    def names(self) -> None:
        """Names that stay inside the library."""
        for slug in [*self._unique("dataset"), *self.meta["stores"]]:
            if not SLUG.fullmatch(slug) or slug in ("protocols", "packs"):
                raise self._error("column dataset", "the folder name of a store", repr(slug))
        for clip_id in self._unique("clip_id"):
            if not CLIP_ID.fullmatch(clip_id):
                raise self._error("column clip_id", "letters, digits and ._+=@- (at most 200)", repr(clip_id))

    def frames(self) -> None:
        """A frame and its geometry in every usable row, none in a failure to acquire, which only the target has."""
        usable, index, count = self._is("status", "ok"), self._numbers("frame_index"), self._numbers("n_frames")
        self._require(usable | self._is("part", "test"), "column status", "fta only in the part test")
        self._require(
            np.where(usable, (index >= 0) & (index < np.maximum(count, 1)), index == -1),
            "column frame_index",
            "0 … n_frames-1, or -1 with status fta",
        )
        region = self.table.column("region")
        self._require(self._valid("region") == usable, "column region", "a region exactly where status is ok")
        self._require(self._valid("scale") == usable, "column scale", "a scale exactly where status is ok")
        corners = pc.list_flatten(region.drop_null()).to_numpy().reshape(-1, 4)
        scale = self.table.column("scale").drop_null().to_numpy()
        if not ((corners[:, :2] < corners[:, 2:]).all() and (corners >= 0).all()):
            raise self._error("column region", "0 <= x0 < x1 and 0 <= y0 < y1", "a row with another")
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise self._error("column scale", "a positive number", "a row with another")
        for name, width in (("box", 4), ("landmarks", 10)):
            values = pc.list_flatten(self.table.column(name).drop_null()).to_numpy().reshape(-1, width)
            known = np.isfinite(values)
            eyes_alone = known[:, :4].all(axis=1) & np.isnan(values[:, 4:]).all(axis=1)
            if not (known.all(axis=1) | (eyes_alone & (width > 4))).all():
                raise self._error(f"column {name}", "finite numbers", "a row with another")

    def keys(self) -> None:
        """Keys and sample ids that are exactly those of the row's clip and frame, each sample once."""
        clip, index = self.table.column("clip_id"), self.table.column("frame_index").cast(pa.string())
        sample = pc.binary_join_element_wise(self.table.column("dataset"), clip, index, "/")
        self._require(
            pc.equal(sample, self.table.column("sample_id")).to_numpy(),
            "column sample_id",
            "<dataset>/<clip_id>/<frame_index>",
        )
        if self._samples_in_parts() != self.table.num_rows:
            raise self._error("column sample_id", "every sample once", "a repeated one")
        usable = self._is("status", "ok")
        padded = pc.utf8_lpad(index, 6, "0")
        any_key = np.zeros(self.table.num_rows, bool)
        available, reasons = self._coded("modalities_available"), self._coded("missing_reason")
        for modality in MODALITIES:
            key = self.table.column(f"key_{modality}")
            present = pc.not_equal(key, "").to_numpy()
            named = _of_words(available, _names(modality))
            missing = _of_words(reasons, _gives_reason(modality))
            self._require(~(named & missing), "column missing_reason", "a reason only for what is not available")
            self._require(named == present, "column modalities_available", "exactly the modalities that have a key")
            if not present.any():
                continue
            expected = pc.binary_join_element_wise("crop", clip, padded, modality, "/")
            right = pc.equal(key, expected).to_numpy()
            self._require(
                ~present | (right & usable),
                f"column key_{modality}",
                "crop/<clip_id>/<six digits>/" + modality + " of the row's own frame, or nothing",
            )
            any_key |= present
        self._require(any_key == usable, "column key_rgb", "a key in every usable row")

    def _samples_in_parts(self) -> int:
        """Return how many different samples in a part there are: by numbers of clips and parts, as texts take long."""
        name = pc.binary_join_element_wise(self.table.column("dataset"), self.table.column("clip_id"), "/")
        clip, part = name.combine_chunks().dictionary_encode(), self._coded("part")
        placed = clip.indices.to_numpy().astype(np.int64) * len(part.dictionary) + part.indices.to_numpy()
        # A frame index has 32 bits, and so have the clips of a table in memory.
        samples = np.sort(placed << 32 | self._numbers("frame_index").astype(np.int64) & 0xFFFFFFFF)
        return len(samples) - int((samples[1:] == samples[:-1]).sum())

    def domains(self) -> None:
        """Domain ids as the description lists them; -1 in the target and only there."""
        test, ids = self._is("part", "test"), self._numbers("domain_id")
        self._require((ids == -1) == test, "column domain_id", "-1 exactly in the part test")
        declared = {
            (entry["domain_id"], entry["domain"], entry["dataset"])
            for entry in (*self.meta["domains"], *self.meta["target"])
        }
        rows = (
            self.table.select(["domain_id", "domain", "dataset"])
            .group_by(["domain_id", "domain", "dataset"])
            .aggregate([])
            .to_pylist()
        )
        for row in rows:
            if (row["domain_id"], row["domain"], row["dataset"]) not in declared:
                raise self._error("column domain_id", "the domains of the description", str(row))
        numbers = [entry["domain_id"] for entry in self.meta["domains"]]
        if numbers != list(range(len(numbers))):
            raise self._error("description, domains", "domain ids 0, 1, 2 … in order", str(numbers))

    def clips(self) -> None:
        """One part, label and person a clip; nobody in two parts; both labels in every part that is there."""
        keys = ["dataset", "clip_id", "part", "label", "subject", "split_official", "attack_type", "status", "n_frames"]
        clips = self.table.select(keys).group_by(keys).aggregate([])
        parts = clips.column("part").to_pylist()
        names = pc.binary_join_element_wise(clips.column("dataset"), clips.column("clip_id"), "/")
        self._apart("clip", names.to_pylist(), parts)
        placed = pc.binary_join_element_wise(clips.column("part"), names, " ")
        if pc.count_distinct(placed).as_py() != clips.num_rows:
            raise self._error("rows of a clip", "one part, label, person and status a clip", "a clip with several")
        known = clips.filter(pc.not_equal(clips.column("subject"), ""))
        people = pc.binary_join_element_wise(known.column("dataset"), known.column("subject"), "/")
        self._apart("person", people.to_pylist(), known.column("part").to_pylist())
        usable = clips.filter(pc.equal(clips.column("status"), "ok"))
        pairs = set(zip(usable.column("part").to_pylist(), usable.column("label").to_pylist(), strict=True))
        for part in sorted(set(parts)):
            lacking = [label for label in VOCABULARY["label"] if (part, label) not in pairs]
            if lacking:
                raise self._error(f"part {part}", "usable clips of both labels", f"none of {' and '.join(lacking)}")

    def _apart(self, kind: Kind, keys: list[str], parts: list[str]) -> None:
        """Nothing in two parts, unless the description holds the reason why it was let through."""
        if not self.meta.get("leakage"):
            require_no_crossing(find_crossing(kind, keys, parts))

    def description(self) -> None:
        """Names and stores of the description that agree with the rows."""
        for column, wanted in (
            ("protocol", self.meta["canonical"]),
            ("protocol_alias", self.meta["alias"]),
            ("recipe", recipe_key(self.meta["recipe"])),
        ):
            if self._unique(column) != [wanted]:
                raise self._error(f"column {column}", repr(wanted), repr(self._unique(column)[0]))
        without = sorted(set(self._unique("dataset")) - set(self.meta["stores"]))
        if without:
            raise self._error("description, stores", "the store of every dataset", f"none for {', '.join(without)}")

    def _coded(self, column: str) -> pa.DictionaryArray:
        """Return a column that has few words by the number of each."""
        return self.table.column(column).combine_chunks().dictionary_encode()

    def _unique(self, column: str) -> list[str]:
        return sorted(pc.unique(self.table.column(column)).to_pylist())

    def _is(self, column: str, word: str) -> np.ndarray:
        return np.asarray(pc.equal(self.table.column(column), word).to_numpy())

    def _numbers(self, column: str) -> np.ndarray:
        return np.asarray(self.table.column(column).to_numpy())

    def _valid(self, column: str) -> np.ndarray:
        return np.asarray(pc.is_valid(self.table.column(column)).to_numpy())

    def _require(self, holds: np.ndarray, what: str, expected: str) -> None:
        """Stop at the first row where `holds` is false."""
        if holds.all():
            return
        row = int(np.argmin(holds))
        column = what.removeprefix("column ")
        value = self.table.column(column)[row].as_py() if column in SCHEMA.names else ""
        raise self._error(what, expected, f"{value!r} in row {row} ({self.table.column('sample_id')[row].as_py()})")

    def _error(self, what: str, expected: str, actual: str) -> UserError:
        return UserError(
            f"{self.where}: {what}", expected=expected, found=actual, do="build it again with 'fasdata build-protocol'"
        )


def _names(modality: str) -> Callable[[str], bool]:
    return lambda text: modality in text.split(",")


def _gives_reason(modality: str) -> Callable[[str], bool]:
    return lambda text: f",{modality}:" in f",{text}"


def _of_words(coded: pa.DictionaryArray, holds: Callable[[str], bool]) -> np.ndarray:
    """Return in which rows something holds of the word."""
    words = np.array([holds(text) for text in coded.dictionary.to_pylist()], bool)
    return np.asarray(words[coded.indices.to_numpy()])
