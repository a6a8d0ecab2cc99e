"""Files of weights from outside: every wrapping that is read, what is refused by its name, and that nothing runs."""

from __future__ import annotations

import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fasdata.errors import UserError
from fasdata.foreign.states import State, fitted, read_state_dict
from fasdata.foreign.weight_files import read_weights

ADVICE = ("weights_only", "torch.load", "add_safe_globals", "safe_globals", "\x1b", "\\x1b", "torch.jit")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Conv2d(4, 2, 1)))


@pytest.fixture
def state() -> dict[str, Tensor]:
    return dict(network().state_dict())


def saved(path: Path, content: object, *, old: bool = False) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    return path


def same(ours: State, wanted: dict[str, Tensor]) -> bool:
    return ours.tensors.keys() == wanted.keys() and all(
        torch.equal(ours.tensors[name], wanted[name]) for name in wanted
    )


def refused(path: Path) -> str:
    """Return the line in which a file is refused: one line, printable, without torch's advice to trust it."""
    with pytest.raises(UserError) as caught, warnings.catch_warnings():
        warnings.simplefilter("error")
        read_state_dict(path)
    line = str(caught.value)
    assert line.isprintable() and not any(word in line for word in ADVICE), line
    return line


# -- What is read ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "_orig_mod.", "model.", "backbone.", "_orig_mod.module.", "module.model.backbone.", "net.f."],
)
@pytest.mark.parametrize("old", [False, True])
def test_names_lose_the_prefix_under_which_the_whole_network_stands(tmp_path, state, prefix, old):
    path = saved(tmp_path / "a.pth", {prefix + name: value for name, value in state.items()}, old=old)
    ours = fitted(read_state_dict(path), state)
    assert same(ours, state) and ours.prefix == prefix
    assert (f"names are read without '{prefix}'" in ours.choices()) == bool(prefix)


def test_what_stands_beside_the_wanted_prefix_is_left_out_and_listed(tmp_path, state):
    content = {**{f"backbone.{name}": value for name, value in state.items()}, "head.weight": torch.ones(2, 2)}
    ours = fitted(read_state_dict(saved(tmp_path / "a.pth", content)), state)
    assert same(ours, state) and ours.left_out == ("head.weight",)
    assert ours.choices().endswith("names are read without 'backbone.'; left out: head.weight")


def test_a_network_that_fits_under_no_prefix_keeps_its_names_but_for_wrappers(tmp_path, state):
    content = {f"module.{name}": value for name, value in state.items() if name != "0.weight"}
    ours = fitted(read_state_dict(saved(tmp_path / "a.pth", content)), state)
    assert ours.tensors.keys() == state.keys() - {"0.weight"} and ours.left_out == ()


@pytest.mark.parametrize(
    ("keys", "taken"),
    [
        (("state_dict",), "state_dict"),
        (("model",), "model"),
        (("net",), "net"),
        (("ema",), "ema"),
        (("anything",), "anything"),
        (("ema", "model"), "model"),
        (("ema", "net"), "net"),
        (("model", "state_dict"), "state_dict"),
        (("state_dict_ema", "state_dict"), "state_dict"),
        (("teacher", "student"), "student"),
    ],
)
def test_of_nested_states_one_is_taken_and_the_choice_is_put_into_words(tmp_path, state, keys, taken):
    other = {name: value + 1 for name, value in state.items()}
    optimiser = torch.optim.Adam(network().parameters())
    sum(p.sum() for p in optimiser.param_groups[0]["params"]).backward()
    optimiser.step()
    content = {"epoch": 3, "optimizer": optimiser.state_dict(), "mean": np.array([0.5])}
    content |= {key: state if key == taken else other for key in keys}
    ours = read_state_dict(saved(tmp_path / "a.pth", content))
    assert same(ours, state) and ours.entry == taken and set(ours.others) == set(keys) - {taken}
    assert f"its entry '{taken}' is taken" in ours.choices()
    assert all(f"not {key}" in ours.choices() for key in ours.others)


def test_states_lie_in_states(tmp_path, state):
    ours = read_state_dict(saved(tmp_path / "a.pth", {"checkpoint": {"ema": {"module": state}, "model": state}}))
    assert same(ours, state) and (ours.entry, ours.others) == ("checkpoint.model", ("checkpoint.ema.module",))


