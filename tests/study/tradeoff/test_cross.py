"""Attack and network at different lambdas: counting, and the adversary who climbs the expectation."""

import json

import pytest
import torch
from torch import nn

from robustdial.attack import PGDAttack
from robustdial.cli import main
from robustdial.data import from_tensors
from robustdial.evaluate import Accuracy, Cross, OverLambdas, cross
from robustdial.method.threat import Linf
from robustdial.record import read_tensors
from robustdial.run import Run, start, trained
from robustdial.study.tradeoff.crossing import cross_report, measure_cross


class Line(nn.Module):
    """Class 0 where a linear form of the two pixels is positive; `sharp` scales the logits."""

    def __init__(self, weight, sharp=8.0):
        super().__init__()
        self.weight, self.sharp, self.training = torch.tensor(weight), sharp, False

    def forward(self, x):
        score = self.sharp * ((x.flatten(1) - 0.5) @ self.weight)
        return torch.stack([score, -score], dim=1)


def source(x):
    """These images, all of class 0."""
    both = torch.rand(20, 1, 1, 2), torch.arange(20) % 2
    return from_tensors(both, (x, torch.zeros(len(x), dtype=torch.int64))).test


def crossing(networks, x, threat, attack=None):
    clean, *rest = cross(networks, source(x), attack or PGDAttack(20), threat)
    return Cross(clean, torch.stack(rest))


def images(*pixels):
    return torch.tensor(pixels).reshape(len(pixels), 1, 1, 2)


FOUR = images([0.6, 0.6], [0.6, 0.45], [0.45, 0.6], [0.55, 0.55])


def test_networks_that_look_at_different_pixels_do_not_fall_together():
    crossed = crossing([Line([1.0, 0.0]), Line([0.0, 1.0])], FOUR, Linf(0.07))
    assert crossed.clean.tolist() == [[True, True, False, True], [True, False, True, True]]
    # the third image is wrong at the first network without an attack, the fourth falls to the attack on itself
    assert crossed.right[0, 0].tolist() == [True, True, False, False]
    assert crossed.known == [Accuracy(2, 4), Accuracy(2, 4)]
    assert crossed.any == Accuracy(1, 4)
    assert crossed.per_image <= crossed.random <= min(crossed.expected)


def test_the_mixture_fools_more_of_a_random_choice_than_attacks_on_its_parts():
    # each network is fooled along its own pixel, and a random start hardly moves the other one
    networks = [Line([1.0, 0.0]), Line([0.0, 1.0])]
    x = torch.full((50, 1, 1, 2), 0.55)
    crossed = crossing(networks, x, Linf(0.06), PGDAttack(20, noise=0.1))
    alone, other, mixture = crossed.expected
    assert alone == other == 0.5
    assert mixture == crossed.random == 0.0


def test_the_gradient_of_the_mixture_is_that_of_the_expected_probability():
    networks = [Line([1.0, 0.5]), Line([-0.3, 1.0], sharp=2.0), Line([0.2, 0.2])]
    x, y = torch.rand(6, 1, 1, 2).requires_grad_(), torch.arange(6) % 2
    expected = torch.stack([network(x).softmax(1) for network in networks]).mean(0)[range(6), y]
    (wanted,) = torch.autograd.grad(-expected.log().sum(), x)
    (got,) = torch.autograd.grad(nn.functional.cross_entropy(OverLambdas(networks)(x), y, reduction="sum"), x)
    torch.testing.assert_close(got, wanted)


def test_probabilities_too_small_for_a_float_still_have_a_gradient():
    x = torch.full((1, 1, 1, 2), 0.9).requires_grad_()
    loss = nn.functional.cross_entropy(
        OverLambdas([Line([1.0, 0.0], 1e4), Line([1.0, 0.0], 1e4)])(x), torch.tensor([1])
    )
    (gradient,) = torch.autograd.grad(loss, x)
    assert gradient.abs().sum() > 0


def test_every_summary_is_counted_from_the_same_table():
    clean = torch.tensor([[1, 1, 1], [1, 1, 0]]).bool()
    right = torch.tensor([[[0, 1, 1], [1, 1, 0]], [[1, 1, 1], [0, 1, 0]], [[1, 0, 1], [1, 0, 0]]]).bool()
    crossed = Cross(clean, right)
    assert [[cell.correct for cell in row] for row in crossed.matrix] == [[2, 2], [3, 1], [2, 1]]
    assert [a.correct for a in crossed.known] == [2, 1]
    assert [a.correct for a in crossed.unknown] == [1, 0]
    assert crossed.any.correct == 0
    assert crossed.expected == pytest.approx([4 / 6, 4 / 6, 3 / 6])
    assert crossed.random == pytest.approx(3 / 6)
    assert crossed.per_image == pytest.approx((0.5 + 0.0 + 0.5) / 3)
    about = cross_report(crossed, [0.0, 1.0])
    assert about["random"]["adversary"] == "mixture"
    assert about["random"]["clean"] == pytest.approx(5 / 6)
    assert about["random"]["low"] < 0.5 < about["random"]["high"]


