"""APCER by family of attacks: physical ones, presented to a sensor, and digital ones, which change or make the picture.

ISO/IEC 30107-3 counts presentation attacks alone. A digital attack is no presentation (CEN/TS 18099 is about the
detection of injected data), so its rate stands apart; it is computed alike, as the worst species of the family.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fasdata.species import DIGITAL
from fastrain.evaluation.measures import OF_FAMILY
from fastrain.evaluation.scores import Samples


def apcer_by_family(samples: Samples, threshold: float, few: int) -> list[dict[str, Any]]:
    """Return a row a family, none where no attack is digital: its species, attacks, and APCER.

    A row is `few` where a species has fewer than that many clips. Attacks of unknown type are of no family.
    """
    rows = []
    for family, kinds in samples.families.items() if DIGITAL in samples.families else ():
        row = {
            "family": family,
            "species": list(kinds),
            "n": int(sum(of.sum() for of in kinds.values())),
            "apcer": OF_FAMILY[family].plain(samples, threshold),
            "few": any(np.unique(samples.clip[of]).size < few for of in kinds.values()),
        }
        rows.append(row)
    return rows
