"""`robustdial mix` as a user meets it: two networks that are there already, under one dial."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import robustdial as rd
from robustdial import record
from robustdial.cli import main
from robustdial.dial import fitted
from robustdial.models import build
from robustdial.models.foreign import load_foreign
from robustdial.run import Place, trained
from robustdial.ship.hub import from_pretrained, save_pretrained

TRAIN = ["--model-width=4", "--epochs=1", "--eps=0.3", "--limit=200", "--precision=float32", "--device=cpu"]
QUICK = ["--attack", "pgd-1", "--n", "20", "--device", "cpu"]
X = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(3))

FILE = """
import torch
from torch import nn

def net(classes, shape):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[1] * shape[2], classes))

def rounds():
    class Rounds(nn.Module):
        def forward(self, x):
            return torch.round(x).flatten(1)[:, :10]
    return Rounds()

def dark():
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))

def few():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for recipe, name in (("clean", "a"), ("fgsm", "b"), ("oat", "d")):
        assert main.run(["train", recipe, *TRAIN, "--out", str(folder / name)]) == 0
    (folder / "net.py").write_text(FILE)
    return folder


def mixed(runs, out, *words):
    assert main.run(["mix", *words, "--device", "cpu", "--out", str(out)]) == 0
    return out


def test_lambda_is_the_share_of_the_second_run(runs, tmp_path):
    out = mixed(runs, tmp_path / "m", str(runs / "a"), str(runs / "b"))
    model, (a, b) = rd.open_model(out), (rd.open_model(runs / name) for name in ("a", "b"))
    torch.testing.assert_close(model.at(0.3)(X).exp(), 0.7 * a(X).softmax(1) + 0.3 * b(X).softmax(1))
    assert torch.equal(model.at(0)(X), a(X)) and torch.equal(model.at(1)(X), b(X))


def test_two_positions_of_one_dial(runs, tmp_path):
    out = mixed(runs, tmp_path / "m", f"{runs / 'd'}@0", f"{runs / 'd'}@0.4")
    own = rd.open_model(runs / "d").at((0, 0.4), mix=0.75)(X)
    torch.testing.assert_close(rd.open_model(out).at(0.75)(X), own)


@pytest.mark.parametrize("folder", ["x", "me@home/x", "x@1"])
def test_a_path_may_hold_an_at(tmp_path, folder):
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / record.RUN).touch()
    for name, lam in ((folder, None), (f"{folder}@0.5", 0.5), (f"{folder}@1/4", 0.25)):
        place = Place(str(tmp_path / name))
        assert (place.folder, place.lam) == (tmp_path / folder, lam)


# what the constants of MixedNUTS do to logits and to ONNX is a row of tests/contracts/test_dials.py
@pytest.mark.parametrize("way", ["probabilities", pytest.param("nuts", marks=pytest.mark.slow), "interpolate"])
def test_every_command_takes_it(runs, tmp_path, way, capsys):
    out = mixed(runs, tmp_path / "m", str(runs / "a"), str(runs / "b"), "--way", way)
    assert main.run(["frontier", str(out), "--lams", "0", "0.5", "1", *QUICK]) == 0
    macs = [point["macs"] for point in record.read_json(out / "frontier.json")["points"]]
    assert macs[1] == macs[0] * (1 if way == "interpolate" else 2) == macs[2] * (1 if way == "interpolate" else 2)
    assert main.run(["choose", str(out), "--macs-max", str(macs[0]), *QUICK]) == 0
    answer = record.read_json(out / "choose.json")["answer"]
    assert answer["test"]["macs"] <= macs[0]
    assert main.run(["cross", str(out), "--lams", "0", "0.5", *QUICK]) == 0
    assert main.run(["evaluate", str(out), "--lam", "0.5", *QUICK]) == 0
    assert main.run(["bake", str(out), "--lam", "0.5", *QUICK]) == 0
    program = torch.export.load(out / "baked" / "lam0.5" / "model.pt2").module()
    torch.testing.assert_close(program(X), trained(out, "cpu").at(0.5)(X), rtol=1e-4, atol=1e-4)
    forwards = record.read_json(out / "baked" / "lam0.5" / "card.json")["network"]["forwards"]
    assert forwards == (1 if way == "interpolate" else 2)
    save_pretrained(out, tmp_path / "saved")
    assert torch.equal(from_pretrained(tmp_path / "saved").at(0.5)(X), rd.open_model(out).at(0.5)(X))


