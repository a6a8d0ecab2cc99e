"""Which folder names are words of the field for an attack, and what they say: `print_1`, `Video Replay`, `3d-masks`."""

from __future__ import annotations

import re

from fasdata.species import UNKNOWN, read_attack_name

# Words that say "attack instrument" without saying which of the coarse types.
_OF_SOME_TYPE = {"mask", "masks", "attack", "attacks", "spoof", "spoofs", "fake", "fakes", "photo-or-video"}
# Instruments by which people name folders, beyond the names that `read_attack_name` knows.
_INSTRUMENTS = {
    "print": "warped flat poster a4 a3 photograph photographs printout paperphoto",
    "replay": "tablet phone mobile ipad iphone smartphone monitor laptop pc screen screens highdef tv display displays",
    "mask-paper": "papercraft papermasks",
    "mask-3d": "latex silicone resin rigid plaster 3dmasks halfmask transparent",
    "mannequin": "dummy doll bust",
    "partial": "glasses funnyeye papercut",
    "makeup": "cosmetic tattoo",
}
_TYPE_OF = {word: attack_type for attack_type, words in _INSTRUMENTS.items() for word in words.split()}
_NOT_WORD = re.compile(r"[^a-z0-9]+")


def attack_of_folder(name: str) -> tuple[str, str] | None:
    """Return the attack type and the species that a folder's name says, None where no word of the field is in it.

    >>> attack_of_folder("print_1"), attack_of_folder("Latex mask"), attack_of_folder("masks"), attack_of_folder("anna")
    (('print', 'print_1'), ('mask-3d', 'Latex mask'), ('unknown', 'masks'), None)
    """
    attack_type, species = read_attack_name(name)
    if attack_type != UNKNOWN:
        return attack_type, species
    words = [word for word in _NOT_WORD.split(name.lower()) if word]
    bare = [word.strip("0123456789") or word for word in words]
    whole = read_attack_name("-".join(word for word in bare if not word.isdigit()))[0]
    if whole != UNKNOWN:
        return whole, name.strip()
    for word in (*words, *bare):
        found = _TYPE_OF.get(word) or read_attack_name(word)[0]
        if found != UNKNOWN:
            return found, name.strip()
    if set(bare) & _OF_SOME_TYPE:
        return UNKNOWN, species
    return None


def names_attack(name: str) -> bool:
    """Tell whether a folder's name is a word of the field for an attack instrument."""
    return attack_of_folder(name) is not None
