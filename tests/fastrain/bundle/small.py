"""A bundle made in a moment: a network that scores how bright a face is, and MTCNN to find it; no run was trained."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from onnx import TensorProto, helper

from fasdata.extract.settings import ExtractSettings
from fasdata.faces.cascade_networks import as_onnx
from fasdata.faces.view import View
from fasdata.media.readers import MediaForm
from fasdata.protocols.sampling import FrameRule
from fasdata.store.codec import encode
from fastrain.bundle import scenes
from fastrain.bundle.archive import packed
from fastrain.bundle.finding import ACCEPTED, FRAMES, PictureFinder
from fastrain.bundle.form import BundleFacts, FileFacts, FindingFacts, GraphFacts, RateFacts, Threshold
from fastrain.bundle.loading import predictor_of_bundle
from fastrain.bundle.opened import Bundle
from fastrain.bundle.self_test import answer_of
from fastrain.bundle.writing import write_bundle

SIDE = 24
VIEW = f"box(size={SIDE})"


def brightness_network() -> bytes:
    """Return a network whose output is the mean of a picture in [0, 1]."""
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Flatten", ["mean"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def network_of_three() -> bytes:
    """Return a method's network that adds what each modality is bright: colour 0.5, depth and infrared 0.25 each."""
    nodes, weights = [], []
    for name, weight in SHARES.items():
        nodes.append(helper.make_node("ReduceMean", [name], [f"{name}-mean"], axes=[1, 2, 3], keepdims=0))
        nodes.append(helper.make_node("Mul", [f"{name}-mean", f"{name}-share"], [f"{name}-part"]))
        weights.append(helper.make_tensor(f"{name}-share", TensorProto.FLOAT, [1], [weight]))
    nodes.append(helper.make_node("Sum", [f"{name}-part" for name in SHARES], ["score"]))
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3 if name == "rgb" else 1, SIDE, SIDE])
        for name in SHARES
    ]
    inputs.append(helper.make_tensor_value_info("available", TensorProto.BOOL, ["n", 3]))
    output = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(nodes, "g", inputs, [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


SHARES = {"rgb": 0.5, "depth": 0.25, "ir": 0.25}


def small_bundle(out: Path, threshold: float = 0.5, *, three: bool = False, **more: Any) -> Path:
    """Write the bundle, with one picture of a self-test; `more` are further facts. With `three` it sees depth too."""
    settings = ExtractSettings(rules=(FrameRule.parse(FRAMES),)).settled(MediaForm())
    store = {name: value for name, value in settings.recorded().items() if name != "frames"}
    files = {name: bytes(data) for name, data in as_onnx().items()}
    members = {"network.onnx": network_of_three() if three else brightness_network(), **files}
    seen = (
        {"kind": "method", "modalities": list(SHARES)}
        if three
        else {"kind": "declared", "input": "rgb, 0..1", "score": "value"}
    )
    rate = RateFacts(part="test", data="somewhere", metric="bpcer", value=0.1, low=0.02, high=0.2, people=30, clips=90)
    facts = BundleFacts(
        format=1, name="brightness", tool_version="0", finding=FindingFacts(
            store=store, frames=FRAMES, accepted=list(ACCEPTED), files=sorted(files)),
        networks=[GraphFacts(
            file="network.onnx", name="brightness", opset=13, view=VIEW,
            view_geometry=View.named(VIEW).geometry_version, **seen)],  # type: ignore[arg-type]
        threshold=Threshold(value=threshold, policy="source_eer", data="held-out people"), rates=[rate], files={},
        **more,
    )  # fmt: skip
    out.write_bytes(packed({"bundle.json": described(facts, members).model_dump_json().encode(), **members}))
    bundle = Bundle.read(out)
    predictor = predictor_of_bundle(bundle, accelerator="cpu").choosing()
    images = scenes.with_modalities(next(iter(scenes.pictures(1))), predictor.modalities)
    names = {name: f"test0-{name}.png" for name in images}
    expected = answer_of(bundle, predictor, PictureFinder(predictor.finding), images, names)
    assert expected is not None
    members.update({names[name]: encode(image, "png") for name, image in images.items()})
    facts = described(facts.model_copy(update={"self_test": [expected]}), members)
    write_bundle(facts, members, out)
    return out


def key_files(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a key as openssl does; return the files of its private and of its public half."""
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}-pub.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def described(facts: BundleFacts, members: dict[str, bytes]) -> BundleFacts:
    """Return the facts with the hashes of the members."""
    files = {name: FileFacts(sha256=hashlib.sha256(data).hexdigest(), size=len(data)) for name, data in members.items()}
    return facts.model_copy(update={"files": files})


def face(brightness: float = 1.0) -> np.ndarray:
    """Return a picture of a rendered face, made darker."""
    return np.clip(next(iter(scenes.pictures(1))) * brightness, 0, 255).astype(np.uint8)