def test_a_network_in_training_mode_is_refused():
    with pytest.raises(ValueError, match="training mode"):
        crossing([Line([1.0, 0.0]), nn.Sequential(nn.Flatten(), nn.Linear(2, 2))], FOUR, Linf(0.1))


def test_random_numbers_are_left_as_they_were_between_adversaries():
    rounds = cross([Line([1.0, 0.0])], source(FOUR), PGDAttack(1), Linf(0.1))
    before = torch.get_rng_state()
    for _ in rounds:
        assert torch.equal(torch.get_rng_state(), before)


def test_the_command_writes_cross_json_and_says_what_a_random_lambda_is_worth(tmp_path, capsys):
    folder = tmp_path / "run"
    settings = ["--model-width", "4", "--epochs", "1", "--steps", "1", "--limit", "300", "--precision", "float32"]
    dial = ["--lambdas", "0", "1", "--widths", "0.5", "1"]
    assert main.run(["train", "oats", *settings, *dial, "--out", str(folder)]) == 0
    quick = ["--attack", "pgd-2", "--n", "30", "--lams", "0", "0.5", "1"]
    assert main.run(["cross", str(folder), *quick, "--width", "0.5"]) == 0
    about = json.loads((folder / "cross.json").read_text())
    assert about["adversaries"] == [0.0, 0.5, 1.0, "mixture"]
    assert (about["n"], about["width"], about["attack"]) == (30, 0.5, "pgd-2")
    assert len(about["matrix"]) == 4
    assert all(len(row) == 3 for row in about["matrix"])
    assert "A lambda drawn for every request" in " ".join(capsys.readouterr().out.split())
    assert main.run(["cross", str(folder), "--lams", "1"]) == 2
    assert "needs two lambdas" in capsys.readouterr().err


def test_rounds_that_are_known_are_not_made_again():
    networks, attacked = [Line([1.0, 0.5]), Line([-0.3, 1.0])], []

    class Counted:
        name = "pgd-2"

        def __call__(self, f, x, y, threat):
            attacked.append(f)
            return PGDAttack(2, noise=0.1)(f, x, y, threat)

    whole = list(cross(networks, source(FOUR), Counted(), Linf(0.1)))
    assert len(attacked) == 3
    for number in range(len(whole) + 1):
        attacked.clear()
        again = list(cross(networks, source(FOUR), Counted(), Linf(0.1), known=whole[:number]))
        assert len(attacked) == min(3, len(whole) - number)
        assert torch.equal(torch.stack(again), torch.stack(whole))


def test_a_crossing_that_was_stopped_goes_on_and_ends_with_the_same_numbers(tmp_path):
    folder = tmp_path / "run"
    settings = {"model_width": 4, "epochs": 1, "limit": 300, "precision": "float32", "out": str(folder)}
    start("oat", {"steps": 1, "lambdas": (0.0, 1.0)}, Run(**settings)).save()
    conditions = (trained(folder), (0.0, 1.0), PGDAttack(2), 30)
    whole = list(measure_cross(*conditions))
    wanted = json.loads((folder / "cross.json").read_text())
    for name in ("cross.json", "cross-rounds.safetensors"):
        (folder / name).unlink()
    stopped = measure_cross(*conditions)
    assert (next(stopped), next(stopped)) == (1, 2)
    stopped.close()
    assert not (folder / "cross.json").exists()
    rounds, about = read_tensors(folder / "cross-rounds.safetensors")
    assert len(rounds) == 2
    assert about["lams"] == [0.0, 1.0]
    for attack in (PGDAttack(2, step=0.5), PGDAttack(2)):  # of one name: the rounds of one are not those of the other
        other = measure_cross(*conditions[:2], attack, 30)
        assert next(other) == 1
        other.close()
        assert len(read_tensors(folder / "cross-rounds.safetensors")[0]) == 1
    assert list(measure_cross(*conditions)) == whole == [1, 2, 3, 4]
    found = json.loads((folder / "cross.json").read_text())
    assert found | {"seconds": 0} == wanted | {"seconds": 0}
    *_, last = measure_cross(*conditions[:3], 20)  # other images: nothing of the earlier ones is taken for theirs
    assert last == 4
    assert len(read_tensors(folder / "cross-rounds.safetensors")[0]["000"][0]) == 20


def test_an_image_that_is_wrong_without_an_attack_does_not_survive_one_that_makes_it_right():
    class Kind:
        name = "kind"

        def __call__(self, f, x, y, threat):
            return x + 0.2

    clean, *rounds = cross([Line([1.0, 1.0])], source(images([0.45, 0.45], [0.6, 0.6])), Kind(), Linf(0.2))
    assert clean.tolist() == [[False, True]]
    assert all(standing.tolist() == [[False, True]] for standing in rounds)


def test_an_attack_that_leaves_the_set_is_refused():
    class Wild:
        name = "wild"

        def __call__(self, f, x, y, threat):
            return x + 0.3

    with pytest.raises(ValueError, match="wild moves an image by"):
        list(cross([Line([1.0, 0.0])], source(FOUR), Wild(), Linf(0.1)))