def test_the_constants_of_nuts_are_fitted_and_kept(runs, tmp_path, capsys):
    out = mixed(runs, tmp_path / "m", str(runs / "a"), str(runs / "b"), "--way", "nuts")
    knobs, about = record.read_run(out)["knobs"], record.read_run(out)["model"]
    assert rd.open_model(out).dials.bend == rd.Nuts(knobs["scale"], knobs["power"], knobs["bias"])
    assert 0.5 <= about["share"] <= 1 and about["fitted_with"] == "pgd-20"
    told = capsys.readouterr().out
    assert "MixedNUTS: s = " in told and "[bold]" not in told


@pytest.mark.parametrize("of_runs", [True, False])
def test_what_chose_a_network_is_claimed_of_runs_alone(runs, tmp_path, capsys, of_runs):
    """Whose training is not known may have learned from every image here, and every number says so."""
    other = str(runs / "b") if of_runs else f"{runs / 'net.py'}:net"
    out = mixed(runs, tmp_path / "m", str(runs / "a"), other, "--limit", "200")
    told = [capsys.readouterr().out]
    for words in (
        ["frontier", "--lams", "0", "1"],
        ["choose", "--macs-max", "99G", "--refine", "0"],
        ["evaluate", "--lam", "1"],
    ):
        assert main.run([words[0], str(out), *words[1:], *QUICK]) == 0
        told.append(capsys.readouterr().out)
    said = "data: net.py:net may have learned from images that are held out here"
    assert [said in one for one in told] == [not of_runs] * 4
    (score,) = record.read_json(out / record.SCORE)["scores"]
    assert score["chosen_on"] == ("val" if of_runs else None)
    assert {check["id"]: check["state"] for check in score["checks"]}["selection"] == (
        "passed" if of_runs else "skipped"
    )
    page = (out / record.REPORT).read_text()
    assert ("The test part took no part in training" in page) == of_runs
    assert ("The networks came as they are" in page) != of_runs


def test_a_run_of_other_images_is_no_better_known(runs, tmp_path, capsys):
    assert main.run(["train", "clean", *TRAIN, "--data", "digits", "--seed", "5", "--out", str(tmp_path / "s")]) == 0
    about = record.read_run(tmp_path / "s")
    about["data"]["labels"] = "of other images"
    record.write_json(tmp_path / "s" / record.RUN, about)
    mixed(runs, tmp_path / "m", str(tmp_path / "s"), str(tmp_path / "s"))
    assert "data: s may have learned" in capsys.readouterr().out


def test_networks_that_are_no_runs(runs, tmp_path):
    place = f"{runs / 'net.py'}:net"
    out = mixed(runs, tmp_path / "m", str(runs / "a"), place)
    assert rd.open_model(out).at(0.5)(X).shape == (3, 10)
    with pytest.raises(ValueError, match="built by code of its own"):
        save_pretrained(out, tmp_path / "saved")


def test_a_run_beside_a_file_of_weights_for_the_network_that_is_none(runs, tmp_path):
    place, files = f"{runs / 'net.py'}:dark", [str(tmp_path / "w.safetensors")]
    net = load_foreign(place, None).eval()
    save_file(net.state_dict(), files[0])
    for words, lam in ([str(runs / "a"), place], 1), ([place, str(runs / "a")], 0):  # fresh, it has no gradient at 0
        out = mixed(runs, tmp_path / f"m{lam}", *words, "--weights", *files)
        torch.testing.assert_close(rd.open_model(out).at(lam)(X), net(X))


