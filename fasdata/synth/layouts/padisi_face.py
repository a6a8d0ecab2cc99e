"""Plan PADISI-Face as in the preprocessed release: a file per sample, numbers for names, tables for all else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fasdata.synth.layouts.dataset_plan import DatasetPlan, PlannedClip, lines
from fasdata.synth.presentation.bona_fide import ClipSpec, Presentation

SLUG, FOLDER = "padisi-face", "PADISI-Face"
_CODEC = "padisi-npz"
_FOLDS = 3
_PARTS = ("train", "valid", "test")

# Participants of train, valid and test, and samples of each label that one has.
_PEOPLE = {"mini": (2, 2, 2), "demo": (16, 6, 12)}
_SAMPLES = {"mini": 1, "demo": 2}
# Ground-truth codes of attacks; make-up and tattoos are not in this world.
_ATTACKS: tuple[tuple[str, Presentation], ...] = (
    ("m50201", "print-flat"), ("m50501", "mask-transparent"), ("m50101", "glasses-funny"), ("m50301", "mannequin"),
    ("m50202", "print-warped"), ("m50701", "mask-silicone"), ("m50801", "glasses-paper"), ("m50401", "mask-half"),
)  # fmt: skip
_TRIALS = ("FACE_WITHOUT_GLASS_1", "FACE_SMILE_WITHOUT_GLASS", "FACE_WITHOUT_GLASS_2", "FACE_SMILE")


@dataclass(frozen=True)
class _Sample:
    participant: str
    number: int  # of the participant
    transaction: str
    trial: str
    trial_name: str
    code: str

    @property
    def identifier(self) -> str:
        return f"ID_{self.transaction}_{self.trial}_{self.trial_name}"


def plan_padisi_face(preset: str) -> DatasetPlan:
    """Return the plan: a file per sample, the ground truth, and the partitions of three folds."""
    samples, clips = [], []
    for number in range(sum(_PEOPLE[preset])):
        participant = _digest("participant", number)[:16]
        shown: list[tuple[str, Presentation]] = []
        for take in range(_SAMPLES[preset]):
            shown += [("m00000", "bonafide"), _ATTACKS[(_SAMPLES[preset] * number + take) % len(_ATTACKS)]]
        for take, (code, presentation) in enumerate(shown):
            # A visit to the station is a transaction; bona fide and attack are visits of their own.
            transaction, trial = _digest("visit", number, code)[:40], _digest("trial", number, take)[:8]
            sample = _Sample(participant, number, transaction, trial, _TRIALS[take % len(_TRIALS)], code)
            samples.append(sample)
            spec = ClipSpec(SLUG, participant, sample.identifier, presentation, 1)
            clips.append(PlannedClip(f"{sample.identifier}.npz", spec, _CODEC))
    return DatasetPlan(SLUG, FOLDER, tuple(clips), _tables(samples, preset))


def _tables(samples: list[_Sample], preset: str) -> dict[str, str]:
    truth = ["identifier,transaction_id,trial_id,trial_name,participant_id,ground_truth"]
    for sample in samples:
        cells = [
            sample.identifier,
            sample.transaction,
            sample.trial,
            sample.trial_name,
            sample.participant,
            sample.code,
        ]
        truth.append(",".join(cells))
    tables = {"padisi_USC_FACE_ground_truth.csv": lines(truth)}
    sizes = _PEOPLE[preset]
    people = sum(sizes)
    for fold in range(_FOLDS):
        rows = ["identifier,transaction_id,trial_id,partition_name"]
        for sample in samples:
            # Each fold begins elsewhere among the participants, so that another third is tested on.
            place = (sample.number + fold * sizes[2]) % people
            part = _PARTS[0 if place < sizes[0] else 1 if place < sizes[0] + sizes[1] else 2]
            rows.append(f"{sample.identifier},{sample.transaction},{sample.trial},{part}")
        tables[f"padisi_USC_FACE_dataset_partition_3folds_part{fold}.csv"] = lines(rows)
    return tables


def _digest(*key: object) -> str:
    return hashlib.sha256("/".join(map(str, ("synthetic padisi", *key))).encode()).hexdigest()
