"""The page check agrees with LMDB on every healthy file, and finds what LMDB would follow blindly."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import lmdb
import pytest

from fasdata.store.lmdb_format import DamagedPages, read_metas
from fasdata.store.lmdb_pages import require_intact

PAGE = 4096


@pytest.mark.parametrize("seed", range(4))
def test_whatever_lmdb_writes_is_intact(tmp_path: Path, seed: int) -> None:
    chance, path, live = Random(seed), tmp_path / "x.lmdb", dict[bytes, bytes]()
    longest = (60, 500, 5000, 40_000)[seed]
    with lmdb.open(str(path), subdir=False, map_size=1 << 27, sync=False) as env:
        for _ in range(12):
            with env.begin(write=True) as transaction:
                for _ in range(60):
                    key = (
                        chance.choice(list(live)) if live and chance.random() < 0.4 else b"%d" % chance.getrandbits(20)
                    )
                    if key in live and chance.random() < 0.5:
                        transaction.delete(key)
                        del live[key]
                    else:  # sometimes twice in a transaction, which leaves longer runs of pages than a value needs
                        live[key] = chance.randbytes(chance.randrange(longest))
                        transaction.put(key, live[key])
            seen = require_intact(path, deep=True)
            assert seen.keys == sorted(live) and seen.headers == seen.values
            assert require_intact(path).values == seen.values


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A file of two levels, with long values and free pages."""
    path = tmp_path / "x.lmdb"
    with lmdb.open(str(path), subdir=False, map_size=1 << 24, sync=False) as env:
        for _ in range(3):
            with env.begin(write=True) as transaction:
                for number in range(150):
                    transaction.put(b"key %06d" % number, b"v" * (9000 if number % 10 == 0 else 60))
    require_intact(path, deep=True)
    return path


def pages(path: Path, flag: int) -> list[int]:
    """Return the numbers of the pages with a flag that the file has, in use or not."""
    data = path.read_bytes()
    heads = [struct.unpack_from("<QHH", data, at) for at in range(0, len(data), PAGE)]
    return [at for at, (number, _, flags) in enumerate(heads) if number == at and flags == flag]


def patched(path: Path, at: int, form: str, *values: int) -> None:
    with path.open("rb+") as file:
        file.seek(at)
        file.write(struct.pack(form, *values))


def root(path: Path) -> int:
    return max(read_metas(path), key=lambda meta: meta.txn).main.root


def leaves_in_use(path: Path) -> list[int]:
    data = path.read_bytes()[root(path) * PAGE :][:PAGE]
    (lower,) = struct.unpack_from("<H", data, 12)
    places = struct.unpack_from(f"<{(lower - 16) // 2}H", data, 16)
    return [struct.unpack_from("<I", data, place)[0] for place in places]


def big_nodes(path: Path) -> list[int]:
    """Return where in the file the numbers of overflow pages stand."""
    collected, data = [], path.read_bytes()
    for leaf in leaves_in_use(path):
        (lower,) = struct.unpack_from("<H", data, leaf * PAGE + 12)
        for place in struct.unpack_from(f"<{(lower - 16) // 2}H", data, leaf * PAGE + 16):
            _, flags, length = struct.unpack_from("<IHH", data, leaf * PAGE + place)
            collected += [leaf * PAGE + place + 8 + length] if flags == 1 else []
    return collected


def test_two_values_on_the_same_pages_are_found(filled: Path) -> None:
    first, other = big_nodes(filled)[:2]
    patched(filled, other, "<Q", *struct.unpack_from("<Q", filled.read_bytes(), first))
    with pytest.raises(DamagedPages, match="used twice"):
        require_intact(filled)


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**63, 2**64 - 1])
def test_a_value_outside_of_the_file_is_found(filled: Path, number: int) -> None:
    patched(filled, big_nodes(filled)[0], "<Q", number)
    with pytest.raises(DamagedPages, match="outside"):
        require_intact(filled)


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [(0, "<Q", 7), (10, "<H", 0), (10, "<H", 2), (10, "<H", 0x14), (12, "<I", 0), (12, "<I", 2), (12, "<I", 2**32 - 1)],
)
def test_the_header_of_a_long_value_is_seen_by_the_deep_check_alone(
    filled: Path, at: int, form: str, value: int
) -> None:
    (first,) = struct.unpack_from("<Q", filled.read_bytes(), big_nodes(filled)[3])
    patched(filled, first * PAGE + at, form, value)
    require_intact(filled)
    with pytest.raises(DamagedPages, match=f"page {first} is not the first of a value of 3 pages"):
        require_intact(filled, deep=True)


def test_a_count_that_reaches_into_other_pages_is_found(filled: Path) -> None:
    first = min(struct.unpack_from("<Q", filled.read_bytes(), at)[0] for at in big_nodes(filled))
    patched(filled, first * PAGE + 12, "<I", 20)
    with pytest.raises(DamagedPages, match="used twice"):
        require_intact(filled, deep=True)


