"""The usable frames of one part of a manifest, held as columns, and which of them belong to one clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fasdata.records import BONAFIDE, MODALITIES

if TYPE_CHECKING:
    import pyarrow as pa

    from fasdata.manifests import Manifest


@dataclass(frozen=True)
class Samples:
    """The frames of `part` that have an image, in manifest order; a million of them fit in some 100 MB.

    Strings are stored once: `dataset` and `clip` (int32 (N,)) index `datasets` and `clip_ids`. `label` is int8 with
    1 = bona fide, `domain` int16 (-1 for the target), `region` int32 (N,4), `scale` float32, `box` float32 (N,4),
    `landmarks` float32 (N,5,2), NaN where unknown; coordinates are pixels of the upright source frame. `available`
    tells for each modality, bool (N,), which samples have it: it is neither absent in the dataset nor taken away by the
    protocol. `row` is the row in the manifest.
    """

    part: str
    row: np.ndarray
    datasets: tuple[str, ...]
    dataset: np.ndarray
    clip_ids: pa.Array
    clip: np.ndarray
    frame_index: np.ndarray
    label: np.ndarray
    domain: np.ndarray
    region: np.ndarray
    scale: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    available: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, manifest: Manifest, part: str) -> Samples:
        """Take the rows of `part` whose status is ok; clips that failed to be acquired have no image."""
        import pyarrow.compute as pc

        wanted = pc.and_(pc.equal(manifest.table["part"], part), pc.equal(manifest.table["status"], "ok"))
        row = np.flatnonzero(wanted.combine_chunks().to_numpy(zero_copy_only=False)).astype(np.int32)
        table = manifest.table.take(row)
        datasets, dataset = _encoded(table["dataset"])
        clip_ids, clip = _encoded(table["clip_id"])
        return cls(
            part=part,
            row=row,
            datasets=tuple(datasets.to_pylist()),
            dataset=dataset,
            clip_ids=clip_ids,
            clip=clip,
            frame_index=_numbers(table["frame_index"], np.int32),
            label=_numbers(pc.equal(table["label"], BONAFIDE), np.int8),
            domain=_numbers(table["domain_id"], np.int16),
            region=_vectors(table["region"], np.int32, 4),
            scale=_numbers(table["scale"], np.float32),
            box=_vectors(table["box"], np.float32, 4),
            landmarks=_vectors(table["landmarks"], np.float32, 10).reshape(-1, 5, 2),
            available={name: _numbers(pc.not_equal(table[f"key_{name}"], ""), np.bool_) for name in MODALITIES},
        )

    def __len__(self) -> int:
        return len(self.row)

    def clip_id(self, i: int) -> str:
        """Return the clip of sample `i`."""
        return self.clip_ids[int(self.clip[i])].as_py()

    def sample_id(self, i: int) -> str:
        """Return `<dataset>/<clip_id>/<frame_index>` of sample `i`."""
        return f"{self.datasets[self.dataset[i]]}/{self.clip_id(i)}/{self.frame_index[i]}"

    def sample_ids(self, members: np.ndarray) -> list[str]:
        """Return the `sample_id` of several samples, quicker than one by one."""
        names = [self.datasets[dataset] for dataset in self.dataset[members].tolist()]
        ids = self.clip_ids
        clips = [ids[clip].as_py() for clip in self.clip[members].tolist()]  # of a few, less than a call of `take`
        places = zip(names, clips, self.frame_index[members].tolist(), strict=True)
        return [f"{name}/{clip}/{index}" for name, clip, index in places]

    def require(self, modalities: Sequence[str]) -> None:
        """Check that some sample has each of `modalities`.

        Raises:
            UserError: no sample has one of them.
        """
        have = [name for name, present in self.available.items() if present.any()]
        lacking = [name for name in modalities if name not in have]
        if lacking:
            raise UserError(
                f"no {self.part} frame has {' or '.join(lacking)}",
                found=", ".join(have) or "no image at all",
                do=f"--set model.modalities=[{','.join(name for name in modalities if name in have)}]"
                if have
                else "look at the protocol with 'fasdata protocol show'",
            )

    def only(self, members: np.ndarray) -> Samples:
        """Return some of the samples, by their positions, in the given order."""
        columns = {name: value[members] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **columns, available={name: present[members] for name, present in self.available.items()})

    def recordings(self) -> np.ndarray:
        """Return, for each sample, the number of its recording: clip ids are unique within a dataset only."""
        pairs = self.dataset.astype(np.int64) * (len(self.clip_ids) + 1) + self.clip
        return np.unique(pairs, return_inverse=True)[1]

    def groups(self, n_domains: int) -> dict[tuple[int, int], np.ndarray]:
        """Return the positions of every (domain, label), labels 1 = bona fide and 0 = attack.

        Raises:
            UserError: a domain lacks one of the two labels, or has no samples at all.
        """
        groups = {}
        for domain in range(n_domains):
            for label, name in ((1, "bona fide"), (0, "attack")):
                groups[domain, label] = np.flatnonzero((self.domain == domain) & (self.label == label))
                if not len(groups[domain, label]):
                    of = ", ".join(sorted({self.datasets[d] for d in np.unique(self.dataset[self.domain == domain])}))
                    raise UserError(
                        f"source domain {domain} ({of or 'no dataset'}) has no {name} frames in part {self.part}",
                        expected="both bona fide and attack frames in every source domain",
                        do="check the counts with 'fasdata build-protocol'; a clip without a usable face is dropped",
                    )
        return groups

    def with_shuffled_labels(self, seed: int) -> Samples:
        """Return the samples with the labels of whole recordings permuted within each domain.

        Each domain keeps its numbers of bona fide and attack recordings, every frame of a recording gets its new label,
        and the recordings of each new label have the domain's own share of both true labels. With few recordings a
        plain permutation would favour one side by chance, and a network would learn the true labels from it.
        """
        recording = self.recordings()
        first = np.unique(recording, return_index=True)[1]  # one sample a recording
        labels = self.label[first].copy()
        for domain in np.unique(self.domain):
            members = np.flatnonzero(self.domain[first] == domain)
            rng = np.random.default_rng([seed, int(domain) + 1])
            bonafide = rng.permutation(members[labels[members] == 1])
            attacks = rng.permutation(members[labels[members] == 0])
            kept = round(len(bonafide) ** 2 / max(1, len(members)))
            labels[members] = 0
            labels[bonafide[:kept]] = 1
            labels[attacks[: len(bonafide) - kept]] = 1
        return replace(self, label=labels[recording])


def _encoded(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    encoded: Any = column.combine_chunks().dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)


def _numbers(column: pa.ChunkedArray, kind: type) -> np.ndarray:
    return column.combine_chunks().to_numpy(zero_copy_only=False).astype(kind)


def _vectors(column: pa.ChunkedArray, kind: type, width: int) -> np.ndarray:
    """Return the rows of a fixed-size list as an array; absent rows are NaN (only columns of floats have such)."""
    values: np.ndarray = np.full((len(column), width), np.nan if kind is np.float32 else 0, kind)
    present = column.is_valid().combine_chunks().to_numpy(zero_copy_only=False)
    values[present] = column.combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return values


@dataclass(frozen=True)
class ClipFrames:
    """The samples of every clip: those of clip `c` are `order[start[c] : start[c + 1]]`, in manifest order."""

    order: np.ndarray
    start: np.ndarray
    clip: np.ndarray

    @classmethod
    def of(cls, samples: Samples) -> ClipFrames:
        """Number the clips of `samples`; `clip` (N,) holds the number of each sample's clip."""
        clip = samples.recordings()
        return cls(np.argsort(clip, kind="stable"), np.r_[0, np.cumsum(np.bincount(clip))], clip)

    def __len__(self) -> int:
        return len(self.start) - 1

    def random_frame(self, clip: int, rng: np.random.Generator) -> int:
        """Return a sample of that clip, every frame with the same probability."""
        return int(self.order[rng.integers(self.start[clip], self.start[clip + 1])])

    def random_frame_of_each(self, rng: np.random.Generator) -> np.ndarray:
        """Return one sample of every clip, in the order of the clips' numbers."""
        return self.order[rng.integers(self.start[:-1], self.start[1:])]
