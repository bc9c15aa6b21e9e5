"""One table over every threat: what a solver may rely on."""

import pytest
import torch

from robustdial.mask import Border, Dark, Rest, Unsalient
from robustdial.threat import L2, Ball, Linf, Masked, Settling, settled, spatial


def halves(x):
    """A network that looks at the left more than at the right."""
    return torch.stack([x[..., :2].mean((1, 2, 3)), 0.5 * x[..., 2:].mean((1, 2, 3))], dim=1)


MASKED = [
    Masked(Linf(0.3), Dark(0.5)),
    Masked(Linf(0.1), Unsalient(halves, 40)),
    Masked(L2(0.5), Border(0.2)),
    Masked(L2(2.0), Rest(Border(0.2))),
]
THREATS = [Linf(8 / 255), Linf(0.3), L2(0.5), L2(3.0), spatial(), spatial(45, 0.2), *MASKED]
REACHES = [1.0, torch.tensor([0.0, 0.25, 0.5, 1.0, 1.0, 0.75])]


def reseeded(threat):
    torch.manual_seed(1)
    return threat


def euclidean(threat):
    return isinstance(getattr(threat, "threat", threat), L2)


def sizes(threat, z):
    return z.flatten(1).norm(dim=1) if euclidean(threat) else z.flatten(1).abs().amax(1)


def images():
    x = torch.rand(6, 3, 5, 5)
    x[0], x[1] = 0.0, 1.0  # the corners of the image cube
    return x


def check_inside(threat, x, z, reach):
    limit = threat.radius * torch.as_tensor(reach).expand(len(x))
    assert (sizes(threat, z) <= limit + 1e-6).all()
    assert threat.apply(x, z).min() >= 0
    assert threat.apply(x, z).max() <= 1 + 1e-6  # where pixels are means of others, weights may sum to a little more


each = pytest.mark.parametrize("threat", THREATS, ids=str)
reaching = pytest.mark.parametrize("reach", REACHES, ids=["one reach", "a reach per row"])


@each
@reaching
@pytest.mark.parametrize("amount", [0.0, 0.3, 1.0])
def test_noise_is_inside(threat, reach, amount):
    x = images()
    z = threat.noise(x, reach, amount)
    check_inside(threat, x, z, torch.as_tensor(reach) * amount)
    assert (z == 0).all() == (amount == 0)


@each
@reaching
def test_projection_lands_inside_and_stays(threat, reach):
    x = images()
    z = threat.project(torch.randn_like(threat.noise(x, 1.0, 0.0)), x, reach)
    check_inside(threat, x, z, reach)
    torch.testing.assert_close(threat.project(z, x, reach), z, atol=1e-6, rtol=0)


@each
def test_projection_keeps_what_is_inside(threat):
    x = torch.rand(6, 3, 5, 5) * 0.2 + 0.4
    z = 0.5 * threat.noise(x, 1.0, 0.5)
    torch.testing.assert_close(threat.project(z, x, 1.0), z)


@each
@pytest.mark.parametrize(
    "size", [0.01, torch.tensor([0.0, 0.01, 0.02, 0.03, 0.04, 0.05])], ids=["one size", "a size per row"]
)
def test_a_step_has_its_length_and_raises_a_linear_loss_most(threat, size):
    z = threat.noise(torch.rand(6, 3, 5, 5), 1.0, 0.0)
    gradient = torch.randn_like(z)
    step = threat.ascend(z, gradient, size)
    lengths = torch.as_tensor(size).expand(6)
    torch.testing.assert_close(sizes(threat, step), lengths)
    dual = gradient.flatten(1).norm(dim=1) if euclidean(threat) else gradient.flatten(1).abs().sum(1)
    torch.testing.assert_close((step * gradient).flatten(1).sum(1), lengths * dual)


@each
def test_a_zero_gradient_moves_nothing(threat):
    z = threat.noise(torch.rand(2, 1, 3, 3), 1.0, 0.0)
    step = threat.ascend(z, torch.zeros_like(z), 0.1)
    assert (step == 0).all()


@each
def test_apply_is_differentiable(threat):
    x = images()
    z = threat.noise(x, 1.0, 1.0).requires_grad_()
    (gradient,) = torch.autograd.grad(threat.apply(x, z).sum(), z)
    assert torch.isfinite(gradient).all()


@each
def test_nothing_changed_is_the_image(threat):
    x = images()
    torch.testing.assert_close(threat.apply(x, threat.noise(x, 1.0, 0.0)), x, atol=1e-6, rtol=0)


@each
def test_the_slope_of_apply_is_that_of_its_difference(threat):
    x = torch.rand(2, 1, 6, 6, dtype=torch.float64)
    z = (0.3 * threat.noise(x, 1.0, 1.0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: threat.apply(x, z), z)


@each
def test_no_rows_are_fine(threat):
    x = torch.empty(0, 3, 5, 5)
    z = threat.noise(x, 1.0, 1.0)
    assert threat.apply(x, threat.project(z, x, 1.0)).shape == x.shape


@each
@reaching
def test_a_settled_threat_is_the_same_threat(threat, reach):
    x = images()
    near = settled(threat, x)
    assert isinstance(threat, Settling) == (near is not threat)
    assert (near.name, near.radius) == (threat.name, threat.radius)
    z, same = (each.noise(x, reach, 1.0) for each in map(reseeded, (threat, near)))
    assert torch.equal(z, same)
    z = 3 * z
    assert torch.equal(threat.project(z, x, reach), near.project(z, x, reach))
    assert torch.equal(threat.apply(x, z), near.apply(x, z))


@each
def test_a_ball_knows_who_is_inside(threat):
    if isinstance(threat, Ball):
        x = images()
        ends = threat.apply(x, threat.project(torch.randn_like(x), x, 1.0))
        assert (threat.distance(x, ends) <= threat.radius + 1e-6).all()
        wider = threat.of_radius(2 * threat.radius)
        assert type(wider) is type(threat)
        assert wider.radius == 2 * threat.radius
        assert threat.of_radius(threat.radius) == threat
