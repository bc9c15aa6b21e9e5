"""Only the background is perturbed: in attacks, in training, in evaluations."""

import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustdial import record
from robustdial.attack import check_supports, parse
from robustdial.cli import main
from robustdial.cli.entries import entry_of
from robustdial.data import Batch, Resident
from robustdial.evaluate import background, background_of
from robustdial.evaluate.check import Evidence, examine
from robustdial.method import describe
from robustdial.method.threat import L2, Linf, Masked, settled, spatial
from robustdial.method.threat.mask import Border, Dark, Rest, Unsalient
from robustdial.models import build
from robustdial.recipes import localized, localized_oat, pgd_at
from robustdial.recipes.presets import Preset
from robustdial.run import trained
from robustdial.training.batch import train_batch

BALLS = [Linf(0.3), L2(1.0)]
ATTACKS = ["pgd-5", "fgsm", "apgd-ce", "deepfool", "square-30", "worst-of-5"]


def ones(x):
    return torch.ones_like(x[:, :1])


def zeros(x):
    return torch.zeros_like(x[:, :1])


def network():
    torch.manual_seed(3)
    return build("cnn", classes=4, shape=(1, 8, 8), mean=[0.5], std=[0.25], width=4)


def linear():
    """A network whose borders are near, and which way is up is known."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4)).eval()


def images(n=40):
    """Half of each image is black."""
    x = torch.rand(n, 1, 8, 8) - 0.5
    return x.clamp(min=0) * 2


@pytest.mark.parametrize("ball", BALLS)
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_under_a_mask_of_ones_is_the_attack_to_the_bit(ball, name):
    f, x = linear(), images()
    y, found = f(x).argmax(1), []
    for threat in (ball, Masked(ball, ones)):
        torch.manual_seed(0)
        found.append(parse(name)(f, x, y, threat))
    assert torch.equal(*found)
    assert not torch.equal(found[0], x)


@pytest.mark.parametrize("ball", BALLS)
@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("mask", [Dark(), Border(0.2), Rest(Border(0.2)), zeros])
def test_no_attack_leaves_the_mask(ball, name, mask):
    f, x = linear(), images()
    threat = Masked(ball, mask)
    adv = parse(name)(f, x, f(x).argmax(1), threat)
    moved = adv != x
    assert not moved[(mask(x) == 0).expand_as(x)].any()
    assert moved.any() == (mask is not zeros)
    assert (threat.distance(x, adv) <= ball.eps + 1e-6).all()


def test_a_pixel_beside_the_mask_is_infinitely_far():
    x = images(2)
    adv = x.clone()
    adv[0, 0, 4, 4] += 1e-3
    assert Masked(Linf(0.3), Border(0.2)).distance(x, adv).tolist() == [torch.inf, 0.0]


def test_a_settled_step_has_its_length_within_the_mask():
    x, gradient = images(5), torch.randn(5, 1, 8, 8)
    mask = Dark()(x)
    step = settled(Masked(L2(1.0), Dark()), x).ascend(torch.zeros_like(x), gradient, 0.25)
    torch.testing.assert_close(step.flatten(1).norm(dim=1), torch.full((5,), 0.25))
    assert (step[mask == 0] == 0).all()


def test_a_mask_does_not_depend_on_the_company():
    f = build("cnn", classes=10, shape=(3, 32, 32), mean=[0.5] * 3, std=[0.25] * 3, width=4).eval()
    mask, x = Unsalient(f, 30), torch.rand(70, 3, 32, 32)
    whole = mask(x)
    assert whole.flatten(1).mean(1).sub(0.3).abs().max() < 0.01
    for rows in ([5], [69, 3, 40], list(range(10, 60))):
        assert torch.equal(mask(x[rows]), whole[rows])


def test_a_sure_network_has_a_mask_too():
    f, x = network().eval(), images()
    sure = Unsalient(lambda x: 1e3 * f(x))(x)  # the cross-entropy of these answers has no gradient
    assert sure.flatten(1).mean(1).max() < 0.75


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Masked(spatial(), Dark()), "Warp does not change pixels one by one"),
        (lambda: Masked(Linf(0.1), lambda x: x).around(torch.rand(2, 1, 4, 4)), "values from"),
        (lambda: Masked(Linf(0.1), lambda x: torch.ones(2, 4, 4)).around(torch.rand(2, 3, 4, 4)), r"\[2, 1, 4, 4\]"),
        (lambda: Unsalient(network()), "training mode"),
        (lambda: Unsalient(None, guide="runs/x")(images()), "runs/x, has not been opened"),
        (lambda: Dark(1.0), "no bound of black"),
        (lambda: check_supports(parse("autoattack"), Masked(Linf(0.1), Dark())), "not in Linf on Dark"),
        (lambda: localized(mask="saliency"), "give --guide RUN"),
        (lambda: localized(guide="runs/x"), "mask border asks no network"),
    ],
)
def test_wrong_input_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_training_step_is_the_one_written_by_hand():
    method = localized(0.3, steps=3, share=0.3, mask="dark")
    ours, theirs = network(), network()
    x, y = images(), torch.randint(4, (40,))
    torch.manual_seed(5)
    train_batch(ours, Batch(x, y), method, 4, torch.optim.SGD(ours.parameters(), lr=0.1), [])

    torch.manual_seed(5)
    optimizer, m = torch.optim.SGD(theirs.parameters(), lr=0.1), (x == 0).float()
    clean = F.cross_entropy(theirs.train()(x), y, reduction="none")
    delta = (torch.empty_like(x).uniform_(-1, 1) * 0.3).clamp(-x, 1 - x) * m
    theirs.eval()
    for _ in range(3):
        delta.requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(theirs(x + m * delta), y, reduction="sum"), delta)
        delta = (delta.detach() + 0.1 * m * gradient.sign()).clamp(-0.3, 0.3).clamp(-x, 1 - x)
    adv = F.cross_entropy(theirs.train()(x + m * delta), y, reduction="none")
    (0.7 * clean + 0.3 * adv).mean().backward()
    optimizer.step()
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_one_step_is_fgsm_from_the_image():
    solver = localized(0.2, steps=1).solver
    assert solver.noise == 0
    assert solver.step(0.2, 1) == 0.2
    assert localized(0.2).solver.step(0.2, 7) == pgd_at(0.2).solver.step(0.2, 7)


def test_the_dial_has_the_same_threat():
    assert localized_oat(0.1, mask="dark").threat == localized(0.1, mask="dark").threat


def test_a_network_is_described_by_where_it_is_from():
    told = describe(Masked(Linf(0.5), Unsalient(network().eval(), 40, "runs/x")))
    assert told["mask"] == {"type": "Unsalient", "percentile": 40, "guide": "runs/x", "weights": None}
    assert describe(Masked(Linf(0.5), ones))["mask"] == "ones"


@pytest.mark.parametrize("mask", [Dark(), Rest(Border(0.2))])
def test_the_checks_look_behind_the_mask(mask):
    f, x = linear(), images(60)
    found = {each.id: each for each in examine(Evidence(f, x, f(x).argmax(1), Masked(L2(0.3), mask)))}
    assert "can be made grey" in found["large-radius"].seen
    for name in ("one-step", "black-box", "noise", "shorter-step", "wrong-gradients"):
        assert found[name].state == "passed", found[name]


# --- background sensitivity -------------------------------------------------------------------------------------------


class Frame(nn.Module):
    """Answers by the mean of the frame, or of the rest, alone."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def forward(self, x):
        seen = (x.mean(1, keepdim=True) * self.mask(x)).sum((1, 2, 3)) / self.mask(x).sum((1, 2, 3))
        return torch.stack([seen, torch.full_like(seen, 0.5)], dim=1)


