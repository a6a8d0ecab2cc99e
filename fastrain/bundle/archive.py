"""The archive of a bundle: a zip whose members are stored as they are, under one hash that stands in its comment.

A signature may stand there too, between what it signs and the hash.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from fasdata.errors import UserError
from fasdata.foreign import read_bytes

LARGEST = 2 << 30  # bytes of a bundle
MOST = 64  # members
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}")
_MARK = b"fasb sha256 "
_DIGITS = 64
_SIGNED = b"fasb ed25519 "
_SIGNATURE = 128  # digits
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a bundle's bytes tell nothing of when they were written
_BROKEN = (zipfile.BadZipFile, struct.error, NotImplementedError, RuntimeError, ValueError, OSError, EOFError)
_DO = "get the bundle again, or export it again"


def packed(members: Mapping[str, bytes], sign: Callable[[bytes], bytes] | None = None) -> bytes:
    """Return the archive of these members, in their order; `sign` gives the signature of all that is before it.

    >>> members_of(packed({"bundle.json": b"{}", "network.onnx": b"1"}), "x.fasb")
    {'bundle.json': b'{}', 'network.onnx': b'1'}
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"no name of a member: {name!r}")
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
        place = _SIGNED + b"0" * _SIGNATURE + b" " if sign else b""
        archive.comment = place + _MARK + b"0" * _DIGITS
    data = buffer.getvalue()
    if sign:
        start, end = _place_of_signature(data)
        data = data[:start] + sign(data[:start]).hex().encode() + data[end:]
    return sealed(data)


def sealed(data: bytes) -> bytes:
    """Return an archive with the hash of all before it at its end."""
    body = data[:-_DIGITS]
    return body + hashlib.sha256(body).hexdigest().encode()


def signature_of(data: bytes) -> tuple[memoryview, bytes] | None:
    """Return what of an archive is signed, which is all before the signature, and the signature; None without one.

    Nothing stands after it but the hash of the whole, so that nothing can be changed and the signature still hold.
    """
    start, end = _place_of_signature(data)
    digits = data[start:end]
    if data[max(0, start - len(_SIGNED)) : max(0, start)] != _SIGNED or not re.fullmatch(rb"[0-9a-f]{128}", digits):
        return None
    return memoryview(data)[:start], bytes.fromhex(digits.decode())


def _place_of_signature(data: bytes) -> tuple[int, int]:
    end = len(data) - _DIGITS - len(_MARK) - 1
    return end - _SIGNATURE, end


def is_bundle(path: Path) -> bool:
    """Tell whether a file ends as a bundle does; what it holds is another matter."""
    if not path.is_file():
        return False
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _DIGITS - len(_MARK)))
        return file.read(len(_MARK)) == _MARK


def read_archive(path: Path, check: Callable[[bytes], None] | None = None) -> tuple[dict[str, bytes], str]:
    """Return the members of a bundle by name, and its hash; `check` may refuse its bytes before anything else is read.

    Raises:
        UserError: there is no such file, it is no bundle, or one bit of it is another than was written.
    """
    data = read_bytes(path, largest=LARGEST)
    _require_hash(data, str(path))
    if check is not None:
        check(data)
    return _members(data, str(path)), data[-_DIGITS:].decode()


def members_of(data: bytes, where: str) -> dict[str, bytes]:
    """Return the members of an archive by name; nothing is unpacked to any file.

    Its hash is checked before anything in it is looked at. Members are held as they lie there, so that all of them
    together are no larger than the archive.

    Raises:
        UserError: it is no bundle, damaged, or holds what no bundle holds.
    """
    _require_hash(data, where)
    return _members(data, where)


def _require_hash(data: bytes, where: str) -> None:
    if data[-_DIGITS - len(_MARK) : -_DIGITS] != _MARK:
        instead = "a zip archive without the hash of one" if data[:2] == b"PK" else "something else, or a part of one"
        raise UserError(f"{where} is no bundle", expected="a .fasb file that 'fastrain export' wrote", found=instead)
    if hashlib.sha256(memoryview(data)[:-_DIGITS]).hexdigest().encode() != data[-_DIGITS:]:
        raise UserError(f"{where} is damaged or was changed: it is not what its hash is of", do=_DO)


def _members(data: bytes, where: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _require_plain(entries, len(data), where)
            return {entry.filename: archive.read(entry) for entry in entries}
    except _BROKEN as error:
        raise UserError(f"{where} is a damaged archive", found=" ".join(str(error).split())[:160], do=_DO) from None


def _require_plain(entries: list[zipfile.ZipInfo], size: int, where: str) -> None:
    """Stop where an entry has a name that is a path, is packed, or claims more bytes than there are."""
    names = [entry.filename for entry in entries]
    odd = next((entry for entry in entries if not _is_plain(entry, size)), None)
    if odd is not None or len(entries) > MOST or len(set(names)) < len(names) or sum(map(_claim, entries)) > size:
        instead = (
            f"{odd.filename!r}" if odd is not None else f"{len(entries)} members of {sum(map(_claim, entries))} bytes"
        )
        raise UserError(
            f"{where} holds what no bundle holds", expected="plain files, stored as they are", found=instead, do=_DO
        )


def _is_plain(entry: zipfile.ZipInfo, size: int) -> bool:
    stored = entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size <= size
    return bool(_NAME.fullmatch(entry.filename)) and stored and not entry.flag_bits & 0x1


def _claim(entry: zipfile.ZipInfo) -> int:
    return entry.file_size