def test_several_states_of_unknown_names_are_not_guessed(tmp_path, state):
    line = refused(saved(tmp_path / "a.pth", {"first": state, "second": state}))
    assert "holds several states" in line and "found first, second" in line


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_safetensors_are_known_by_their_content(tmp_path, state, suffix):
    save_file(state, tmp_path / f"a{suffix}")
    assert same(read_state_dict(tmp_path / f"a{suffix}"), state)


def test_a_file_of_torch_is_known_under_the_name_of_the_other(tmp_path, state):
    assert same(read_state_dict(saved(tmp_path / "a.safetensors", state)), state)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_and_loads(tmp_path, state, kind):
    half = {name: value.to(kind) if value.is_floating_point() else value for name, value in state.items()}
    other = network()
    other.load_state_dict(read_state_dict(saved(tmp_path / "a.pth", half)).tensors)
    assert all(value.dtype == state[name].dtype for name, value in other.state_dict().items())
    assert all(torch.equal(value, half[name].to(value.dtype)) for name, value in other.state_dict().items())


def test_arrays_and_numbers_of_numpy_are_weights_too(tmp_path, state):
    arrays = {name: value.numpy() if value.ndim else np.int64(value) for name, value in state.items()}
    arrays["0.bias"] = arrays["0.bias"].astype(">f4")
    arrays["0.weight"] = np.asfortranarray(arrays["0.weight"])
    assert same(read_state_dict(saved(tmp_path / "a.pth", {"state_dict": arrays, "lr": np.float64(0.1)})), state)
    beside = {"state_dict": state, "mean": np.arange(3.0), "none": np.zeros((0, 3)), "best": np.float32(0.5)}
    content = read_weights(saved(tmp_path / "b.pth", beside))
    assert content["mean"].tolist() == [0, 1, 2] and content["none"].shape == (0, 3) and content["best"] == 0.5
    assert same(read_state_dict(tmp_path / "b.pth"), state)


@pytest.mark.parametrize("how", ["scripted", "traced", "half"])
def test_of_a_torchscript_archive_the_tensors_are_taken(tmp_path, how):
    module = network().eval()
    made = torch.jit.script(module) if how == "scripted" else torch.jit.trace(module, torch.zeros(1, 3, 8, 8))
    made = made.half() if how == "half" else made
    made.save(str(tmp_path / "clip.pt"))
    assert same(read_state_dict(tmp_path / "clip.pt"), dict(made.state_dict()))


def test_a_part_that_a_torchscript_has_twice_has_both_names(tmp_path):
    part = nn.Conv2d(3, 4, 3)
    twice = nn.ModuleDict({"a": part, "b": part})
    torch.jit.script(twice).save(str(tmp_path / "a.pt"))
    assert set(read_state_dict(tmp_path / "a.pt").tensors) == set(twice.state_dict())