def test_a_file_from_the_hub_is_not_executed(runs, tmp_path):
    out = mixed(runs, tmp_path / "m", str(runs / "a"), str(runs / "b"))
    save_pretrained(out, tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    config["model"]["parts"][1]["name"] = f"{runs / 'net.py'}:net"
    (tmp_path / "saved" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="built by code of its own"):
        from_pretrained(tmp_path / "saved")


def test_two_timm_networks_with_weights_of_your_own(runs, tmp_path):
    pytest.importorskip("timm")
    files = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        net = build("timm:test_resnet", classes=10, shape=(1, 8, 8), mean=[0.5], std=[0.5]).get_submodule("net")
        files.append(str(tmp_path / f"{seed}.safetensors"))
        save_file(net.state_dict(), files[-1])
    words = ["timm:test_resnet", "timm:test_resnet", "--weights", *files, "--data", "digits", "--limit", "200"]
    assert rd.open_model(mixed(runs, tmp_path / "m", *words)).at(0.5)(X).shape == (3, 10)
    assert main.run(["mix", *words[:2], "--data", "digits", "--out", str(tmp_path / "n")]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{a}", "{b}", "--way", "weights"], "--way weights is not known. Choose from"),
        (["{a}", "nowhere"], "nowhere is not a run folder"),
        (["{a}", "{d}"], "has a dial. Say where it stands"),
        (["{a}", "{d}@2"], "lam=2 is not on this dial"),
        (["{a}", "{d}@much"], "'much' is no position"),
        (["{a}@0.5", "{b}"], "has no dial"),
        (["{a}", "{file}:rounds"], "No gradient flows through the second network"),
        (["{a}", "{file}:few"], "knows 10 classes, the second 4"),
        (["{a}", "{file}:none"], "there is no function 'none'"),
        (["{a}", "{file}:net", "--way", "interpolate"], "different architectures"),
        (["{file}:net", "{file}:net"], "Which images?"),
        (["robustdial/digits-radial@0", "{b}"], "robustdial zoo robustdial/digits-radial --out"),
        (["{a}", "{b}", "--weights", "one.safetensors"], "names 1 for 0 networks that are no runs"),
        (
            ["{a}", "{file}:net", "--weights", "1.safetensors", "2.safetensors"],
            "names 2 for 1 networks that are no runs",
        ),
        (["{a}", "{b}", "--attack", "pdg-2"], "pdg-2"),
        (["{a}", "{b}", "--val", "0.3", "--seed", "1"], "Leave out --val and --seed"),
        (["{a}", "{file}:net", "--limit", "300"], "Leave out --limit"),
    ],
)
def test_what_cannot_be_mixed_is_said_in_a_line(runs, tmp_path, capsys, words, said):
    names = {name: runs / name for name in "abd"} | {"file": runs / "net.py"}
    out = tmp_path / "m"
    assert main.run(["mix", *(word.format(**names) for word in words), "--device", "cpu", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not out.exists()


def test_a_mixture_is_not_mixed_again_and_not_trained(runs, tmp_path, capsys):
    out = mixed(runs, tmp_path / "m", str(runs / "a"), str(runs / "b"))
    assert main.run(["mix", str(out), str(runs / "a"), "--out", str(tmp_path / "n")]) == 2
    assert main.run(["mix", str(runs / "a"), str(runs / "b"), "--out", str(out)]) == 2
    assert main.run(["train", "oat", "--resume", "--out", str(out)]) == 2
    assert not any("Traceback" in text for text in capsys.readouterr())


def test_gradients_stay_finite_where_a_network_is_certain():
    class Certain(nn.Module):
        def forward(self, x):
            return 1e4 * x.flatten(1)[:, :3]

    a, b = Certain(), Certain()
    x = torch.rand(4, 1, 2, 2, requires_grad=True)
    out = rd.mixed(a, b).at(1e-6)(x)
    (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(out, torch.tensor([0, 1, 2, 0])), x)
    assert out.isfinite().all() and gradient.isfinite().all()


def test_constants_that_tell_right_from_wrong_best_are_found():
    generator = torch.Generator().manual_seed(0)
    sure, unsure = torch.randn(60, 5, generator=generator), torch.randn(60, 5, generator=generator)
    sure[:, 0] += 4
    unsure[:, 0] = unsure[:, 1:].max(1).values + 0.1
    fit = fitted(sure, unsure)
    assert fit.sure <= 0.1
    assert torch.equal(fit.nuts(sure).argmax(1), sure.argmax(1))
    with pytest.raises(ValueError, match="no clean image it gets wrong"):
        fitted(sure, unsure[:0])
