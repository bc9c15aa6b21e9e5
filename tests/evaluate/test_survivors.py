"""Stage after stage: who is attacked, who counts as fallen, and how a call goes on where another was stopped."""

from dataclasses import dataclass, field

import pytest
import torch
from PIL import Image

from robustdial.attack import Cascade, PGDAttack, Square
from robustdial.data import Resident, Stream, from_tensors
from robustdial.evaluate import UNBROKEN, Survivors, attacks_of, measure, run_cascade
from robustdial.method.threat import L2, Linf

N, WIDE = 30, Linf(1.0)


def by_mean(x):
    """Ten logits; class 1 wherever the mean pixel is above one half, else class 0."""
    mean = x.flatten(1).mean(1, keepdim=True)
    return torch.cat([1 - mean, mean, torch.full((len(x), 8), -9.0)], dim=1)


@pytest.fixture
def source():
    """Images whose mean pixel is 0.2 to 0.5; the last third is labelled wrongly."""
    x = torch.linspace(0.2, 0.49, N)[:, None, None, None].expand(N, 1, 2, 2).contiguous()
    y = torch.zeros(N, dtype=torch.int64)
    y[2 * N // 3 :] = 1
    return from_tensors((x, y), (x, y)).test


@dataclass(frozen=True)
class Brighter:
    """Every pixel by `by`; keeps the sizes of its batches."""

    by: float
    name: str = "brighter"
    seen: list = field(default_factory=list)

    def __call__(self, f, x, y, threat):
        self.seen.append(len(x))
        return x + self.by


def through(source, attacks, threat=WIDE, survivors=None, batch=8, seed=0, f=by_mean):
    stages = attacks_of(Cascade(tuple(attacks), "some"), 10)
    survivors = survivors or Survivors.fresh(len(source), len(stages))
    return survivors, run_cascade(f, source, stages, threat, survivors, batch=batch, seed=seed)


def test_each_attack_meets_those_that_stand_in_full_batches(source):
    attacks = [Brighter(0.205), Brighter(0.305)]
    survivors, going = through(source, attacks)
    seen = list(going)
    assert [attack.seen for attack in attacks] == [[8, 8, 4], [8, 2]]  # 20 are right, the first breaks 10 of them
    assert [survivors.accuracy(stage).correct for stage in range(3)] == [20, 10, 0]
    assert survivors.broken_by.tolist() == [2] * 10 + [1] * 10 + [0] * 10
    assert [(a.stage, a.done, a.of) for a in seen if a.done == a.of] == [(0, 30, 30), (1, 20, 20), (2, 10, 10)]
    assert seen[-1].survivors == 0


def test_what_stands_through_all_stages_stands(source):
    survivors, going = through(source, [Brighter(0.0), Brighter(0.155)])
    list(going)
    assert survivors.finished
    assert (survivors.broken_by == UNBROKEN).sum() == survivors.accuracy().correct == 15
    assert (survivors.lead[survivors.broken_by == UNBROKEN] > 0).all()
    assert (survivors.lead[survivors.broken_by != UNBROKEN] <= 0).all()


@pytest.mark.parametrize("stop", range(1, 9))
def test_going_on_ends_where_an_undisturbed_call_ends(source, stop):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 10)).eval()
    attacks = [PGDAttack(1, noise=1.0), Square(queries=3)]
    whole, going = through(source, attacks, Linf(0.05), f=net)
    list(going)
    part, going = through(source, attacks, Linf(0.05), f=net)
    for _, _ in zip(range(stop), going, strict=False):
        pass
    kept = Survivors(**{name: tensor.clone() for name, tensor in part.tensors().items()})
    kept, going = through(source, attacks, Linf(0.05), kept, f=net)
    list(going)
    for name in ("broken_by", "next", "lead"):
        assert torch.equal(getattr(kept, name), getattr(whole, name)), name


def test_shards_make_the_whole(source):
    whole, going = through(source, [Brighter(0.205), Brighter(0.305)])
    list(going)
    shards = []
    for k in range(4):
        shard, going = through(source.subset(torch.arange(k, N, 4)), [Brighter(0.205), Brighter(0.305)])
        list(going)
        shards.append(shard)
    merged = Survivors.merged(shards)
    assert torch.equal(merged.broken_by, whole.broken_by)
    assert torch.equal(merged.lead, whole.lead)


@pytest.mark.parametrize(
    ("attack", "threat", "words"),
    [
        (Brighter(0.2), Linf(0.1), "moves an image by 0.2, and the radius is 0.1"),
        (Brighter(0.2), L2(0.3), "moves an image by 0.4"),
        (Brighter(0.9), Linf(1.0), r"outside \[0, 1\]"),
        (Brighter(float("nan")), Linf(1.0), r"outside \[0, 1\]"),
    ],
)
def test_an_attack_that_cheats_is_refused(source, attack, threat, words):
    _, going = through(source, [attack], threat)
    with pytest.raises(ValueError, match=words):
        list(going)


def test_an_attack_that_only_claims_success_breaks_nothing(source):
    survivors, going = through(source, [Brighter(1e-4)])
    list(going)
    assert survivors.accuracy(0) == survivors.accuracy(1)


def test_measuring_is_seeded_by_the_generator_and_takes_a_cascade_apart(source):
    attacks = Brighter(0.205), Brighter(0.305)
    measured = measure(by_mean, source, Cascade(attacks, "both"), Linf(1.0), batch=8)
    assert (measured.clean.correct, measured.robust.correct) == (20, 0)
    assert attacks[1].seen == [8, 2]


def test_attacks_ask_the_network_of_the_search_and_the_other_one_decides(source):
    asked = []

    def easy(x):
        asked.append(len(x))
        return by_mean(x + 0.1)

    survivors = Survivors.fresh(len(source), 2)
    stages = attacks_of(PGDAttack(3), 10)
    for _ in run_cascade(by_mean, source, stages, Linf(0.05), survivors, batch=8, search=easy):
        pass
    assert asked and survivors.accuracy(0).correct == 20
    assert torch.equal(survivors.after(1), measured_alone(source))
    asked.clear()
    stages, survivors = attacks_of(Square(queries=3), 10), Survivors.fresh(len(source), 2)
    for _ in run_cascade(by_mean, source, stages, Linf(0.05), survivors, batch=8, search=easy):
        pass
    assert not asked  # an attack without gradients asks the network itself


def measured_alone(source):
    """Who stands where the network itself is searched, whose gradient is the same."""
    survivors = Survivors.fresh(len(source), 2)
    for _ in run_cascade(by_mean, source, attacks_of(PGDAttack(3), 10), Linf(0.05), survivors, batch=8):
        pass
    return survivors.after(1)


def test_images_may_stream(source):
    x, y = next(source.batches([torch.arange(N)]))
    pictures = [Image.fromarray(picture[0].numpy()) for picture in (255 * x).round().byte()]
    streaming = Stream(pictures, torch.arange(N), y, (1, 2, 2))
    resident = streaming.settle()
    assert isinstance(resident, Resident)
    fates = []
    for images in (streaming, resident):
        survivors, going = through(images, [Brighter(0.205), Brighter(0.305)])
        list(going)
        fates.append(survivors.broken_by)
    assert torch.equal(*fates)
    assert len(fates[0].unique()) > 2
