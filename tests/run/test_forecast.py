"""A calibration sees what can be counted by hand; a forecast follows from it."""

from types import SimpleNamespace

import pytest

from robustdial.method.schedule import Constant, Magnitude, Warm
from robustdial.plan.arithmetic import Network, Work
from robustdial.plan.devices import Device
from robustdial.run import Run, calibrated
from robustdial.run.calibrated import Calibration, to_plan
from robustdial.run.estimate import passes_by_epoch
from robustdial.run.forecast import forecast

HERE = Device("here", None, 100.0, 1e9, 1e9, 10.0, "", 0.0)
AWAY = Device("away", 800.0, 200.0, 1e9, 1e9, 10.0, "", 0.0)
LINEAR = "import torch\n\ndef build():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))\n"

BLOCKS = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(4))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)

def build():
    return nn.Sequential(nn.Flatten(), nn.Sequential(*(Block() for _ in range(3))), nn.Linear(64, 10))
"""


@pytest.fixture
def found_of(tmp_path, monkeypatch):
    """`found_of(recipe, knobs, **settings)` is a calibration of a linear network, 640 multiply-adds, on the digits."""
    monkeypatch.setattr(calibrated, "_TRIED", 0.0)
    (tmp_path / "net.py").write_text(LINEAR)
    (tmp_path / "blocks.py").write_text(BLOCKS)

    def find(name, knobs, part=16, **settings):
        given = {"model": f"{tmp_path / 'net.py'}:build", "limit": 100, "batch": 16, "precision": "float32"}
        run = Run(**given | {"epochs": 2, "out": str(tmp_path / "run")} | settings)
        found = calibrated.calibrated(to_plan(name, knobs, run), part)
        assert not (tmp_path / "run").exists()
        return found

    return find


def test_a_batch_of_pgd_is_counted(found_of):
    found = found_of("pgd-at", {"steps": 2})
    (passes, work), images = found.high, found.images
    assert (passes, images, found.low) == (3, 16, found.high)
    assert work.macs == 640 * images * (2 * 2 + 3)  # two steps; a pass that learns, down to the images
    assert (work.spent, work.updates) == (3 * images, 1)
    assert work.seconds > 0
    assert found.network == Network(weights=650, buffers=0, slots=1.0)


@pytest.mark.parametrize(
    ("name", "knobs", "settings", "updates"),
    [("free", {"replays": 3}, {}, 3), ("pgd-at", {"steps": 1}, {"awp": 0.01}, 2), ("oat", {"steps": 1}, {}, 1)],
)
def test_gradients_are_averaged_as_often_as_the_weights_move(found_of, name, knobs, settings, updates):
    settings |= {"model": "cnn", "model_width": 4} if name == "oat" else {}
    assert found_of(name, knobs, **settings).high[1].updates == updates


@pytest.mark.parametrize(
    ("settings", "slots", "copies"),
    [({"momentum": 0.0}, 0, 0), ({"optimizer": "adamw"}, 2, 0), ({"ema": 0.9}, 1, 1)],
)
def test_what_optimizer_and_averages_hold_is_counted(found_of, settings, slots, copies):
    network = found_of("pgd-at", {"steps": 1}, **settings).network
    assert (network.slots, network.copies) == (slots, copies)


def test_a_warm_part_is_tried_by_itself(found_of):
    found = found_of("radial", {"steps": 3, "warm": 0.5}, model="cnn", model_width=4)
    assert (found.low[0], found.high[0]) == (1, 4)
    assert found.low[1].macs < found.high[1].macs


def test_blocks_that_are_computed_again_cost_a_forward_more_and_keep_less(found_of, tmp_path):
    model = f"{tmp_path / 'blocks.py'}:build"
    kept, again = (found_of("pgd-at", {"steps": 2}, model=model, grad_checkpointing=on) for on in (False, True))
    images, layer = kept.images, 64 * 64
    assert again.images == images
    # of the four layers of a block the last is left out: no backward asks for what it gives
    assert again.high[1].macs - kept.high[1].macs == 3 * 3 * layer * images
    inside = 3 * 4 * 64  # bytes of what ReLU gives in a block, for each image
    assert again.high[1].kept - kept.high[1].kept == pytest.approx(3 * inside * images / 5)  # written once more
    assert again.kept == kept.kept - 4 * 4 * 64  # a pass of the adversary keeps all but four inputs of linear layers


def test_without_an_adversary_the_inputs_of_blocks_and_one_block_are_kept(found_of, tmp_path):
    found = found_of("clean", {}, model=f"{tmp_path / 'blocks.py'}:build", grad_checkpointing=True)
    assert found.kept == 3 * 4 * 64 + 3 * 4 * 64


def test_a_schedule_that_looks_at_the_training_stays_where_it_begins():
    assert passes_by_epoch(Constant(3), 3) == [3, 3, 3]
    assert passes_by_epoch(Warm(0.5, Constant(8)), 4) == [1, 1, 8, 8]
    assert passes_by_epoch(Magnitude(most=9), 4)[-1] <= 3


def planned(number, device, schedule=Constant(4), **settings):  # noqa: B008
    """A batch of 8 images and 4 passes was 400 multiply-adds, and took 16 s here, half of the roofline's rate."""
    work = Work(macs=400.0, kept=0.0, starts=0.0, spent=32.0, updates=1.0, seconds=16.0)
    light = Work(macs=100.0, kept=0.0, starts=0.0, spent=8.0, updates=1.0, seconds=4.0)
    low = (1, light) if isinstance(schedule, Warm) else (4, work)
    found = Calibration(8, low, (4, work), 10.0, Network(25), False, validation=32.0)
    run = Run(**{"batch": 16, "epochs": 2, "precision": "float32"} | settings)
    experiment = SimpleNamespace(batches=5, feed=SimpleNamespace(images=80), method=SimpleNamespace(schedule=schedule))
    return forecast(experiment, found, run, number, device, HERE)


