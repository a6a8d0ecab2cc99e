"""Mutators that know archives: npz, files of torch.save, safetensors, HDF5."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Sequence
from random import Random
from typing import Any

from fuzz_bytes import BINARY, NUMBERS
from fuzz_trees import in_tree, odd_value

# -- Zip: npz, and the files of torch.save ----------------------------------------------------------------------------


def npz_member(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a member of a zip, the header of an array or its numbers, and pack it anew with right check sums."""
    members = _members(data)
    at = random.randrange(len(members))
    name, body = members[at]
    match random.randrange(6):
        case 0 | 1 | 2 if body.startswith(b"\x93NUMPY"):
            body = _npy(body, random)
        case 3:
            name = random.choice((name + "x", "data.npy", "../data.npy", "", "\0", "data"))
        case 4:
            members.insert(at, members[at])
        case _:
            body = random.choice(BINARY)(body, random, [body])
    members[at] = (name, body)
    return _packed(members, random)


def _npy(body: bytes, random: Random) -> bytes:
    """Return an array whose header claims another shape or type."""
    length = struct.unpack_from("<H", body, 8)[0]
    header, numbers = body[10 : 10 + length].decode("latin1"), body[10 + length :]
    shape = tuple(
        random.choice((0, 1, 3, 22, 64, 4096, 10**5, 10**6, 2**31, 2**62, -1))
        for _ in range(random.choice((0, 2, 3, 4)))
    )
    kinds = ("<f8", "<f4", "<f2", ">f8", "<i4", "|O", "<U9", "|V8", "<c16", "<M8[ns]", "|b1", "<f8,<f8", "f16")
    if random.random() < 0.5:
        if random.random() < 0.5:
            shape = (random.choice((1, 1, 2)), 22, *(random.choice((1, 2, 5, 100, 2000, 10**6)) for _ in range(2)))
        header = re.sub(r"\(.*\)", str(shape), header)
    elif random.random() < 0.7:
        header = re.sub(r"'[<>|=].*?'", repr(random.choice(kinds)), header)
    else:
        header = random.choice(
            ("{}", "[]", "{" * 300, "'a'", "__import__('os')", header.replace("False", "True"), header[:-9])
        )
    text = header.encode("latin1")[:65000]
    return body[:8] + struct.pack("<H", len(text)) + text + numbers


def _members(data: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _packed(members: Sequence[tuple[str, bytes]], random: Random) -> bytes:
    file = io.BytesIO()
    kind = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, body in members:
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), body, kind)
    return file.getvalue()


