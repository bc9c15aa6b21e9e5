"""The benchmarks run, and notice when they would compare things that are not alike. Nothing here is timed."""

import importlib
import json
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LIBRARIES = {"torchattacks": "torchattacks", "foolbox": "foolbox", "ART": "art"}


@pytest.fixture
def benchmark_of(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


def tiny(net):
    return net(10, 3, 8).eval(), torch.rand(4, 3, 32, 32), torch.randint(10, (4,))


def test_passes_gives_a_rate_of_every_contender(benchmark_of, tmp_path):
    file = tmp_path / "passes.json"
    benchmark_of("passes").main(
        width=8, batch=4, rounds=2, precision=("float32",), threads=torch.get_num_threads(), json=file
    )
    found = json.loads(file.read_text())["results"]["float32"]
    assert found.keys() >= {"pgd-at step", "oat step", "step of an attack"}
    assert all(len(timing["rates"]) == 2 for timings in found.values() for timing in timings.values())


def test_passes_refuses_to_compare_different_arithmetic(benchmark_of):
    passes = benchmark_of("passes")
    net, x, y = tiny(passes.ResNet)
    with pytest.raises(AssertionError, match="not close"):
        passes.check_equal(net, passes.pgd_at(steps=passes.STEPS, step=0.5), x, y)


def test_our_attack_is_timed_and_judged(benchmark_of):
    attacks = benchmark_of("attacks")
    net, x, y = tiny(attacks.ResNet)
    ours = attacks.ours(net, ("float32",), (False,))
    assert {name: len(timing.rates) for name, timing in attacks.speeds(ours, 2, 1).items()} == {
        "robustdial, float32": 1
    }
    assert attacks.accuracy(net, ours["robustdial, float32"], x, net(x).argmax(1), 4) < 1


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_peer_attacks_within_the_same_ball(benchmark_of, name):
    pytest.importorskip(LIBRARIES[name], reason=f"{name} lives in .venv-peers, which benchmarks/attacks.py makes")
    attacks = benchmark_of("attacks")
    net, x, _ = tiny(attacks.ResNet)
    assert attacks.accuracy(net, attacks.PEERS[name](net), x, net(x).argmax(1), 4) < 1


def test_an_attack_outside_the_ball_is_not_judged(benchmark_of):
    attacks = benchmark_of("attacks")
    net, x, y = tiny(attacks.ResNet)
    with pytest.raises(AssertionError, match="outside the ball"):
        attacks.accuracy(net, lambda images, labels: (images + 0.1).clamp(0, 1), x, y, 4)


def test_accuracy_without_weights_is_skipped_visibly(benchmark_of, tmp_path, capsys):
    missing = tmp_path / "no.safetensors"
    assert benchmark_of("attacks").compare_accuracies(missing, missing, ("float32",)) is None
    assert "skipped" in capsys.readouterr().out