def test_what_a_network_looks_at_is_found():
    x = torch.cat([torch.full((30, 3, 8, 8), 0.58), torch.full((30, 3, 8, 8), 0.42)])
    source = Resident(x, (x[:, 0, 0, 0] < 0.5).long())
    for mask, kept in ((Border(), [0, 60, 30, 30]), (Rest(Border()), [60, 0, 60, 60])):
        found = list(background(Frame(mask).eval(), source, Border(), Linf(0.2), parse("pgd-5"), batch=16))
        assert [(each.part, each.how) for each in found] == [
            ("background", "pgd-5"),
            ("foreground", "pgd-5"),
            ("background", "noise"),
            ("background", "another image"),
        ]
        rights = [each.accuracy.correct for each in found]
        assert rights[:2] == kept[:2]
        assert all(abs(a - b) <= 10 for a, b in zip(rights[2:], kept[2:], strict=True))


def test_the_mask_suits_the_images():
    labels = torch.zeros(40, dtype=torch.int64)
    assert background_of(Resident(images(), labels)) == Dark()
    assert background_of(Resident(images().expand(-1, 3, -1, -1), labels)) == Border()
    assert background_of(Resident(images() * 0 + 0.1, labels)) == Border()


# --- runs -------------------------------------------------------------------------------------------------------------

