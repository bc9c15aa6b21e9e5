"""One table over every threat: what a solver may rely on."""

from importlib.util import find_spec

import pytest
import torch

from robustdial.method.threat import (
    L0,
    L1,
    L2,
    Ball,
    Blur,
    Box,
    Brightness,
    Chain,
    Contrast,
    Function,
    Hue,
    Latent,
    Linf,
    Masked,
    Named,
    Noise,
    Settling,
    Union,
    Warp,
    settled,
    spatial,
)
from robustdial.method.threat.mask import Border, Dark, Rest, Unsalient


class Lines:
    """A linear generator of images of any size: brightness, a ramp from top to bottom, and one from left to right."""

    levels = ("light", "slopes")

    def encode(self, x):
        return {"light": x.mean((1, 2, 3), keepdim=True), "slopes": x.new_zeros(len(x), 2, 1, *x.shape[2:])}

    def decode(self, latents):
        slopes = latents["slopes"]
        down = torch.linspace(-1, 1, slopes.shape[3], device=slopes.device).to(slopes)[:, None]
        return latents["light"] + slopes[:, 0] * down + 0.1 * slopes[:, 1]

    def __repr__(self):
        return "Lines()"


LATENT = [Latent(Lines(), {"light": 0.2}), Latent(Lines(), {"slopes": 0.1, "light": 0.05})]


def fog(x, z):
    """A user's own: white comes before the image."""
    return torch.lerp(x, torch.ones_like(x), 0.5 * z[:, :1, None, None])


DECODERS = [
    Warp(20, 0.1, 0.3, 0.2),
    Warp(0, 0, skew=0.5),
    Brightness(),
    Contrast(),
    Noise(),
    Function(fog, ("fog",), (0.0,)),
    Chain((Warp(skew=0.2), Brightness(), Noise())),
]
KORNIA = pytest.mark.skipif(find_spec("kornia") is None, reason="kornia is not there: pip install '.[attributes]'")


def halves(x):
    """A network that looks at the left more than at the right."""
    return torch.stack([x[..., :2].mean((1, 2, 3)), 0.5 * x[..., 2:].mean((1, 2, 3))], dim=1)


MASKED = [
    Masked(Linf(0.3), Dark(0.5)),
    Masked(Linf(0.1), Unsalient(halves, 40)),
    Masked(L2(0.5), Border(0.2)),
    Masked(L2(2.0), Rest(Border(0.2))),
]
THREATS = [
    Linf(8 / 255),
    Linf(0.3),
    L2(0.5),
    L2(3.0),
    L1(2.0, 0.2),
    L1(12.0, 0.04),
    L0(4),
    L0(12),
    spatial(),
    spatial(45, 0.2),
    *map(Box, DECODERS),
]
THREATS += [pytest.param(Box(decode), marks=KORNIA) for decode in (Blur(), Hue(0.3), Chain((Hue(), Blur(0.5))))]
UNIONS = [Union((Linf(0.1), L1(2.0, 0.2))), Union((Linf(0.1), L2(0.5), L1(2.0, 0.2)))]
THREATS += LATENT + MASKED + UNIONS
REACHES = [1.0, torch.tensor([0.0, 0.25, 0.5, 1.0, 1.0, 0.75])]


def climbing(threat, like):
    """1 where an ascent moves, 0 at attributes that stay as they were drawn: the patterns of noise."""
    decode = threat.decode if isinstance(threat, Box) else None
    named = decode.attributes if isinstance(decode, Named) else ()
    return torch.tensor([attribute.climbs for attribute in named]).to(like) if named else torch.ones_like(like)


def reseeded(threat):
    torch.manual_seed(1)
    return threat


def euclidean(threat):
    return isinstance(getattr(threat, "threat", threat), L2)


def sizes(threat, z):
    if isinstance(threat, Union):
        return torch.stack([sizes(ball, z) / ball.radius for ball in threat.balls]).amin(0)
    if isinstance(threat, L0):
        return (z != 0).any(1).flatten(1).sum(1).to(z.dtype)
    if isinstance(threat, L1):
        return z.flatten(1).abs().sum(1)
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


each = pytest.mark.parametrize("threat", THREATS)
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
    gradient = torch.randn_like(z) * climbing(threat, z)
    size = 100 * size if isinstance(threat, L0) else size  # whole pixels
    step = threat.ascend(z, gradient, size)
    lengths = torch.as_tensor(size).expand(6)
    torch.testing.assert_close(sizes(threat, step), lengths)
    rise = (step * gradient).flatten(1).sum(1)
    if isinstance(threat, L0):  # each pixel adds what is left
        best = gradient.abs().sum(1).flatten(1).sort(1, descending=True).values.cumsum(1)
        expected = torch.stack([best[i, int(n) - 1] if n else best[i, 0] * 0 for i, n in enumerate(lengths)])
    else:
        expected = lengths * dual(threat, gradient)
    torch.testing.assert_close(rise, expected)


def dual(threat, gradient):
    """By how much a step of length 1 raises a linear loss."""
    if isinstance(threat, Union):
        return torch.stack([ball.radius * dual(ball, gradient) for ball in threat.balls]).amax(0)
    steep = gradient.flatten(1).abs()
    if isinstance(threat, L1):  # several pixels, as one would soon meet the end of its range
        return steep.sort(1, descending=True).values[:, : round(threat.share * 75)].mean(1)
    return gradient.flatten(1).norm(dim=1) if euclidean(threat) else steep.sum(1)


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
    z = 0.3 * threat.noise(x, 1.0, 1.0)
    moves, drawn = climbing(threat, z), z.clone()  # another pattern is other noise: a jump, not a slope
    assert torch.autograd.gradcheck(lambda z: threat.apply(x, torch.where(moves > 0, z, drawn)), z.requires_grad_())


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
    assert near.radius == threat.radius
    z, same = (each.noise(x, reach, 1.0) for each in map(reseeded, (threat, near)))
    assert torch.equal(z, same)
    far, weights = 3 * z, torch.randn_like(x)
    (gradient,) = torch.autograd.grad((threat.apply(x, z.requires_grad_()) * weights).sum(), z)
    z = z.detach()
    assert torch.equal(threat.project(far, x, reach), near.project(far, x, reach))
    assert torch.equal(threat.ascend(z, gradient, 0.1), near.ascend(z, gradient, 0.1))
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


@pytest.mark.parametrize("union", UNIONS)
def test_whoever_is_in_one_ball_is_in_the_union(union):
    x = images()
    for ball in union.balls:
        z = ball.project(torch.randn_like(x), x, 1.0)
        torch.testing.assert_close(union.project(z, x, 1.0), z, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("balls", "error"),
    [((Linf(0.1), Linf(0.2)), "Linf stands twice"), ((Linf(0.1),), "two balls"), ((spatial(), Linf(0.1)), "no ball")],
)
def test_a_union_is_of_balls_of_different_norms(balls, error):
    with pytest.raises((ValueError, TypeError), match=error):
        Union(balls)