def test_here_a_batch_takes_what_it_took():
    cost = planned(1, HERE)
    assert (cost.images, cost.passes, cost.share) == (160, 2 * 5 * 64, 0.5)
    assert cost.seconds == 2 * 5 * 32 + 2 * 32 * 32 / 64
    assert cost.wire == 0
    assert cost.memory.activations == 160


def test_two_devices_share_a_batch_and_send_its_gradients():
    cost, wire = planned(2, HERE), 2 * 1 / 2 * 25 * 4
    assert cost.wire == wire
    assert cost.seconds == pytest.approx(2 * (5 + 32 / 64) * (16 + wire / 10))
    assert cost.memory.activations == 80


def test_another_device_reaches_the_same_share_of_its_own_roofline():
    cost = planned(1, AWAY)
    assert cost.precision == "float32"
    assert cost.seconds == planned(1, HERE).seconds / 2
    lower = planned(1, AWAY, precision="auto")
    assert (lower.precision, lower.memory.activations) == ("bfloat16", 80)
    assert lower.seconds == planned(1, HERE).seconds / 8


def test_a_batch_in_parts_takes_as_long_and_keeps_less():
    whole, parts = planned(1, HERE), planned(1, HERE, accumulate=4)
    assert parts.seconds == whole.seconds
    assert parts.memory.activations == whole.memory.activations / 4
    assert parts.passes == whole.passes


def test_a_warm_part_costs_its_own_passes():
    cost = planned(1, HERE, Warm(0.5, Constant(4)))
    assert cost.epochs == (1, 4)
    assert cost.passes == 5 * (16 + 64)
    assert cost.seconds == 5 * (8 + 32) + 2 * 32 * 32 / 64


@pytest.mark.parametrize(
    ("size", "schedule", "updates"),
    [
        ("112:0.6,224", Constant(4), 0.55 * 10 * 32),
        ("112:0.6,224", Warm(0.5, Constant(4)), 5 * (0.25 * 8 + 0.85 * 32)),  # the cheap epoch is the small one
        (224, Constant(4), 10 * 32),
    ],
)
@pytest.mark.parametrize(("device", "speed"), [(HERE, 1), (AWAY, 2)])
def test_images_that_grow_cost_less_as_long_as_they_are_small(size, schedule, updates, device, speed):
    grown, plain = planned(1, device, schedule, size=size), planned(1, device, schedule)
    assert grown.seconds * speed == pytest.approx(updates + 2 * 32 * 32 / 64)  # validation is at the last size
    assert (grown.passes, grown.memory) == (plain.passes, plain.memory)


def test_images_that_shrink_take_the_room_of_the_largest():
    shrunk, plain = planned(1, HERE, size="224:0.5,112"), planned(1, HERE)
    assert shrunk.seconds == 5 * (4 + 1) * 32 + 2 * 32 * 32 / 64
    assert shrunk.memory == plain.memory._replace(activations=4 * plain.memory.activations)


def test_what_travels_does_not_grow_with_the_images():
    wire = 2 * 1 / 2 * 25 * 4
    assert planned(2, HERE, size="112:0.5,224").seconds == pytest.approx(10 * (0.625 * 16 + wire / 10) + 16 + wire / 10)


def test_devices_that_do_not_divide_the_batch_are_refused():
    with pytest.raises(ValueError, match=r"16 images on 3 processes .* --batch 15"):
        planned(3, HERE)
