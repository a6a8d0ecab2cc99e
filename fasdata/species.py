"""PAI species: what the words people write for an attack mean; an unknown word is a species of its own, never an error.

ISO/IEC 30107-3 counts errors by presentation attack instrument species. Releases and laboratories name instruments as
they like: `video_replay/2`, `PA.F.1`, `latex`. A word of the field gives the coarse attack type; any other is kept as
it is and told apart from the rest.

Attacks come in two families. A physical one is shown to the camera, and is what that standard is about. A digital one
changes the picture itself, or makes it (a swapped face, a reenacted one, a generated one, an adversarial perturbation),
and reaches the system behind the camera: no presentation, so outside the standard. Its rates are computed alike and
named apart. A manipulated video that is shown on a screen is a replay.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

from fasdata.records import ATTACK_TYPES, MANIPULATIONS, PRESENTATIONS

UNKNOWN = "unknown"
PHYSICAL, DIGITAL = "physical", "digital"
FAMILIES = (PHYSICAL, DIGITAL)  # of attacks; one of unknown type is of neither
MEANS = {
    "print": "print printed prints print-attack photo photos printed-photo printed-photos paper paper-print",
    "replay": "replay replays replay-attack replayed video videos video-replay video-attack screen display",
    "mask-paper": "mask-paper paper-mask papermask cut-paper-mask paper-cut",
    "mask-3d": "mask-3d 3d-mask 3dmask mask3d rigid-mask silicone-mask latex-mask resin-mask transparent-mask "
    "half-mask",
    "mannequin": "mannequin mannequins mannequin-head mannequinhead",
    "partial": "partial partial-attack",
    "makeup": "makeup make-up cosmetics",
    "face-swap": "face-swap faceswap face-swaps swapped-face identity-swap",
    "reenactment": "reenactment face-reenactment reenacted expression-swap talking-head",
    "synthetic-face": "synthetic-face synthetic-faces generated-face generated-faces entire-face-synthesis",
    "adversarial": "adversarial adversarial-attack adversarial-attacks adv-attack adv-attacks adversarial-example",
    "digital-attack": "digital-attack digital-attacks deepfake deepfakes deep-fake forgery face-forgery",
    UNKNOWN: "unknown attack attacks spoof spoofs fake fakes imposter impostor",
}
_WORDS = {word: attack_type for attack_type, words in MEANS.items() for word in words.split()}


def read_attack_name(name: str) -> tuple[str, str]:
    """Return the attack type and the species (`pai`) that the name of an attack means.

    A word of the field is its attack type, in any case and with `_` or blanks for `-`; where it says more than the
    type does, it is the species too. Any other name is a species of unknown type.

    >>> read_attack_name("print"), read_attack_name("Video_Replay"), read_attack_name("PA.F.1"), read_attack_name("")
    (('print', ''), ('replay', 'Video_Replay'), ('unknown', 'PA.F.1'), ('unknown', ''))
    """
    text = name.strip()
    word = re.sub(r"[\s_]+", "-", text.lower())
    attack_type = _WORDS.get(word, UNKNOWN)
    says_no_more = word in ("", attack_type) or (word in _WORDS and attack_type == UNKNOWN)
    return attack_type, "" if says_no_more else text


def species_of(attack_type: str, pai: str, by: str = "attack_type") -> str:
    """Return the species of an attack, by its type or (`by="pai"`) by its instrument; each stands in for the other.

    An attack of unknown type is of the species that its instrument names, so that two instruments outside the field's
    words are not thrown together.

    >>> species_of("print", "print-1"), species_of("print", "print-1", "pai"), species_of("unknown", "latex")
    ('print', 'print-1', 'latex')
    """
    known = attack_type if attack_type not in ("", UNKNOWN) else ""
    return ((pai or known) if by == "pai" else (known or pai)) or UNKNOWN


def family_of(attack_type: str) -> str:
    """Return the family of an attack type, `physical` or `digital`; "" of bona fide, of an unknown or a foreign one.

    >>> family_of("replay"), family_of("face-swap"), family_of("unknown")
    ('physical', 'digital', '')
    """
    return PHYSICAL if attack_type in PRESENTATIONS else DIGITAL if attack_type in MANIPULATIONS else ""


def is_attack_type(name: str) -> bool:
    """Whether the name is one of the coarse attack types of `fasdata.records`, bona fide excepted."""
    return name in ATTACK_TYPES[1:]


def species_slug(species: str) -> str:
    """Return the species as names of protocols and folders write it: a-z, 0-9 and single hyphens.

    Two species may share a slug; whoever names things by slugs checks that. A name without a usable letter gives a
    slug made of its hash.

    >>> species_slug("print/1"), species_slug("PA.F.1"), species_slug("Größe XL"), species_slug("面具")
    ('print-1', 'pa-f-1', 'grosse-xl', 's-cce4a7')
    """
    plain = unicodedata.normalize("NFKD", species.casefold()).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return slug or f"s-{sha256(species.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
