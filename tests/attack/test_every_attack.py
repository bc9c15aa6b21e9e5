"""What every attack keeps, whatever it does: a new one is one row of the table."""

import pytest
import torch
from torch import nn

from robustdial.attack import (
    APGD,
    FAB,
    FGSM,
    APGDTargeted,
    Cascade,
    DeepFool,
    FromAnother,
    PGDAttack,
    SparsePGD,
    SparseRS,
    Square,
    dlr,
    margin,
    parse,
)
from robustdial.method.threat import L0, L1, L2, Linf
from robustdial.randomness import seeded

SEARCHES = [
    FGSM(),
    PGDAttack(5),
    PGDAttack(5, restarts=3),
    PGDAttack(5, loss=margin, restarts=2, title="cw"),
    APGD(steps=6),
    APGD(dlr, 6, 2, title="apgd-dlr"),
    APGDTargeted(6, 3),
    FAB(steps=8),
    DeepFool(),
    Square(queries=40),
]
CASCADE = Cascade((FGSM(), APGDTargeted(4), FAB(steps=4), Square(queries=20)), "cascade")
ATTACKS = [*SEARCHES, CASCADE]
SPARSE = [SparsePGD(10), SparsePGD(10, "projected"), SparseRS(40), Cascade((SparsePGD(4), SparseRS(20)), "sparse")]


def played_in(*threats, sparse):
    """Every attack in each of these threats, or in the one for those that move in L0."""
    cases = [(attack, threat) for attack in ATTACKS for threat in threats] + [(attack, sparse) for attack in SPARSE]
    names = [f"{attack.name}-{threat.name.lower()}" for attack, threat in cases]
    return pytest.mark.parametrize(("attack", "threat"), cases, ids=names)


BALLS = played_in(Linf(0.1), L2(0.5), L1(4.0), sparse=L0(3))
ONE = played_in(Linf(0.1), sparse=L0(3))