# -- What is refused, by its name --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0d71\nsize 468\n", "a Git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html><head><title>Virus scan warning</title>", "a web page.*save the file itself"),
        (b"\xef\xbb\xbf\n <HTML><body>Sign in</body></HTML>", "a web page"),
        (b"", "an empty file"),
        (b"\x1f\x8b\x08\x00" + b"\x00" * 300, "a gzip archive; give the file inside it"),
        (b"\x89HDF\r\n\x1a\n" + b"\x00" * 300, "an HDF5 file"),
        (b"no weights at all, \x1b[1mnone\x1b[0m" * 9, "is no readable checkpoint"),
        (b"\x80\x02X\x00\x00\x00\x80abc", "is no readable checkpoint"),
        (struct.pack("<Q", 2 << 30) + b'{"a":{"dtype":"F32"', "a header of at most 100 MiB.*claims 2147483648 bytes"),
        (struct.pack("<Q", 90) + b'{"a":{"dtype":"F32"}}', "claims 90 bytes in a file of 29"),
        (struct.pack("<Q", 21) + b'{"a":{"dtype":"F32"}}', "is no readable checkpoint"),
        (b"PK\x03\x04 broken zip", "is no readable checkpoint"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_file_of_weights_is_named(tmp_path, content, words, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_state_dict(path)
    refused(path)


def test_an_archive_of_something_else_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.ones(3))
    assert "is a zip archive of something else" in refused(tmp_path / "a.npz")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("where", ["top", "nested"])
def test_a_whole_pickled_network_says_what_to_save_in_its_place(tmp_path, old, where):
    path = saved(tmp_path / "a.pth", network() if where == "top" else {"model": network(), "epoch": 3}, old=old)
    line = refused(path)
    assert "is a whole pickled network (it asks for torch.nn.modules.container.Sequential)" in line
    assert "torch.save(network.state_dict(), FILE)" in line


def test_arrays_of_objects_are_refused(tmp_path):
    assert "NumPy scalar of type 'O8'" in refused(saved(tmp_path / "a.pth", {"w": np.array([{}, None])}))


@pytest.mark.parametrize(
    "objects",
    [
        b"}(K\x01K\x02ub.",  # a state for what takes none
        b"cbuiltins\nset\n)\x81.",  # an object made without its constructor
        b"X\x03\x00\x00\x00a\x1bb)R.",  # a text that is called
        b"cos\nsystem\x1b[1m\n.",
    ],
)
def test_objects_that_torch_refuses_are_told_without_its_advice(tmp_path, state, objects):
    saved(tmp_path / "plain.pth", state)
    with zipfile.ZipFile(tmp_path / "plain.pth") as source, zipfile.ZipFile(tmp_path / "a.pth", "w") as out:
        for name in source.namelist():
            out.writestr(name, b"\x80\x02" + objects if name.endswith("data.pkl") else source.read(name))
    assert "a.pth is " in refused(tmp_path / "a.pth")


# -- What would run ----------------------------------------------------------------------------------------------------


class Evil:
    """Pickles to a call that leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("place", [lambda evil: evil, lambda evil: {"state_dict": {"w": torch.zeros(1), "x": evil}}])
def test_a_pickle_that_would_write_a_file_writes_none(tmp_path, place: Callable, old: bool):
    mark = tmp_path / "it-ran"
    line = refused(saved(tmp_path / "a.pth", place(Evil(mark)), old=old))
    assert "is refused: it asks for posix.system, and nothing of it was run" in line and not mark.exists()


def test_a_plain_pickle_is_not_run_either(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Evil(tmp_path / "it-ran")))
    refused(tmp_path / "a.pkl")
    assert not (tmp_path / "it-ran").exists()


MARK = "written-by-torchscript"


class Writing(nn.Module):
    """A module whose TorchScript writes a file into the working folder when it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(3))

    @torch.jit.export
    def __getstate__(self):  # type: ignore[no-untyped-def]
        return (self.w, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]):  # type: ignore[no-untyped-def]
        self.w = state[0]
        self.training = state[1]
        torch.save(state[0], "written-by-torchscript")

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_a_torchscript_that_writes_a_file_writes_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pt"
    torch.jit.script(Writing()).save(str(path))
    line = refused(path)
    assert "a TorchScript module with a state of its own form" in line and not (tmp_path / MARK).exists()
    torch.jit.load(str(path))  # the usual way
    assert (tmp_path / MARK).exists()


def test_a_torchscript_whose_objects_ask_for_a_call_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.jit.script(network()).save("plain.pt")
    with zipfile.ZipFile("plain.pt") as source, zipfile.ZipFile("a.pt", "w") as out:
        for name in source.namelist():
            evil = name.endswith("/data.pkl")
            out.writestr(name, pickle.dumps(Evil(tmp_path / "it-ran"), 2) if evil else source.read(name))
    assert "is refused: it asks for posix.system" in refused(tmp_path / "a.pt")
    assert not (tmp_path / "it-ran").exists()


def test_an_archive_that_unpacks_to_much_more_is_refused_unread(tmp_path, state):
    saved(tmp_path / "plain.pth", state)
    with zipfile.ZipFile(tmp_path / "plain.pth") as source, zipfile.ZipFile(tmp_path / "a.pth", "w") as out:
        for name in source.namelist():
            out.writestr(name, source.read(name))
        with out.open(zipfile.ZipInfo("plain/data/999"), "w", force_zip64=True) as entry:
            entry.write(b"x")
        out.infolist()[-1].file_size = 3 << 30
    assert "is no readable checkpoint; found entries that claim 322" in refused(tmp_path / "a.pth")


# -- The real files, where the machine has them ------------------------------------------------------------------------

ASSETS = os.environ.get("FAS_ASSETS", "")


@pytest.mark.skipif(not ASSETS, reason="FAS_ASSETS names no folder of real weights; they are not shipped")
def test_published_detectors_and_scorers_are_read():
    for path in sorted(Path(ASSETS).rglob("*.pth")):
        ours = read_state_dict(path)
        assert ours.entry == "" and len(ours.tensors) > 100, path
        fas = path.parent.name == "fas"
        assert all(name.startswith("module.") == fas for name in ours.tensors)