def test_free_pages_that_are_in_use_are_found(filled: Path) -> None:
    """A writer would give them to the next clip, over the crops of another."""
    free = max(read_metas(filled), key=lambda meta: meta.txn).free.root
    data = filled.read_bytes()[free * PAGE :][:PAGE]
    (upper,) = struct.unpack_from("<H", data, 14)
    (used,) = struct.unpack_from("<Q", filled.read_bytes(), big_nodes(filled)[0])
    size, _, length = struct.unpack_from("<IHH", data, upper)
    assert size >= 16
    patched(filled, free * PAGE + upper + 8 + length, "<QQ", 1, used)
    with pytest.raises(DamagedPages, match="in use and listed as free"):
        require_intact(filled)


def test_a_list_of_free_pages_that_ends_early_is_seen_by_the_deep_check(filled: Path) -> None:
    """LMDB refuses to write then, and says that the file is damaged."""
    free = max(read_metas(filled), key=lambda meta: meta.txn).free.root
    (upper,) = struct.unpack_from("<H", filled.read_bytes(), free * PAGE + 14)
    _, _, length = struct.unpack_from("<IHH", filled.read_bytes(), free * PAGE + upper)
    patched(filled, free * PAGE + upper + 8 + length, "<Q", 0)
    require_intact(filled)
    with pytest.raises(DamagedPages, match="free pages does not end"):
        require_intact(filled, deep=True)


@pytest.mark.parametrize("transaction", [0, 1000, 2**63])
def test_free_pages_of_a_transaction_that_there_was_not_are_found(filled: Path, transaction: int) -> None:
    free = max(read_metas(filled), key=lambda meta: meta.txn).free.root
    (lower,) = struct.unpack_from("<H", filled.read_bytes(), free * PAGE + 12)
    places = struct.unpack_from(f"<{(lower - 16) // 2}H", filled.read_bytes(), free * PAGE + 16)
    patched(filled, free * PAGE + (places[-1] if transaction else places[0]) + 8, "<Q", transaction)
    with pytest.raises(DamagedPages, match="of a transaction that there was not"):
        require_intact(filled)


def test_a_branch_with_a_single_child_is_found(filled: Path) -> None:
    """LMDB ends the process on one."""
    page = root(filled)
    data = bytearray(filled.read_bytes()[page * PAGE :][:PAGE])
    (first,) = struct.unpack_from("<H", data, 16)
    patched(filled, page * PAGE + 12, "<HHH", 18, PAGE - 8, PAGE - 8)
    patched(filled, page * PAGE + PAGE - 8, "<8s", data[first : first + 8])  # type: ignore[arg-type]
    with pytest.raises(DamagedPages, match="a single page below it"):
        require_intact(filled)


def test_keys_out_of_order_are_found(filled: Path) -> None:
    leaf = leaves_in_use(filled)[1]
    first, second = struct.unpack_from("<HH", filled.read_bytes(), leaf * PAGE + 16)
    patched(filled, leaf * PAGE + 16, "<HH", second, first)
    require_intact(filled)
    with pytest.raises(DamagedPages, match="out of order"):
        require_intact(filled, deep=True)


def test_a_meta_page_that_claims_a_file_of_many_terabytes_is_refused_before_it_is_mapped(filled: Path) -> None:
    for page in range(2):
        patched(filled, page * PAGE + 16 + 24 + 96, "<Q", 2**50)
    with pytest.raises(DamagedPages, match="cut off"):
        read_metas(filled)


def test_a_page_that_is_pointed_at_twice_is_found(filled: Path) -> None:
    data, page = filled.read_bytes(), root(filled)
    first, second = (page * PAGE + place for place in struct.unpack_from("<HH", data, page * PAGE + 16))
    patched(filled, second, "<I", *struct.unpack_from("<I", data, first))
    with pytest.raises(DamagedPages, match="is reached twice"):
        require_intact(filled)


@pytest.mark.parametrize("depth", [0, 1, 3, 33, 65535])
def test_a_tree_of_another_depth_than_it_claims_is_found(filled: Path, depth: int) -> None:
    """LMDB goes down as far as pages lead."""
    for page in range(2):
        patched(filled, page * PAGE + 16 + 24 + 48 + 6, "<H", depth)
    with pytest.raises(DamagedPages, match="levels" if not 0 < depth <= 32 else "too deep in the tree, or not deep"):
        require_intact(filled)


def test_a_branch_that_leads_out_of_the_file_is_found(filled: Path) -> None:
    place = root(filled) * PAGE + struct.unpack_from("<H", filled.read_bytes(), root(filled) * PAGE + 18)[0]
    patched(filled, place + 4, "<H", 9)
    with pytest.raises(DamagedPages, match="is missing: the file is cut off"):
        require_intact(filled)


def test_pages_are_checked_alike_whether_they_are_looked_at_together_or_one_by_one(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = require_intact(filled, deep=True)
    monkeypatch.setattr("fasdata.store.lmdb_pages._BATCH", 1)
    assert require_intact(filled, deep=True) == together
    leaf = leaves_in_use(filled)[-1]
    first, last = struct.unpack_from("<HH", filled.read_bytes(), leaf * PAGE + 16)
    patched(filled, leaf * PAGE + 16, "<HH", last, first)
    with pytest.raises(DamagedPages, match=f"page {leaf} has keys that are out of order"):
        require_intact(filled, deep=True)
