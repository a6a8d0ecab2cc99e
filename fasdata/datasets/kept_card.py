"""What a store keeps of the card of own data, so that the library knows them without the card: `card.json`."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field

from fasdata.datasets.card import Card, Claim, Modality
from fasdata.datasets.rule import Form
from fasdata.errors import UserError
from fasdata.foreign import read_json, validated

FILE = "card.json"


class KeptCard(Form):
    """The names, owner, licence, modalities and claimed letter of data that no shipped card describes."""

    name: str
    aliases: list[str] = Field(default_factory=list)
    owner: str = ""
    licence: str = ""
    research_only: bool = True
    modalities: list[Modality] = Field(default_factory=list)
    protocol: Claim | None = None

    @classmethod
    def of(cls, card: Card) -> KeptCard:
        """Return what a store keeps of a card."""
        return cls.model_validate({name: getattr(card, name) for name in cls.model_fields})

    @classmethod
    def read(cls, folder: Path) -> KeptCard | None:
        """Return what a store's folder keeps; None in stores of shipped datasets and of older versions.

        Raises:
            UserError: the file is malformed.
        """
        path = folder / FILE
        return validated(cls, read_json(path), str(path)) if path.is_file() else None

    @classmethod
    def known(cls, folder: Path) -> KeptCard | None:
        """Return what a store's folder keeps, None also where it is malformed: whoever uses the dataset is told."""
        try:
            return cls.read(folder)
        except UserError:
            return None

    def text(self) -> str:
        """Return the content of the file."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
