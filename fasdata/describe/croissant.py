"""Write facts as Croissant 1.0 with its vocabulary for responsible AI: JSON-LD that others' programs read."""

from __future__ import annotations

import json
from typing import Any

from fasdata.describe.facts import Facts, Table

CONFORMS = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
# The context that the specification gives (Croissant 1.0, appendix), with the prefix of its RAI vocabulary.
_OWN = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
    **{name: f"cr:{name}" for name in _OWN},
}


def croissant(facts: Facts) -> str:
    """Return the description as JSON-LD.

    The tables are named relative to the description, which therefore belongs into the folder that they are in. The
    columns that name files of the release are in no record set, nor is anything of the release in the description.
    """
    return json.dumps(as_tree(facts), indent=2, ensure_ascii=False) + "\n"


def as_tree(facts: Facts) -> dict[str, Any]:
    """Return the description as plain data."""
    tree: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": facts.name,
        "description": _description(facts),
        "version": facts.version,
        "license": [of.licence for of in facts.terms if of.licence],
        "creator": [{"@type": "sc:Organization", "name": of.owner} for of in facts.terms if of.owner],
        "keywords": ["face anti-spoofing", "presentation attack detection", "biometrics", *facts.modalities],
        "isLiveDataset": False,
        "rai:dataCollection": " ".join(facts.collection),
        "rai:dataCollectionMissingData": " ".join(facts.missing),
        "rai:dataCollectionRawData": _raw(facts),
        "rai:dataPreprocessingProtocol": list(facts.preprocessing),
        "rai:dataAnnotationProtocol": list(facts.annotation),
        "rai:machineAnnotationTools": list(facts.tools),
        "rai:dataBiases": list(facts.biases),
        "rai:dataUseCases": list(facts.uses),
        "rai:dataLimitations": [*facts.limits, "Figures and words are those of fasdata, not of the owners."],
        "rai:personalSensitiveInformation": list(facts.sensitive),
        "rai:dataReleaseMaintenancePlan": " ".join(facts.maintenance),
        "distribution": _distribution(facts),
        "recordSet": [_records(table) for table in facts.tables],
    }
    return {name: value for name, value in tree.items() if value not in ("", [])}


def _description(facts: Facts) -> str:
    clips, frames = sum(group.clips for group in facts.groups), sum(group.frames for group in facts.groups)
    what = f"{facts.title}: {clips} clips, {frames} frames, {' and '.join(facts.modalities)}."
    return f"{what} Described by fasdata; the pictures are not part of this description."


def _raw(facts: Facts) -> str:
    ways = [f"{of.name}: {of.access}" for of in facts.terms if of.access]
    return f"The recordings are to be had of their owners alone. {'; '.join(ways)}".strip()


def _distribution(facts: Facts) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": table.file.name,
            "name": table.file.name,
            "description": table.file.about,
            "contentUrl": table.file.name,
            "contentSize": f"{table.file.size} B",
            "encodingFormat": "application/x-parquet",
            "sha256": table.file.sha256,
        }
        for table in facts.tables
    ]
    return files


def _records(table: Table) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.about,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table.name}/{column.name}",
                "name": column.name,
                "description": column.about,
                "dataType": column.kind,
                "source": {"fileObject": {"@id": table.file.name}, "extract": {"column": column.name}},
            }
            for column in table.columns
        ],
    }
