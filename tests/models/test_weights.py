"""Weights that people bring: by other names and in other containers they are the same weights, or refused in a line."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file, save_model
from torch import nn

from robustdial.models import Normalize
from robustdial.models.foreign import fill
from robustdial.models.weights_file import holds_weights

X = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def network(classes: int = 3, bare: bool = False) -> nn.Module:
    """Behind its normalisation, as networks of this library are, or without."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, classes))
    return net.eval() if bare else nn.Sequential(Normalize([0.3], [0.4]), net).eval()


class Inside(nn.Module):
    """Two names for its parts that wrappers use too."""

    def __init__(self) -> None:
        super().__init__()
        self.normalize, self.model = Normalize([0.3], [0.4]), network(bare=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.model(self.normalize(x))
        return out


@pytest.fixture
def body() -> dict[str, torch.Tensor]:
    """Of a trained network, without what normalises."""
    torch.manual_seed(0)
    net = network(bare=True)
    net[1].running_mean.normal_()
    return net.state_dict()


def under(prefix: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": value.clone() for name, value in weights.items()}


def answers(body: dict[str, torch.Tensor], mean: float, std: float) -> torch.Tensor:
    net = network(bare=True)
    net.load_state_dict(body)
    out: torch.Tensor = net((X - mean) / std)
    return out


AT = {"mean": torch.full((1, 1, 1, 1), 0.7), "std": torch.full((1, 1, 1, 1), 0.2)}
FLAT = {"mu": torch.tensor([0.7]), "sigma": torch.tensor([0.2])}


@pytest.mark.parametrize("kind", [network, Inside])
@pytest.mark.parametrize("outer", ["", "module.", "_orig_mod.module.", "teacher.", "0."])
@pytest.mark.parametrize(
    ("inner", "normal"),
    [("", {}), ("net.", {}), ("1.", under("0.", AT)), ("model.", under("normalize.", AT)), ("", FLAT), ("f.", FLAT)],
    ids=["alone", "net", "a sequence", "as RobustBench", "flat", "beside"],
)
def test_by_other_names_they_are_the_same_weights(tmp_path, body, kind, outer, inner, normal):
    save_file(under(outer, under(inner, body) | normal), tmp_path / "w.safetensors")
    net = kind()
    fill(net, tmp_path / "w.safetensors")
    assert torch.allclose(net.eval()(X), answers(body, *((0.7, 0.2) if normal else (0.3, 0.4))), atol=1e-6)


def test_counts_of_batches_may_be_missing_and_numbers_smaller(tmp_path, body):
    kept = {name: value.half() for name, value in body.items() if not name.endswith("tracked")}
    save_file(kept, tmp_path / "w.safetensors")
    net = network()
    fill(net, tmp_path / "w.safetensors")
    assert torch.allclose(net(X), answers(body, 0.3, 0.4), atol=1e-2)


def in_parts(folder: Path, body: dict[str, torch.Tensor]) -> Path:
    names, found = sorted(body), {}
    for k, part in enumerate((names[:3], names[3:])):
        save_file({name: body[name] for name in part}, folder / f"model-0000{k}-of-00002.safetensors")
        found |= dict.fromkeys(part, f"model-0000{k}-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": found}))
    return folder / "model.safetensors.index.json"


def alone(folder: Path, body: dict[str, torch.Tensor]) -> Path:
    save_file(body, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("put", [in_parts, lambda folder, body: in_parts(folder, body).parent, alone])
def test_a_folder_or_an_index_is_the_file_that_it_holds(tmp_path, body, put):
    path, net = put(tmp_path, body), network()
    assert holds_weights(path)
    fill(net, path)
    assert torch.allclose(net(X), answers(body, 0.3, 0.4), atol=1e-6)


def test_what_is_known_by_two_names_is_kept_under_one(tmp_path):
    def tied() -> nn.Sequential:
        net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        net[1].weight = net[0].weight
        return net

    one, other = tied(), tied()
    save_model(one, str(tmp_path / "w.safetensors"))
    assert len(load_file(tmp_path / "w.safetensors")) == 3
    fill(other, tmp_path / "w.safetensors")
    assert torch.equal(other(torch.ones(1, 4)), one(torch.ones(1, 4)))


def changed(name, change):
    return lambda body: body | {name: change(body[name])}


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (lambda body: {k: v for k, v in body.items() if not k.startswith("3.")}, "it lacks 1.3.weight, it lacks 1.3.b"),
        (lambda body: under("m.", body) | under("ema.", body), "it has ema.0.weight, which the network has not"),
        (lambda body: under("module.", body) | {"3.bias": body["3.bias"]}, "it has 3.bias, which the network has not"),
        (lambda body: body | {"aux.weight": torch.ones(1)}, "it has aux.weight, which the network has not"),
        (lambda body: body | under("norm.", {k: torch.ones(3) for k in AT}), "it has norm.mean, which the network"),
        (lambda body: body | network(7, bare=True).state_dict(), "1.3.weight is [7, 72] in it, [3, 72] in the network"),
        (changed("3.weight", lambda w: w.to(torch.int8)), "1.3.weight is int8 in it"),
        (changed("3.weight", lambda w: w.to(torch.complex64)), "1.3.weight is complex64 in it"),
        (changed("3.weight", lambda w: w * torch.nan), "holds NaN or infinity in 1.3.weight"),
        (changed("0.weight", lambda w: w.double() * 1e300), "holds NaN or infinity in 1.0.weight"),
        (changed("1.running_var", lambda w: w * torch.nan), "holds NaN or infinity in 1.1.running_var"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, body, weights, says):
    save_file(weights(body), tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=re.escape(says)) as error:
        fill(network(), tmp_path / "w.safetensors")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("w.safetensors", b"", "is empty. Get it anew"),
        ("w.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("w.safetensors", b"<!DOCTYPE html>", "is damaged, cut short, or of another format. Get it anew"),
        ("w.npz", b"PK\x03\x04 conv.npy", "is damaged, cut short, or of another format. Get it anew"),
        ("w-00001-of-00002.safetensors", b"", "is one part of several. Name the folder"),
        ("w.safetensors.index.json", b"{}", "no index of safetensors"),
        ("w.safetensors.index.json", b'{"weight_map": {"a": "gone"}}', "names gone, which is not beside it"),
        ("folder", None, "holds no safetensors"),
        ("gone", None, "There is no file"),
    ],
)
def test_another_file_is_told_what_it_is(tmp_path, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif name == "folder":
        path.mkdir()
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(says)) as error:
        fill(network(), path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize("kind", ["alone", "state_dict", "model", "old", "permuted"])
def test_the_line_for_a_pickle_writes_its_weights(tmp_path, monkeypatch, body, kind):
    permuted = body | {"0.weight": body["0.weight"].transpose(2, 3)}
    held = {"alone": body, "old": body, "permuted": permuted}.get(kind, {kind: body, "epoch": 3})
    path, new = tmp_path / "it's w.pt", tmp_path / "weights.safetensors"
    torch.save(held, path, _use_new_zipfile_serialization=kind != "old")
    with pytest.raises(ValueError, match="a pickle is never opened") as error:
        fill(network(), path)
    line = str(error.value).partition("anew: ")[2].partition(" (where torch refuses")[0]
    python, flag, code, *given = shlex.split(line)
    assert [python, flag, *given] == ["python", "-c", str(path), new.name]
    monkeypatch.setattr(sys, "argv", [flag, given[0], str(new)])
    with redirect_stdout(io.StringIO()):
        exec(code, {})
    found, wanted = load_file(new), permuted if kind == "permuted" else body
    assert found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)
