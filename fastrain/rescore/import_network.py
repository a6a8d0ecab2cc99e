"""`fastrain import onnx|minifasnet`: networks from outside become a contestant that can be scored on any data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from fasdata import __version__
from fasdata.errors import UserError
from fasdata.faces.view import View
from fastrain.outside.declared import InputForm, ScoreForm
from fastrain.outside.networks import MINIFASNET, ONNX, OutsideNetwork
from fastrain.outside.onnx_file import OnnxFile, first_look
from fastrain.rescore.contestants import NO_POLICY, require_name, require_new
from fastrain.rundir import RunDir
from fastrain.rundir.folder import NETWORKS

UNKNOWN_TRAINING = "training: what its makers trained and chose the network on is not known here"
MINI_INPUT, MINI_SCORE = "bgr, 0..255", "softmax[1]"
_Form = TypeVar("_Form", InputForm, ScoreForm)
_FACTORS = {"MiniFASNetV2": 2.7, "MiniFASNetV1SE": 4.0}
_NAMED_FACTOR = re.compile(r"(?:^|_)(\d+(?:\.\d+)?)(?:_0_0)?_80x80_")


@dataclass(frozen=True)
class NetworkRequest:
    """What `fastrain import onnx` was asked for: one view, input and score a file."""

    files: tuple[Path, ...]
    out: Path
    name: str = ""
    views: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    selection: str = ""


def import_onnx(request: NetworkRequest) -> str:
    """Write the run folder of ONNX networks whose scores are averaged; return what it holds as text.

    Raises:
        UserError: a file that is no whole ONNX network or does not fit what is declared of it; a declaration is
            missing (the error proposes all of them); `out` is in use.
    """
    run = RunDir(request.out)
    name = request.name or request.files[0].stem.replace(" ", "-")
    require_name(name)
    require_new(run)
    files = [OnnxFile.read(path) for path in request.files]
    _require_declared(request, files)
    facts: list[dict[str, Any]] = []
    data: list[bytes] = []
    for path, file, view, form, score in zip(
        request.files, files, request.views, request.inputs, request.scores, strict=True
    ):
        declared = View.named(view), *_with_names(file, InputForm.parse(form), ScoreForm.parse(score))
        network = OutsideNetwork.of_onnx(file, *declared)
        facts.append(_facts(ONNX, path, file.data, declared, network.provider, len(facts)))
        data.append(file.data)
    return _written(run, name, facts, data, request.selection)


def import_minifasnet(files: Sequence[Path], out: Path, name: str = "") -> str:
    """Write the run folder of MiniFASNet weight files of Silent-Face-Anti-Spoofing; return what it holds as text.

    The factor of the crop is that of the file's name (`2.7_80x80_…`), else of the variant.

    Raises:
        UserError: a file of other weights, one whose crop nobody knows, `out` is in use.
    """
    from safetensors.torch import save

    from fastrain.networks.foreign import read_foreign, tensors
    from fastrain.networks.minifasnet import SIDE, MiniFASNet

    run = RunDir(out)
    name = name or "minifasnet"
    require_name(name)
    require_new(run)
    facts: list[dict[str, Any]] = []
    data: list[bytes] = []
    for path in files:
        try:
            network = MiniFASNet.of(tensors(read_foreign(path), "weights"))
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        named = _NAMED_FACTOR.search(path.name)
        factor = float(named[1]) if named else _FACTORS.get(network.variant)
        if factor is None:
            raise UserError(
                f"{path}: how large a crop this {network.variant} sees is not known",
                expected="a name such as 2.7_80x80_MiniFASNetV2.pth",
            )
        packed = save({key: value.contiguous() for key, value in network.state_dict().items()})
        view = View.named(f"context(factor={factor:g},size={SIDE})")
        declared = (view, InputForm.parse(MINI_INPUT), ScoreForm.parse(MINI_SCORE))
        facts.append(_facts(MINIFASNET, path, packed, declared, "torch", len(facts)))
        data.append(packed)
    return _written(run, name, facts, data, "")


def _require_declared(request: NetworkRequest, files: Sequence[OnnxFile]) -> None:
    """Stop where a file has no view, input or score declared; propose them from a first look."""
    given = (len(request.views), len(request.inputs), len(request.scores))
    if given == (len(files),) * 3:
        return
    seen, proposed = [], []
    for path, file in zip(request.files, files, strict=True):
        ports = f"{', '.join(map(str, file.inputs))} -> {', '.join(map(str, file.outputs))}"
        seen.append(f"{path.name}: {ports}")
        proposed += [f"--{key} '{value}'" for key, value in first_look(file).items()]
    raise UserError(
        "a network from outside is scored as it is declared",
        expected=f"{len(files)} each of --view, --input and --score",
        found="; ".join(seen),
        do=f"a first look proposes {' '.join(proposed)}: check colour order, range, and which number is bona fide"
        if proposed
        else "no input takes a picture",
    )


def _with_names(file: OnnxFile, form: InputForm, score: ScoreForm) -> tuple[InputForm, ScoreForm]:
    """Return the declarations with the names of input and output in them, as far as their texts can hold those.

    Raises:
        UserError: the file has several outputs, and none is named.
    """
    if not score.output and len(file.outputs) > 1:
        raise UserError(
            f"{file.where} has {len(file.outputs)} outputs, and --score {str(score)!r} names none",
            expected=f"one of {', '.join(f'{port.name}:{score}' for port in file.outputs)}",
        )
    named = replace(form, name=file.picture(form.name).name)
    output = replace(score, output=score.output or file.outputs[0].name) if file.outputs else score
    return _if_read_again(named, form), _if_read_again(output, score)


def _if_read_again(form: _Form, otherwise: _Form) -> _Form:
    """Return a declaration, or the other one where its text would be read as something else."""
    try:
        return form if type(form).parse(str(form)) == form else otherwise
    except UserError:
        return otherwise


def _facts(
    kind: str, path: Path, data: bytes, declared: tuple[View, InputForm, ScoreForm], provider: str, number: int
) -> dict[str, Any]:
    view, form, score = declared
    ending = "onnx" if kind == ONNX else "safetensors"
    return {
        "kind": kind, "file": f"{number}.{ending}", "sha256": sha256(data).hexdigest(), "origin": path.name,
        "view": str(view), "input": str(form), "score": str(score), "provider": provider,
    }  # fmt: skip


def _written(run: RunDir, name: str, facts: list[dict[str, Any]], data: list[bytes], selection: str) -> str:
    from fasdata.store.atomic import replacing

    (run.path / NETWORKS).mkdir(parents=True, exist_ok=True)
    for network, content in zip(facts, data, strict=True):
        with replacing(run.path / NETWORKS / network["file"]) as temporary:
            temporary.write_bytes(content)
    first = View.named(facts[0]["view"])
    about = {
        "status": "imported",
        "method": name,
        "protocol": None,
        "view": first.geometry,
        "view_geometry": first.geometry_version,
        "image_size": first.size,
        "selection": {"policy": selection or NO_POLICY},
        "tool_version": __version__,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "contestant": {
            "kind": "network",
            "file": ", ".join(network["origin"] for network in facts),
            "form": facts[0]["kind"],
            "rows": "frames",
            "cannot": [UNKNOWN_TRAINING],
            "networks": facts,
        },
    }
    run.write_json("run.json", about)  # last: without it the folder is no run
    lines = [f"contestant  {name} in {run.path}" + (", the mean of its networks" if len(facts) > 1 else "")]
    for network in facts:
        lines.append(
            f"network     {network['origin']}: view {network['view']}, fed {network['input']}, "
            f"score {network['score']}, by {network['provider']}"
        )
    factor = max((View.named(network["view"]).factor for network in facts if "context" in network["view"]), default=0)
    if factor > 2:
        views = " + ".join(network["view"] for network in facts)
        lines.append(
            f"note: its views reach far around the face: extract with --views '{views}', "
            "into a library of its own (--out) if the faces are stored already"
        )
    return "\n".join([*lines, f"next: fastrain eval {run.path} --on DATASET|PROTOCOL --data LIBRARY"])
