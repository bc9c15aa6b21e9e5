"""The radius grows as it is told to, for every ball, and a resumed training goes on with the same bits."""

from dataclasses import replace

import pytest
import torch

from robustdial import record, run
from robustdial.cli import main
from robustdial.data import from_tensors
from robustdial.method.threat import L1, L2, Linf
from robustdial.models import build
from robustdial.recipes import pgd_at
from robustdial.run.training_loop import training_loop
from robustdial.training import TrainState, steps
from robustdial.training.growth import Growth

X, Y = torch.full((40, 1, 8, 8), 0.5), torch.arange(40) % 2


@pytest.mark.parametrize(("norm", "ball"), [("linf", Linf(0.2)), ("l2", L2(0.2)), ("l1", L1(0.2))])
def test_no_batch_meets_an_adversary_beyond_its_radius(norm, ball):
    seen = []
    data, method = from_tensors((X, Y), (X, Y), val=0), pgd_at(eps=0.2, norm=norm, steps=3)
    net = build("cnn", classes=2, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4)
    net.register_forward_pre_hook(
        lambda _, images: seen.append(float(ball.distance(X[: len(images[0])], images[0].detach()).max()))
    )
    state = TrainState.new(net)
    state.growth = Growth(0.5)
    reached = []
    for _ in steps(state, data, method, epochs=4, batch=10):  # 16 batches, of which 8 grow
        reached.append(max(seen))
        seen.clear()
    radii = torch.tensor([0.2 * min(1.0, n / 8) for n in range(1, 17)])
    found = torch.tensor(reached)
    assert (found <= radii + 1e-6).all()
    torch.testing.assert_close(found, radii, rtol=0.2, atol=0)  # and it is used


def settings(out, **more):
    return run.Run(
        limit=200, batch=30, epochs=2, model_width=4, eps_schedule="linear:0.7", device="cpu", out=str(out), **more
    )


@pytest.mark.parametrize("recipe", ["atta", "radial"])
def test_a_resumed_run_goes_on_with_the_same_radius(tmp_path, recipe):
    ends = []
    for name, stop in (("whole", None), ("broken", 4)):
        experiment = run.start(recipe, {"eps": 0.2}, settings(tmp_path / name))
        for number, _ in enumerate(training_loop(experiment), start=1):
            if number == stop:
                experiment.save()
                break
        experiment.hold.release()
        if stop:
            assert run.read_about(experiment.folder)["run"]["eps_schedule"] == "linear:0.7"
            for _ in training_loop(run.resume(experiment.folder)):
                pass
        ends.append(record.read_tensors(experiment.folder / record.LAST)[0])
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    plain = run.start(recipe, {"eps": 0.2}, replace(settings(tmp_path / "plain"), eps_schedule=None))
    for _ in training_loop(plain):
        pass
    other = record.read_tensors(plain.folder / record.LAST)[0]
    assert any(not torch.equal(ends[0][name], other[name]) for name in other)


@pytest.mark.parametrize(
    ("recipe", "name", "says"),
    [
        ("pgd-at", "linear", "--eps-schedule linear is not known. Write linear:0.3"),
        ("pgd-at", "linear:0", "is not known"),
        ("pgd-at", "linear:1.2", "is not known"),
        ("pgd-at", "cosine:0.3", "is not known"),
        ("spatial-at", "linear:0.3", "--eps-schedule needs a threat with a radius, and"),
    ],
)
def test_other_growth_is_refused_before_a_folder_is_made(tmp_path, recipe, name, says, capsys):
    asked = ["train", recipe, "--limit", "200", "--model-width", "4", "--eps-schedule", name]
    assert main.run([*asked, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error and "\n" not in error
    assert not (tmp_path / "out").exists()