def torch_member(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a member of a file of `torch.save`: the pickle's bytes or the numbers of a tensor."""
    members = _members(data)
    at = random.randrange(len(members)) if random.random() < 0.3 else 0
    name, body = members[at]
    members[at] = (name, random.choice(BINARY)(body, random, [body]))
    return _packed(members, random)


def torch_content(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a value or key of what a file of `torch.save` holds, and save it again."""
    import torch

    content = torch.load(io.BytesIO(data), weights_only=True)
    node: Any = content
    while isinstance(node, dict | list) and node:
        key = random.choice(list(node)) if isinstance(node, dict) else random.randrange(len(node))
        if random.random() < 0.4 or not isinstance(node[key], dict | list):
            _odd_tensor(node, key, random)
            break
        node = node[key]
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def _odd_tensor(node: Any, key: Any, random: Random) -> None:
    import torch

    value = node[key]
    match random.randrange(7):
        case 0:
            node[key] = odd_value(random)
        case 1:
            del node[key]
        case 2 if isinstance(node, dict):
            node[random.choice((f"module.{key}", f"{key}x", 3, "", None, ("a",)))] = value
        case 3:
            node[key] = torch.zeros(*random.choice(((), (0,), (1,), (3, 0, 2), (2, 2, 2, 2, 2))))
        case 4 if isinstance(value, torch.Tensor):
            odd = random.choice((value.bool(), value.half(), value[None], value.reshape(-1), value.to(torch.complex64)))
            node[key] = random.choice(
                (odd, value.expand(5, *value.shape), torch.full_like(value, float("nan")).float())
            )
        case 5:
            node[key] = value.to_sparse() if isinstance(value, torch.Tensor) and value.ndim else {key: value}
        case _:
            node[key] = [value, {"a": value}]


def safetensors_header(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change the header of a safetensors file: its length, its entries, or the facts inside its description."""
    (length,) = struct.unpack_from("<Q", data)
    header, numbers = json.loads(data[8 : 8 + length]), data[8 + length :]
    facts = header.get("__metadata__", {}).get("fastrain")
    if facts is not None and random.random() < 0.7:
        header["__metadata__"]["fastrain"] = json.dumps(in_tree(json.loads(facts), random))
    elif random.random() < 0.2:
        return struct.pack("<Q", random.choice(NUMBERS)) + data[8:]
    else:
        header = in_tree(header, random)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


# -- HDF5 -------------------------------------------------------------------------------------------------------------


def hdf5_member(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a member of an HDF5 file through the library: its type, shape, chunks, filter, or a link in its place."""
    import h5py
    import numpy as np

    file = io.BytesIO(data)
    with h5py.File(file, "r+") as opened:
        names: list[str] = []
        opened.visit(names.append)
        name = random.choice(names)
        values = opened[name][()] if isinstance(opened[name], h5py.Dataset) else np.zeros((3, 4, 4), np.uint8)
        del opened[name]
        shape = tuple(
            random.choice((0, 1, 2, 3, 4, 24, 10**3, 10**6, 2**40)) for _ in range(random.choice((0, 1, 3, 4)))
        )
        match random.randrange(8):
            case 0:
                opened.create_dataset(
                    name,
                    shape,
                    random.choice((np.uint8, np.uint16, "f8")),
                    chunks=True if shape and min(shape) else None,
                )
            case 1:
                opened.create_dataset(name, data=values.astype(random.choice(("f8", "i4", "u2", "S3", "c16", "?"))))
            case 2:
                opened[name] = h5py.SoftLink(random.choice(("/" + name, "/", "/nothing")))
            case 3:
                opened[name] = h5py.ExternalLink("other.h5", "/")
            case 4:
                opened.create_dataset(
                    name, data=values, chunks=True, compression=random.choice(("gzip", "lzf")), shuffle=True
                )
            case 5:
                opened.create_group(name)
            case 6:
                opened.create_dataset(name, data=np.array([b"a", "ä"], dtype=h5py.string_dtype()))
            case _:
                opened.create_dataset(name, data=values.reshape(-1)[: random.choice((0, 1, 5))])
    return file.getvalue()


# -- ONNX -------------------------------------------------------------------------------------------------------------


def onnx_graph(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a network: an operation, what it takes, a number or a size of a constant, a shape of input or output."""
    import onnx

    model = onnx.load_from_string(data)
    graph = model.graph
    node, constant = random.choice(graph.node), random.choice(graph.initializer)
    size = random.choice((0, 1, 3, 64, 10**5, 2**31, 2**62, -1))
    match random.randrange(8):
        case 0:
            node.op_type = random.choice(
                ("Relu", "Conv", "Concat", "Reshape", "Loop", "If", "Nothing", "Softmax", "Tile")
            )
        case 1:
            node.input[random.randrange(len(node.input))] = random.choice(
                (*(other.name for other in graph.initializer), "")
            )
        case 2:
            node.output[0] = random.choice((node.input[0], random.choice(graph.node).output[0], ""))
        case 3:
            constant.dims[:] = [size] * random.choice((0, 1, 2, 4))
        case 4:
            constant.data_type = random.choice((0, 1, 2, 7, 8, 10, 11, 99))
        case 5:
            constant.raw_data = random.choice(BINARY)(constant.raw_data, random, [constant.raw_data])
        case 6:
            del graph.node[random.randrange(len(graph.node))]
        case _:
            value = random.choice((*graph.input, *graph.output))
            for dim in value.type.tensor_type.shape.dim:
                dim.dim_value = size
    return model.SerializeToString()
