"""Wrong arguments at every public name: one clear line, and never Python's own words from inside."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import robustdial as rd
from robustdial import attack, recipes
from robustdial.dial import DCT
from robustdial.method.threat import Chain, Function, Warp
from robustdial.method.threat.mask import Border, Dark, Unsalient

NAN, INF = float("nan"), float("inf")
X, Y = torch.rand(8, 1, 8, 8), torch.arange(8) % 2


def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))


def dialed():
    return rd.dial(net(), rd.Dials((0, 1)))


def data():
    return rd.from_tensors((X, Y), (X, Y), val=0.25)


def state():
    return rd.TrainState.new(net())


def fit(**changes):
    given = {"state": state(), "data": data(), "method": rd.fgsm(), "epochs": 1, "batch": 4} | changes
    return rd.fit(given.pop("state"), given.pop("data"), given.pop("method"), **given)


def batch(x=X, y=Y, model=None, passes=2, **changes):
    s = rd.TrainState.new(model or net())
    given = {"batch": rd.Batch(x, y), "method": rd.fgsm(), "optimizer": s.optimizer} | changes
    placed = (given.pop("batch"), given.pop("method"), passes, given.pop("optimizer"), [])
    return rd.train_batch(s.model, *placed, **given)


@dataclass(frozen=True)
class Odd(rd.AT):
    """An objective whose losses are shaped by functions."""

    learned: Callable = lambda loss: loss
    raised: Callable = lambda loss: loss

    def learn(self, view):
        return self.learned(super().learn(view))

    def attack(self, view):
        return self.raised(super().attack(view))


@dataclass(frozen=True)
class Gives:
    """A solver that gives these points, and a schedule that gives so many passes."""

    what: object

    def play(self, game, passes, memory):
        yield from self.what

    def init(self):
        return None

    def passes(self, state):
        return self.what

    def after(self, state, epoch):
        return state


def method(**changes):
    return replace(rd.pgd_at(steps=1), **changes)


def creased(x):
    """Logits whose gradient is not a number: a root of what is always zero."""
    root = (x.clamp_min(-1) - x).sqrt().sum((1, 2, 3))
    return torch.stack([root, x.sum((1, 2, 3))], dim=1)


class Turns(nn.Sequential):
    """A network that switches itself back to training mode."""

    def __init__(self):
        super().__init__(*net())

    def forward(self, x):
        return super().forward(x) if self.train() else None


def on_meta(call):
    with torch.device("meta"):
        return call()


NAMES = {**vars(rd), "attack": attack, "nn": nn, "torch": torch, "NAN": NAN, "INF": INF, "X": X, "Y": Y}
NAMES |= {"net": net, "dialed": dialed, "data": data, "state": state, "fit": fit, "batch": batch, "rd": rd}
NAMES |= {"DataLoader": DataLoader, "TensorDataset": TensorDataset, "Chain": Chain, "Function": Function, "Warp": Warp}
NAMES |= {
    "Odd": Odd,
    "Gives": Gives,
    "method": method,
    "Turns": Turns,
    "creased": creased,
    "ce": nn.functional.cross_entropy,
    "NET": net(),
    "on_meta": on_meta,
}
NAMES |= {"Border": Border, "Dark": Dark, "Unsalient": Unsalient, "DCT": DCT, "recipes": recipes}

DOOR = """
fit(epochs=1.5)                             | epochs=1.5 is no whole number
fit(epochs=0)                               | epochs=0 is out of range
fit(epochs=-1)                              | epochs=-1 is out of range
fit(epochs=NAN)                             | epochs=nan is no whole number
fit(epochs="3")                             | epochs='3' is no whole number. Leave the quotes out: 3
fit(epochs=True)                            | epochs=True is no whole number
fit(epochs=None)                            | epochs=None is no whole number
fit(batch=0)                                | batch=0 is out of range
fit(batch=2.0)                              | batch=2.0 is no whole number
fit(data=(X, Y))                            | data is a tuple of 2. Give all of a data set, as load('digits')
fit(data="digits")                          | data is the text 'digits'. Give all of a data set, as load('digits')
fit(data=DataLoader(TensorDataset(X, Y)))   | data is a DataLoader. Give all of a data set
fit(data=data().train)                      | data is a Resident. Give all of a data set
fit(data=None)                              | data is None
fit(method="oat")                           | method is the text 'oat'. Give a method, such as robustdial.oat()
fit(method=rd.oat)                          | method is the function oat. Its parentheses are missing: oat()
fit(method=None)                            | method is None. Give a method
fit(method=rd.oat(lambdas=(0, 1)))          | the model has none. Wrap it first
fit(state=net())                            | state is a Sequential. Give a training state, as TrainState.new(model)
fit(epoch=1)                                | fit has no argument 'epoch'. The nearest is 'epochs'
fit(state=rd.TrainState.new(net(), rate=lambda t: NAN))      | rate(0)=nan is not finite
fit(state=rd.TrainState.new(net(), rate=lambda t: -1.0))     | rate(0)=-1.0 is negative
fit(state=rd.TrainState.new(net(), rate=lambda t: "x"))      | rate(0)='x' is no number
fit(state=rd.TrainState.new(net().to("meta")))               | The network is on meta, the images are on cpu
rd.steps(state(), data(), rd.fgsm(), epochs=1, batch=-4)     | batch=-4 is out of range
rd.TrainState.new(net(), lr=NAN)            | lr=nan is not finite
rd.TrainState.new(net(), lr=0)              | lr=0 is not positive
rd.TrainState.new(net(), lr=-0.1)           | lr=-0.1
rd.TrainState.new(net(), lr="0.1")          | lr='0.1' is no number. Leave the quotes out
rd.TrainState.new(net(), rate="cosin")      | cosin is not known
rd.TrainState.new(net(), rate=0.5)          | rate=0.5 is no rate
rd.TrainState.new(net(), seed=-1)           | seed=-1 is out of range
rd.TrainState.new(net(), seed=2**70)        | is out of range
rd.TrainState.new(net(), seed=0.5)          | seed=0.5 is no whole number
rd.TrainState.new("cnn")                    | model is the text 'cnn'. Give a network
rd.TrainState.new(nn.ReLU())                | has no weights that could learn
rd.optimizer_for(net(), NAN)                | lr=nan is not finite
rd.optimizer_for(net(), 0.1, momentum=-1)   | momentum=-1 is negative
rd.averaged(net(), 1.5)                     | averages nothing
rd.averaged(net(), "0.9")                   | decay='0.9' is no number
batch(x=255 * X)                            | pixels reach up to
batch(x=(X - 0.5) / 0.25)                   | looks normalised already
batch(x=(255 * X).byte())                   | x.float() / 255
batch(x=X[0])                               | Give [B, C, H, W]; of one image, x[None]
batch(x=X / 0)                              | NaN or infinite
batch(y=Y.float())                          | Give one whole number per image
batch(y=nn.functional.one_hot(Y))           | y.argmax(1) of one-hot labels
batch(y=Y[:3])                              | 8 images and 3 labels
batch(y=Y - 1)                              | The smallest label is -1
batch(y=Y + 5)                              | The labels go up to 6, and the network has fewer logits
batch(x=X[:0], y=Y[:0])                     | The batch has no images
batch(x=X.double())                         | weights are float32, the images float64: give x.float()
batch(x=X.double(), model=dialed(), method=rd.oat(lambdas=(0, 1)))     | the images float64: give x.float()
batch(model=net().double())                 | weights are float64, the images float32: build it with .float()
batch(x=X.expand(-1, 3, -1, -1))            | takes 1 channels, the images have 3
batch(x=X.to("meta"), y=Y.to("meta"))       | no ordinary tensor
batch(y=torch.eye(3)[Y])                    | probabilities of 3 classes, and the network has 2 logits
batch(model=nn.Sequential(nn.Flatten(), nn.Linear(64, 1)))             | one class cannot be told from others
batch(model=nn.Conv2d(1, 2, 8))             | Flatten them: logits.flatten(1)
batch(model=net().requires_grad_(False))    | All weights of the network are frozen
batch(optimizer=rd.optimizer_for(net(), 1)) | The optimizer has none of the weights that are to learn
batch(optimizer=torch.optim.LBFGS(net().parameters()))                 | LBFGS steps with a closure only
batch(teacher=net())                        | The teacher is in training mode
batch(accumulate=0)                         | leaves no part of a batch
batch(accumulate=3)                         | A batch of 8 images in 3 parts leaves some with fewer. Give 6 images
torch.no_grad()(batch)()                    | Gradients are switched off here
torch.inference_mode()(lambda: list(fit()))()                          | Gradients are switched off here
fit(data=rd.from_tensors((X, Y), (X, Y), augment=lambda x: x.numpy())) | The augmentation gives a ndarray
fit(state=rd.TrainState.new(nn.Sequential(nn.Flatten(), nn.Linear(64, 1))))  | one class cannot be told from others
fit(state=rd.TrainState.new(net().requires_grad_(False)))              | All weights of the network are frozen
batch(method=method(objective=Odd(learned=lambda loss: loss.mean())))       | is a tensor of [] for 8 images. Give one number for each
batch(method=method(objective=Odd(learned=lambda loss: loss[:, None])))     | The loss of Odd is a tensor of [8, 1] for 8 images
batch(method=method(objective=Odd(learned=lambda loss: loss * loss[:, None])))   | a tensor of [8, 8] for 8 images
batch(method=method(objective=Odd(learned=lambda loss: loss.detach())))     | The loss does not depend on the weights
batch(method=method(objective=Odd(learned=lambda loss: loss[:3])))          | a tensor of [3] for 8 images
batch(method=method(objective=Odd(learned=lambda loss: None)))              | The loss of Odd is None for 8 images
batch(method=method(objective=Odd(raised=lambda loss: loss * loss[:, None])))    | The attack loss of Odd is a tensor of [8, 8]
batch(forward=net())                        | The loss reaches no weight of the optimizer
batch(forward=creased)                      | lets no gradient through that is a number
batch(forward=lambda x: creased(x).detach())    | lets no gradient through to its images
batch(method=method(solver=Gives([])))      | Gives gives no point to learn from
batch(method=method(solver=Gives([3])))     | what a solver yields is 3. Give a point of game.open()
fit(method=method(schedule=Gives(0)))       | the passes of Gives=0 is out of range
fit(method=method(schedule=Gives(2.5)))     | the passes of Gives=2.5 is no whole number
batch(batch=X)                              | batch is a tensor of [8, 1, 8, 8]. A tensor
batch(batch=(X, Y))                         | batch is a tuple of 2. Give images and labels as one Batch(x, y)
batch(passes=0)                             | passes=0 is out of range
batch(passes=1.5)                           | passes=1.5 is no whole number
batch(method=rd.fgsm)                       | Its parentheses are missing: fgsm()
batch(optimizer=0.1)                        | optimizer is 0.1. Give an optimizer
batch(model=dialed())                       | This method trains a plain network
batch(method=rd.oat(lambdas=(0, 1)), model=nn.DataParallel(dialed()))  | A DataParallel wraps the model
rd.Batch(255 * X, Y)                        | pixels reach up to
rd.Batch(X.numpy(), Y)                      | x is a ndarray. Give images as a tensor
rd.Batch(X, list(Y))                        | y is a list of 8. Give labels as a tensor
rd.load(None)                               | name is None. Give text
on_meta(lambda: rd.load("digits"))          | The default device is meta (torch.set_default_device)
on_meta(lambda: rd.dial(NET, rd.Dials()))   | The default device is meta
rd.load("digit")                            | Did you mean digits?
rd.load("digits", limit=60.5)               | limit=60.5 is no whole number
rd.load("digits", val=NAN)                  | val=nan is not finite
rd.load("digits", val="0.1")                | val='0.1' is no number
rd.load("digits", size=10**5)               | size=100000: give the side
rd.load("digits", seed=-1)                  | seed=-1 is out of range
rd.load(7)                                  | name is 7. Give text
rd.from_tensors(X, Y)                       | not a pair of tensors
rd.from_tensors((X, Y), (X, Y), limit=2.5)  | limit=2.5 is no whole number
rd.from_tensors((X.numpy(), Y), (X, Y))     | Use torch.as_tensor on arrays
rd.from_tensors((X, Y), (X, Y), augment=4)  | augment=4 cannot be called
data().to("gpu")                            | device='gpu' is no device. Write cpu, cuda or cuda:0
data().to("cuda:99")                        | CUDA devices here
rd.without_labels(data())                   | source is a Data, all of a data set. Give a part of it, such as data.test
rd.pseudo_labelled(data(), "net")           | teacher is the text 'net'
rd.dial(None)                               | model is None. Give a network
rd.dial(net(), "x")                         | dials is the text 'x'. Give Dials(lambdas=(0, 0.5, 1))
rd.dial(net(), (0, 1))                      | dials is a tuple of 2. Give Dials(
rd.dial(net(), rd.Dials)                    | dials is the class Dials. Its parentheses are missing
rd.dial(net(), sites=["1"])                 | sites=a list of 1 cannot be called
rd.dial(nn.DataParallel(net()))             | model.module
rd.dial(net().to("meta"))                   | weights are on meta
rd.dial(net(), example=X[:0])               | example has no images
rd.dial(dialed())                           | has a dial already
rd.dial(net)                                | model is the function net. Its parentheses are missing: net()
rd.Dials(0.5)                               | lambdas=0.5 is no sequence. Write it as a tuple: lambdas=(0.5,)
rd.Dials("01")                              | lambdas='01' is no sequence
rd.Dials((0, NAN))                          | lambdas=nan is not finite
rd.Dials((0, "1"))                          | lambdas='1' is no number
rd.Dials((0, 2))                            | must be at least one number between 0 and 1
rd.Dials(torch.tensor([0.0, 1.0]))          | several with .tolist()
rd.Dials(dual="yes")                        | dual is the text 'yes'. Give True or False
rd.Dials(encoding="dct")                    | encoding is the text 'dct'. Give an Encoding
rd.Dials(encoding=DCT)                | Its parentheses are missing: DCT()
rd.Dials(widths=0.5)                        | widths=0.5 is no sequence
rd.Proportional(NAN)                        | most=nan is not finite
dialed().at("0.5")                          | lam='0.5' is no number. Leave the quotes out: 0.5
dialed().at(torch.tensor([0.5]))            | lam=a tensor of [1] is no number
dialed().at(None)                           | lam=None is no number
dialed().at(NAN)                            | lam=nan is not finite
dialed().at(2)                              | is not on this dial
dialed().at(0.5, "1")                       | width='1' is no number
dialed().bake(True)                         | lam=True is no number
dialed()(X)                                 | model.at(lam)(x)
dialed()(X, 0.5)                            | model(x, 0.5): a setting is no lambda. model.at(lam)(x)
rd.inventory(dialed())                      | sites=a Dialed is no sequence
rd.recalibrated(net(), 0.5, 1.0, [X])       | model is a Sequential. Give a network with a dial
rd.recalibrated(dialed(), 0.5, 1.0, [(X, Y)])  | [x for x, y in loader]
rd.recalibrated(dialed(), 0.5, 1.0, X)      | of all images as one tensor, [x]
rd.reestimated(net(), DataLoader(TensorDataset(X, Y)))                 | [x for x, y in loader]
rd.reestimated(net(), X)                    | of all images as one tensor, [x]
rd.reestimated(net(), [255 * X])            | Give them in [0, 1]
rd.reestimated(net(), [])                   | There are no images to measure statistics on
rd.mixed(net(), nn.Sequential(nn.Flatten(), nn.Linear(64, 5))).at(0.5)(X)   | Mix networks of the same classes
rd.reestimated("net", [X])                  | net is the text 'net'
rd.reestimated(dialed(), [X])               | Bake one: model.bake(0.5)
rd.reestimated(dialed().at(0), [X])         | Bake one: model.bake(0.5)
rd.build("cnn", classes=2.5, shape=(1, 8, 8), mean=[0.5], std=[0.5])   | classes=2.5 is no whole number
rd.build("cnn", classes=2, shape=(1, 8, 8), mean=[NAN], std=[0.5])     | mean=nan is not finite
rd.build("cnn", classes=2, shape=8, mean=[0.5], std=[0.5])             | shape=8 is no sequence
rd.build("Resnet18", classes=2, shape=(1, 8, 8), mean=[0.5], std=[0.5])| Did you mean resnet18?
rd.build(None, classes=2, shape=(1, 8, 8), mean=[0.5], std=[0.5])      | name is None
rd.Prepared(net(), "fp16")                  | precision='fp16' is not known
rd.Prepared("net", "float32")               | model is the text 'net'
rd.px("8")                                  | value='8' is no number. Leave the quotes out: 8
rd.px(None)                                 | value=None is no number
rd.px(NAN)                                  | value=nan is not finite
rd.open_model(None)                         | folder is None
rd.open_model("nowhere")                    | nowhere is not a run folder
rd.open_model("nowhere", device="gpu")      | device='gpu' is no device
rd.from_pretrained(None)                    | name is None
rd.save_pretrained(net(), "here")           | run is a Sequential
rd.push_to_hub("runs/x", 5)                 | name is 5
rd.open_generator(None)                     | folder is None
rd.open_generator("my gen")                 | robustdial generator --out 'my gen'
rd.plot_frontier("my run")                  | robustdial frontier 'my run'
rd.fit_generator(None, data(), epochs=1, batch=4)      | state is None
rd.StyleGenerator((1, 8, 8), 2.5)           | classes=2.5 is no whole number
rd.save(net(), "here")                      | state is a Sequential
rd.restore("there", state())                | state is the text 'there'
rd.look(net(), 255 * X, Y, rd.Linf(0.1))    | pixels reach up to
rd.look(net(), X, Y.float(), rd.Linf(0.1))  | Give one whole number per image
rd.look(net(), X, Y + 5, rd.Linf(0.1))      | labels up to 6, and the network has 2 logits
rd.report("nowhere")                        | There is no folder nowhere
rd.from_pretrained("/nowhere/at/all")       | There is no folder /nowhere/at/all
rd.PGDAttack(2, loss=ce)(net().eval(), X, Y, rd.Linf(0.1))             | one number for each [8], as with reduction='none'
rd.APGD(steps=2, loss=lambda z, y: z)(net().eval(), X, Y, rd.Linf(0.1))      | The loss of the attack is a tensor of [8, 2]
rd.PGDAttack(2)(creased, X, Y, rd.Linf(0.1))                           | it is NaN on 8 of 8 images
rd.PGDAttack(2)(net().eval(), X, Y, rd.Masked(rd.Linf(0.1), lambda x: x.numpy()))   | the mask of
data().test.subset([0.5])                   | indices is a list of 1. Give the numbers of images
rd.diagnose([], 2)                          | There are no epochs
rd.latencies([], X)                         | There are no networks
rd.latencies([net()], X, rounds=0)          | rounds=0 is out of range
rd.cost("net", (1, 8, 8))                   | f is the text 'net'
rd.clean_accuracy(net().eval(), data())     | source is a Data, all of a data set. Give a part of it, such as data.test
rd.clean_accuracy(Turns().eval(), data().test)                         | Call model.eval() first
rd.clean_accuracy(net().eval(), data().test, batch=0)  | batch=0 is out of range
rd.Linf("8/255")                            | eps='8/255' is no number
rd.Linf(8)                                  | px(8)
rd.Linf(True)                               | eps=True is no number
rd.L2(-1)                                   | eps=-1 is negative
rd.L2(NAN)                                  | eps=nan is not finite
rd.L2(torch.tensor(0.5))                    | eps=a tensor of [] is no number. A tensor of one number becomes one with .item()
rd.Box(5)                                   | decode is 5. Give a Decoder
rd.Masked(rd.Linf(0.1), 5)                  | mask=5 cannot be called
rd.Masked("linf", Dark())                   | Mask a ball
rd.Latent(None, {"fine": -1})               | leaves no room
rd.Latent(None, 0.5)                        | bounds=0.5 is no mapping
rd.spatial(-3)                              | degrees=-3 is negative
rd.spatial(NAN)                             | degrees=nan is not finite
Warp(scale="1")                             | scale='1' is no number
Chain(5)                                    | decoders=5 is no sequence
Border("thin")                              | share='thin' is no number
Unsalient(net().eval(), NAN)                | percentile=nan is not finite
rd.Step(NAN)                                | size=nan is not finite
rd.Step(-0.1, 1.0)                          | size=-0.1 is negative
rd.Step(0)                                  | does not move
rd.PGD(0.1)                                 | step is 0.1. Give Step(size=px(2))
rd.PGD(rd.Step)                             | step is the class Step. Its parentheses are missing
rd.PGD(rd.Step(0.1), noise=2)               | noise=2 is not a share
rd.PGD(rd.Step(0.1), mode="evaluation")     | mode='evaluation' is not known. The nearest is 'eval'
rd.PGD(rd.Step(0.1), mode=None)             | mode=None is not known
rd.Friendly(rd.Step(0.1), patience=1.5)     | patience=1.5 is no whole number
rd.Friendly(rd.Step(0.1), jitter=-1)        | jitter=-1 is negative
rd.Generated(rd.Step(0.1), every=0)         | every=0
rd.radial(dial="line", zeros=0.5)           | takes no --zeros or --sampling
rd.radial(dial="line", widths=(0.5, 1.0))   | takes no --widths
rd.oat(dial="line", code=8)                 | takes no --encoding or --code
rd.oat(dial="line", film="paper")           | takes no --film
rd.oat(dial="line", dual=False)             | takes no --dual
rd.Transferred(rd.Step(0.1), reset="10")    | reset='10' is no whole number
rd.YOPO(rd.Step(0.1), inner=2.0)            | inner=2.0 is no whole number
rd.Replay(rd.Step(0.1), noise="0")          | noise='0' is no number
rd.Carried(None)                            | step is None
rd.WorstOf("Eval")                          | mode='Eval' is not known. The nearest is 'eval'
rd.Constant(7.5)                            | number=7.5 is no whole number
rd.Constant("8")                            | number='8' is no whole number
rd.Constant(0)                              | at least 1 pass
rd.Linear(3, NAN)                           | most=nan is no whole number
rd.Delayed(every=-1, most=3)                | every=-1 is out of range
rd.Magnitude(gamma=NAN)                     | gamma=nan is not finite
rd.Magnitude(most=8.0)                      | most=8.0 is no whole number
rd.Rebound(gamma="1")                       | gamma='1' is no number
rd.Threshold(NAN, 8)                        | accuracy=nan is not finite
rd.Warm(0.5, 8)                             | schedule is 8. Give a schedule, such as Constant(8)
rd.TRADES("6")                              | beta='6' is no number
rd.TRADES(NAN)                              | beta=nan is not finite
rd.MART(-1)                                 | beta=-1 is negative
rd.ALP(INF)                                 | weight=inf is not finite
rd.Blend(None)                              | share=None is no number
rd.Smoothed(rd.AT, 0.1)                     | objective is the class AT. Its parentheses are missing: AT()
rd.Smoothed(rd.AT(), NAN)                   | amount=nan is not finite
rd.Guided("at")                             | objective is the text 'at'. Give an objective, such as AT()
rd.Targeted(None)                           | objective is None
rd.Distilled(rd.AT(), 2)                    | the teacher's share
rd.GradAlign(rd.AT(), weight=-1)            | weight=-1 is negative
rd.SelfTraining(rd.AT())                    | objective is an AT, one loss and no pair
rd.AWP("0.01")                              | gamma='0.01' is no number
rd.AWP(NAN)                                 | gamma=nan is not finite
rd.Method(rd.Linf, rd.PGD(rd.Step(0.1)), rd.Constant(2), rd.AT())    | threat is the class Linf. Its parentheses are missing
rd.Method("linf", rd.PGD(rd.Step(0.1)), rd.Constant(2), rd.AT())     | threat is the text 'linf'. Give a threat, such as Linf
rd.Method(rd.Linf(0.1), "pgd", rd.Constant(2), rd.AT())              | solver is the text 'pgd'
rd.Method(rd.Linf(0.1), rd.PGD(rd.Step(0.1)), 8, rd.AT())            | schedule is 8. Give a schedule, such as Constant(8)
rd.Method(rd.Linf(0.1), rd.PGD(rd.Step(0.1)), rd.Constant(2), "ce")  | objective is the text 'ce'
rd.Method(rd.Linf(0.1), rd.PGD(rd.Step(0.1)), rd.Constant(2), rd.AT(), (0, 1))  | dial is a tuple of 2
rd.pgd_at(norm="Linf")                      | norm='Linf' is not known. The nearest is 'linf'; all of them: linf, l2
rd.pgd_at(norm="LINF")                      | norm='LINF' is not known. The nearest is 'linf'
rd.pgd_at(norm="l3")                        | norm='l3' is not known
rd.pgd_at(norm=None)                        | norm=None is not known
rd.oat(norm="L2")                           | norm='L2' is not known. The nearest is 'l2'
rd.oat(norm=float("inf"))                   | norm=inf is not known
recipes.threat_of("Linf", 0.1)              | norm='Linf' is not known
rd.oat(steps=1.5)                           | steps=1.5 is no whole number
rd.oat(steps=-1)                            | steps=-1 is out of range
rd.oat(steps="7")                           | steps='7' is no whole number
rd.oat(eps=NAN)                             | eps=nan is not finite
rd.oat(eps=8)                               | px(8) in Python
rd.oat(eps="8/255")                         | eps='8/255' is no number
rd.oat(encoding="Cosine")                   | encoding='Cosine' is not known. The nearest is 'cosine'
rd.oat(film="none")                         | film='none' is not known
rd.oat(sampling="images")                   | sampling='images' is not known
rd.oat(dual=1)                              | dual is 1. Give True or False
rd.oat(epsilon=0.1)                         | oat has no argument 'epsilon'. The nearest is 'eps'
rd.oat(lambdas=0.5)                         | lambdas=0.5 is no sequence
rd.oat(code=1)                              | at least 2
rd.trades(mode="Train")                     | mode='Train' is not known. The nearest is 'train'
rd.trades(beta=NAN)                         | beta=nan is not finite
rd.m_deat(rule="Published")                 | rule='Published' is not known. The nearest is 'published'
rd.free(carry="no")                         | carry is the text 'no'. Give True or False
rd.free(replays=2.5)                        | replays=2.5 is no whole number
rd.radial(steps=None)                       | steps=None is no whole number
rd.localized(mask="Dark")                   | mask='Dark' is not known. The nearest is 'dark'
attack.PGDAttack(steps=2.5)                 | steps=2.5 is no whole number
attack.PGDAttack(step=NAN)                  | step=nan is not finite
attack.PGDAttack(loss="ce")                 | loss='ce' cannot be called
attack.PGDAttack(noise=-1)                  | noise=-1 is negative
rd.APGD(steps="100")                        | steps='100' is no whole number
rd.APGDTargeted(classes=0)                  | at least one of each
"""  # noqa: E501
ROWS = [[part.strip() for part in line.rsplit("|", 1)] for line in DOOR.strip().splitlines()]


@pytest.mark.parametrize(("expression", "message"), ROWS, ids=[row[0] for row in ROWS])
def test_a_wrong_argument_meets_one_clear_line(expression, message):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=re.escape(message)) as caught:
        found = eval(expression, dict(NAMES))
        for _ in found if expression.startswith("fit(") else ():
            pass
    told = str(caught.value)
    assert "\n" not in told and told.endswith((".", ")", "?", "'", "robustdial train")), told


def test_what_is_meant_by_a_name_works():
    assert rd.TrainState.new(net(), rate="cosine").rate(0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("name", sorted(set(recipes.RECIPES)))
@pytest.mark.parametrize("wrong", ["Linf", None, 2])
def test_no_recipe_takes_an_unknown_norm_for_l2(name, wrong):
    if "norm" in inspect.signature(recipes.RECIPES[name]).parameters:
        with pytest.raises(ValueError, match="norm"):
            recipes.RECIPES[name](norm=wrong)


@pytest.mark.parametrize("name", sorted(recipes.RECIPES))
def test_no_knob_of_any_recipe_takes_what_cannot_be_meant(name):
    for knob, parameter in inspect.signature(recipes.RECIPES[name]).parameters.items():
        for wrong in (NAN, -1, object(), "nonsense") if not isinstance(parameter.default, str) else (NAN, -1, object()):
            with pytest.raises((ValueError, TypeError), match=knob):
                recipes.RECIPES[name](**{knob: wrong})