SMALL = ["--model-width", "4", "--epochs", "1", "--limit", "200", "--eps", "0.3", "--precision", "float32"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A dialed network, and a localized one whose masks it makes."""
    place = tmp_path_factory.mktemp("localized")
    oat = ["train", "localized-oat", "--mask", "dark", "--steps", "1", "--lambdas", "0", "1"]
    assert main.run([*oat, *SMALL, "--out", str(place / "guide")]) == 0
    saliency = ["train", "localized", "--steps", "2", "--mask", "saliency", "--guide", str(place / "guide")]
    assert main.run([*saliency, *SMALL, "--out", str(place / "run")]) == 0
    return place


def test_a_run_remembers_the_network_of_its_masks(runs):
    experiment = trained(runs / "run", "cpu")
    about = json.loads((runs / "run" / record.RUN).read_text())
    assert describe(experiment.method) == about["method"]
    assert about["method"]["threat"]["mask"]["guide"] == str(runs / "guide")
    x = images()
    mask = experiment.method.threat.mask
    assert torch.equal(mask(x), Unsalient(trained(runs / "guide", "cpu").baked(0.0))(x))


def test_a_localized_run_is_evaluated(runs, capsys):
    argv = ["evaluate", str(runs / "run"), "--n", "40", "--attack", "pgd-2+square-10"]
    assert main.run([*argv, "--also", "background"]) == 0
    (score,) = json.loads((runs / "run" / record.SCORE).read_text())["scores"]
    assert score["threat_model"] == "Linf on Unsalient"
    assert len(score["checks"]) == 19
    assert [row["background"] for row in score["background"]] == ["Dark(threshold=0.0)"] * 4
    assert "another image" in capsys.readouterr().out
    assert "Background and foreground" in (runs / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("flags", "threat"),
    [("--eps 0.1", "Linf on Unsalient"), ("--norm linf", "Linf"), ("--norm l2 --eps 0.5", "L2")],
)
def test_a_radius_keeps_the_mask_and_a_norm_drops_it(runs, flags, threat):
    assert main.run(["evaluate", str(runs / "run"), "--n", "10", "--attack", "fgsm", *flags.split()]) == 0
    assert json.loads((runs / "run" / record.SCORE).read_text())["scores"][-1]["threat_model"] == threat


def test_a_comparison_has_columns_of_the_background(runs, tmp_path):
    localized = f"localized:mask=saliency,steps=1,guide={runs / 'guide'}"
    knobs = entry_of(localized, {}, Preset("", {})).knobs
    assert (knobs["mask"], knobs["guide"]) == ("saliency", str(runs / "guide"))
    argv = ["compare", localized, "fgsm", *SMALL, "--attack", "pgd-2", "--n", "20", "--also", "background"]
    assert main.run([*argv, "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / record.COMPARE).read_text())["rows"]
    assert all(0 <= row["also"]["background: noise"]["mean"] <= row["clean"]["mean"] for row in rows)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--mask saliency --guide nowhere", "The network that makes the masks: nowhere is not a run folder"),
        ("--mask saliency", "give --guide RUN"),
        ("--mask dark --data {grey}", "leaves the adversary 0 % of the pixels"),
        ("--frame 0.7", "no width of a frame"),
    ],
)
def test_wrong_flags_are_one_line(runs, tmp_path, capsys, flags, words):
    import numpy as np
    from PIL import Image

    for label in ("a", "b"):
        for part in ("train", "test"):
            (tmp_path / "grey" / part / label).mkdir(parents=True)
            for i in range(20):
                pixels = np.full((8, 8, 3), 90 + i, np.uint8)
                Image.fromarray(pixels).save(tmp_path / "grey" / part / label / f"{i}.png")
    flags = flags.format(grey=f"folder:{tmp_path / 'grey'}")
    assert main.run(["train", "localized", *flags.split(), "--out", str(tmp_path / "run")]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "run").exists()