class Moody(nn.Module):
    """A network whose answer depends on its mode."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8 * 36, 5)
        )

    def forward(self, x):
        return self.layers(x)


def images(n=12):
    """Images with values exactly 0 and 1."""
    return (torch.rand(n, 3, 8, 8) * 1.4 - 0.2).clamp(0, 1)


def length(z, threat):
    z = z.abs().amax(1) if threat.name == "L0" else z  # a pixel, in all its channels
    power = {"Linf": torch.inf, "L2": 2, "L1": 1, "L0": 0}[threat.name]
    return z.flatten(1).norm(power, dim=1)


@pytest.mark.rounding
@BALLS
def test_images_are_in_the_set_and_some_are_adversarial(attack, threat):
    net, x = Moody().eval(), images()
    y = net(x).argmax(1)
    adv = attack(net, x, y, threat)
    assert adv.shape == x.shape and adv.dtype == x.dtype and not adv.requires_grad
    assert adv.min() >= 0 and adv.max() <= 1
    assert (length(adv - x, threat) <= threat.radius + 1e-6).all()
    assert (net(adv).argmax(1) != y).any()


@played_in(Linf(0.0), L2(0.0), sparse=L0(0))
def test_without_a_radius_nothing_moves(attack, threat):
    net, x = Moody().eval(), images()
    assert torch.equal(attack(net, x, net(x).argmax(1), threat), x)


@BALLS
def test_a_wrong_answer_stays_wrong(attack, threat):
    net, x = Moody().eval(), images()
    logits = net(x)
    worst = logits.argmin(1)
    adv = attack(net, x, worst, threat.of_radius(1e-4))
    assert (net(adv).argmax(1) != worst).all()


@pytest.mark.rounding
@BALLS
def test_a_wider_set_never_helps_the_network(digits, attack, threat):
    net, x, y = digits
    standing = []
    for share in (0.25, 0.75, 1.5, 3.0):
        with seeded(0), torch.no_grad():
            adv = attack(net, x[:60], y[:60], threat.of_radius(share * threat.radius))
            standing.append(int((net(adv).argmax(1) == y[:60]).sum()))
    assert standing == sorted(standing, reverse=True)
    assert standing[0] > standing[-1]


@ONE
def test_the_same_seed_gives_the_same_images(digits, attack, threat):
    net, x, y = digits
    found = []
    for _ in range(2):
        with seeded(1):
            found.append(attack(net, x[:20], y[:20], threat))
    assert torch.equal(*found)


@pytest.mark.parametrize("attack", [a for a in SEARCHES if not isinstance(a, FGSM | FAB | DeepFool)])
def test_another_seed_starts_elsewhere(digits, attack):
    net, x, y = digits
    found = []
    for seed in range(2):
        with seeded(seed):
            found.append(attack(net, x[:20], y[:20], Linf(0.05)))
    assert not torch.equal(*found)


@ONE
def test_a_module_is_attacked_in_evaluation_mode_and_left_as_it_was(attack, threat):
    net, x = Moody().train(), images()
    net.layers[1].eval()
    net.layers[0].bias.requires_grad_(False)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    modes, asking = [m.training for m in net.modules()], [p.requires_grad for p in net.parameters()]
    with seeded(3):
        from_training = attack(net, x, torch.arange(12) % 5, threat)
    assert modes == [m.training for m in net.modules()]
    assert asking == [p.requires_grad for p in net.parameters()]
    assert all(p.grad is None for p in net.parameters())
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    with seeded(3):
        assert torch.equal(from_training, attack(net.eval(), x, torch.arange(12) % 5, threat))


@BALLS
def test_no_images_are_no_trouble(attack, threat):
    x = torch.rand(0, 3, 8, 8)
    assert attack(Moody(), x, torch.zeros(0, dtype=torch.int64), threat).shape == x.shape


@ONE
def test_it_does_not_matter_who_calls(attack, threat):
    """From inside `no_grad`, and a function instead of a module."""
    net, x = Moody().eval(), images()
    y = net(x).argmax(1)
    with seeded(0), torch.no_grad():
        inside = attack(net, x, y, threat)
    with seeded(0):
        assert torch.equal(attack(lambda images: net(images), x, y, threat), inside)


# --- one more start only helps ------------------------------------------------------------------------------------


@pytest.mark.rounding
@pytest.mark.parametrize(
    ("few", "many"),
    [
        (PGDAttack(3), PGDAttack(3, restarts=4)),
        (PGDAttack(3, loss=margin), PGDAttack(3, loss=margin, restarts=4)),
        (APGD(dlr, 3), APGD(dlr, 3, 4)),
        (APGDTargeted(3, 1), APGDTargeted(3, 4)),
        (FAB(steps=3, targets=1), FAB(steps=3, targets=4)),
    ],
    ids=["pgd", "cw", "apgd", "apgd-t", "fab-t"],
)
def test_more_starts_or_classes_never_help_the_network(digits, few, many):
    net, x, y = digits
    robust = []
    for attack in (few, many):
        with seeded(0), torch.no_grad():
            robust.append(net(attack(net, x, y, Linf(0.1))).argmax(1) == y)
    assert not (robust[1] & ~robust[0]).any()
    assert robust[1].sum() < robust[0].sum()


# --- names --------------------------------------------------------------------------------------------------------

NAMES = ["fgsm", "deepfool", "apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square", "autoattack", "pgd-3", "cw-7"]
NAMES += ["worst-of-3", "grid-31x5x5", "spgd", "spgd-p", "sparse-rs", "saa", "spgd-50", "spgd-p-50", "sparse-rs-9"]


@pytest.mark.parametrize("name", [*NAMES, "pgd-20x5", "cw-3x2", "fgsm+pgd-20x5+square"])
def test_an_attack_is_called_what_it_was_asked_for(name):
    assert parse(name).name == name


def test_a_name_of_several_attacks_is_those_in_turn():
    cascade = parse("pgd-2x3+fab-t")
    assert cascade.attacks == (PGDAttack(2, restarts=3), FAB())


@pytest.mark.parametrize("name", ["apgd", "pgd-0", "pgd-2x0", "pgd-x3", "cw", "fgsm+", "fgsm+nonsense", "", "pgd-²"])
def test_an_unknown_name_is_answered_with_all_known_ones(name):
    with pytest.raises(ValueError, match=r"pgd-K or cw-K.*fgsm, deepfool, apgd-ce, apgd-dlr, apgd-t"):
        parse(name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PGDAttack(0),
        lambda: PGDAttack(step=0),
        lambda: PGDAttack(restarts=0),
        lambda: DeepFool(steps=0),
        lambda: DeepFool(candidates=1),
        lambda: APGD(steps=0),
        lambda: APGD(restarts=0),
        lambda: APGDTargeted(classes=0),
        lambda: FAB(steps=0),
        lambda: FAB(targets=0),
        lambda: Square(queries=0),
        lambda: Square(share=0.0),
        lambda: SparsePGD(0),
        lambda: SparsePGD(patience=0),
        lambda: SparseRS(0),
        lambda: SparseRS(share=0.0),
    ],
)
def test_settings_that_mean_nothing_are_refused(make):
    with pytest.raises(ValueError, match="at least one"):
        make()


def test_names_for_reports():
    assert (FAB().name, Square(queries=300).name) == ("fab-t", "square-300")
    assert FromAnother(Moody(), PGDAttack(10, restarts=2)).name == "pgd-10x2 on another network"


# --- compiled networks --------------------------------------------------------------------------------------------


@pytest.mark.rounding
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # asked for by the compiler
def test_a_compiled_network_is_attacked_with_few_graphs_however_many_images_are_left():
    net, x, graphs = Moody().eval(), images(40), []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    y, compiled = net(x).argmax(1), torch.compile(net, backend=backend, dynamic=True)
    found = []
    for f in (net, compiled):
        with seeded(0), torch.no_grad():
            found.append(net(CASCADE(f, x, y, Linf(0.03))).argmax(1) == y)
    assert torch.equal(*found)
    assert 0 < found[0].sum() < 40
    assert len(graphs) <= 6  # with gradient and without, and for a single image alone
