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
    # Algorithms by which people name folders; what they do is in their papers.
    "face-swap": "faceshifter simswap facedancer",
    "reenactment": "face2face neuraltextures",
    "adversarial": "fgsm pgd",
}
_TYPE_OF = {word: attack_type for attack_type, words in _INSTRUMENTS.items() for word in words.split()}
_SCREENS = ("screen", "screens", "display", "displays", "monitor", "tv")
_PHOTOS, _VIDEOS = ("photo", "photos", "photograph", "photographs"), ("video", "videos")
_NOT_WORD = re.compile(r"[^a-z0-9]+")


def attack_of_folder(name: str) -> tuple[str, str] | None:
    """Return the attack type and the species that a folder's name says, None where no word of the field is in it.

    >>> attack_of_folder("print_1"), attack_of_folder("Latex mask"), attack_of_folder("masks"), attack_of_folder("anna")
    (('print', 'print_1'), ('mask-3d', 'Latex mask'), ('unknown', 'masks'), None)
    >>> attack_of_folder("FaceSwap"), attack_of_folder("NeuralTextures"), attack_of_folder("digital_camera")
    (('face-swap', 'FaceSwap'), ('reenactment', 'NeuralTextures'), None)
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
        meant = _TYPE_OF.get(word) or read_attack_name(word)[0]
        if meant != UNKNOWN:
            return meant, name.strip()
    if set(bare) & _OF_SOME_TYPE:
        return UNKNOWN, species
    return None


def attack_of_file(stem: str) -> str:
    """Return the attack type that the words of a file's name say, "" where they leave it open.

    A device may be the camera as well as the screen, so that it says nothing, and a photo beside one is printed or on
    its screen.

    >>> attack_of_file("laptop_printed_photo"), attack_of_file("android_ipad_video"), attack_of_file("mobile_photo")
    ('print', 'replay', '')
    """
    words = [word.strip("0123456789") or word for word in _NOT_WORD.split(stem.lower()) if word]
    devices = [word for word in words if _TYPE_OF.get(word) == "replay" and word not in _SCREENS]
    for word in words:
        meant = _TYPE_OF.get(word) or read_attack_name(word)[0]
        if meant != UNKNOWN and word not in (*devices, *_PHOTOS, *_VIDEOS):
            return meant
    if set(words) & set(_VIDEOS):
        return "replay"
    return "print" if set(words) & set(_PHOTOS) and not devices else ""


def names_instrument(name: str) -> bool:
    """Tell whether a folder's or file's name alone says that it is of attacks: photos and videos are of faces too.

    >>> names_instrument("warped prints"), names_instrument("videos_01"), names_instrument("laptop")
    (True, False, False)
    """
    words = [word for word in _NOT_WORD.split(name.lower()) if word]
    bare = [word for word in words if (word.strip("0123456789") or word) not in (*_PHOTOS, *_VIDEOS)]
    return bool(attack_of_file(" ".join(bare)))


def names_attack(name: str) -> bool:
    """Tell whether a folder's name is a word of the field for an attack instrument."""
    return attack_of_folder(name) is not None
