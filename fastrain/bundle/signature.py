"""The signature of a bundle, Ed25519: the holder of a key file vouches for every bit of it. Keys are PEM files.

What is signed is the sha256 of all that stands before the signature in the archive, after words that no other use of
the key signs. A signature tells who wrote a bundle; that it is whole, its hash tells everybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.foreign import read_bytes
from fastrain.bundle.archive import signature_of

LARGEST_KEY = 1 << 14  # bytes
_WORDS = b"fasb signature 1\n"
_MAKE = "make one: openssl genpkey -algorithm ed25519 -out key.pem, then openssl pkey -in key.pem -pubout -out pub.pem"


def signer(key: Path) -> Callable[[bytes], bytes]:
    """Return what signs the bytes of an archive with a private key.

    Raises:
        UserError: the file holds no private Ed25519 key, or a password protects it; `cryptography` is missing.
    """
    private = _key(key, private=True)
    return lambda data: bytes(private.sign(_message(data)))


def require_signed(data: bytes, where: str, key: Path) -> None:
    """Stop where an archive is not signed with the private key that belongs to the public key in a file.

    Raises:
        UserError: it is not signed, or with another key, or changed afterwards; the file holds no public Ed25519 key.
    """
    public = _key(key, private=False)
    signature = signature_of(data)
    if signature is None:
        raise UserError(f"{where} is not signed", expected=f"a signature by the owner of {key}")
    from cryptography.exceptions import InvalidSignature

    signed, digits = signature
    try:
        public.verify(digits, _message(signed))
    except InvalidSignature:
        raise UserError(
            f"the signature of {where} is not by the owner of {key}, or the bundle was changed after it was signed",
            do="get it from whom you trust",
        ) from None


def _message(data: bytes | memoryview) -> bytes:
    return _WORDS + hashlib.sha256(data).digest()


def _key(path: Path, *, private: bool) -> Any:
    """Return the key in a file; nothing is run in reading it."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ed25519
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
    except ImportError:
        raise UserError("signatures need the package cryptography", do="pip install 'fasdata[sign]'") from None
    expected = f"a {'private' if private else 'public'} Ed25519 key in PEM"
    text = read_bytes(path, largest=LARGEST_KEY)
    try:
        key: Any = load_pem_private_key(text, None) if private else load_pem_public_key(text)
    except TypeError:  # as the library says that a password is needed
        raise UserError(
            f"{path} is protected by a password", expected=expected, do=f"openssl pkey -in {path} -out plain.pem"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        other = "PRIVATE KEY-----" if not private else "PUBLIC KEY-----"
        swapped = "the private key, which stays at home" if not private else "the public key"
        instead = swapped if other.encode() in text else "something else"
        raise UserError(f"{path} holds no such key", expected=expected, found=instead, do=_MAKE) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey if private else ed25519.Ed25519PublicKey):
        raise UserError(f"{path} holds a key of another kind", expected=expected, found=type(key).__name__, do=_MAKE)
    return key
