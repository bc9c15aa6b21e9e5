"""Loops of other libraries that call the engine leave what `fit` leaves, to the bit."""

import importlib
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import robustdial as rd
from robustdial.data import Feed

EXAMPLES = Path(__file__).parents[1] / "examples"
EPOCHS, BATCH = 3, 32

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # lightning 2.6 on torch 2.14

METHODS = {
    "oat": lambda: rd.oat(eps=0.2, steps=2, lambdas=(0, 0.5, 1)),
    "radial, half of it warm": lambda: rd.radial(eps=0.2, steps=2, lambdas=(0, 1), warm=0.5),
    "m-deat, which replays and looks at its gradients": lambda: rd.m_deat(eps=0.2, most=3),
}


@pytest.fixture
def example_of(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    library = {"lightning_loop": "lightning", "accelerate_loop": "accelerate"}

    def find(name):
        pytest.importorskip(library[name], reason="pip install 'robustdial[loops]'")
        return importlib.import_module(name)

    return find


class InTheOrderOfFit:
    """The indices of the batches, epoch after epoch, as `fit` takes them."""

    def __init__(self, data):
        self.feed, self.epoch = Feed(data), -1

    def __len__(self):
        return len(self.feed.order(BATCH, 0, 0))

    def __iter__(self):
        self.epoch += 1
        return iter(self.feed.order(BATCH, 0, self.epoch))


def started(method):
    """Data, a network, and a loader that draws no random number of the global generator."""
    data = rd.load("digits", limit=200)
    x, y = next(data.train.batches([torch.arange(len(data.train))]))
    loader = DataLoader(
        TensorDataset(x.float() / 255, y), batch_sampler=InTheOrderOfFit(data), generator=torch.Generator()
    )
    torch.manual_seed(0)
    plain = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=4)
    return data, method.dial.put_on(plain, example=torch.zeros(2, *data.shape)), loader


def by_fit(method):
    data, model, _ = started(method)
    list(rd.fit(rd.TrainState.new(model, lr=0.1, rate="constant"), data, method, epochs=EPOCHS, batch=BATCH))
    return model.state_dict()


def by_lightning(example, method):
    _, model, loader = started(method)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = example.lightning.Trainer(max_epochs=EPOCHS, accelerator="cpu", **quiet)
    trainer.fit(example.AdversarialTraining(model, method), loader)
    return model.state_dict()


def by_accelerate(example, method):
    _, model, loader = started(method)
    accelerator = example.Accelerator(cpu=True)
    example.train(accelerator, model, accelerator.prepare(loader), method, EPOCHS)
    return model.state_dict()


LOOPS = {"lightning_loop": by_lightning, "accelerate_loop": by_accelerate}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_leaves_the_weights_that_fit_leaves(loop, method, example_of):
    expected, found = by_fit(METHODS[method]()), LOOPS[loop](example_of(loop), METHODS[method]())
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("loop", LOOPS)
def test_the_example_runs(loop, example_of, capsys):
    example_of(loop).main(epochs=1, batch=128)
    assert capsys.readouterr().out.count("lambda") == 2
