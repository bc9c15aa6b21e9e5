"""FAB-T and Square: against the recorded runs of AutoAttack, against closed forms, and on toys."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize
from torch import nn

from robustdial.attack import FAB, Square, margin
from robustdial.attack.fab import projection
from robustdial.method.threat import L2, Linf
from robustdial.typing import px

pytestmark = pytest.mark.rounding

ATTACKS = [FAB(steps=8), Square(queries=30)]
THREATS = [Linf(0.1), L2(0.5)]


# --- the recorded runs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def arrays(golden):
    return golden("autoattack")


@pytest.fixture(scope="module")
def network(shared):
    from safetensors.torch import load_file

    from robustdial.models import ResNet

    model = ResNet(10, 3, width=16).eval().requires_grad_(False)
    model.load_state_dict(load_file(shared / "reference" / "rn18w16_cifar.safetensors"))
    return model


def test_the_projection_is_the_recorded_one(arrays):
    points, w, b, d = (arrays[f"fab_projection/{name}"] for name in ("points", "w", "b", "d"))
    assert torch.allclose(projection(points, w, b, torch.ones_like(w)), points + d, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("steps", "columns"), [(10, 9), (100, 1)])
def test_fab_comes_as_close_as_the_recorded_run(arrays, network, steps, columns):
    """From each image towards its likeliest wrong classes, one run per pair."""
    x, y = (arrays[name][arrays["trace/rows"]] for name in ("x", "y"))
    target = arrays["fab/targets"][:, :columns]
    near = FAB(steps=steps).closest(
        network, x.repeat_interleave(columns, 0), y.repeat_interleave(columns), target.flatten(), Linf(px(8))
    )
    recorded = arrays[f"fab/linf_after{steps}"][:, :columns].flatten()
    assert torch.allclose(near.distance, recorded, rtol=0, atol=1e-3)
    assert torch.equal(near.distance.isfinite(), arrays["fab/found"][:, :columns].flatten().bool())


class Recorded:
    """The recorded draws of a search, handed out in their order."""

    def __init__(self, arrays):
        def get(name):
            return arrays[f"square/{name}"]

        self.uniform = iter([get("u_init"), *get("u_sign")[:, :, None, None]])
        self.corners = zip(get("s").tolist(), get("vh").tolist(), get("vw").tolist(), strict=True)

    def signs(self, like, *shape):
        signs = (2 * next(self.uniform) - 1).sign()
        assert signs.shape == shape
        return signs

    def corner(self, rows, columns):
        side, top, left = next(self.corners)
        assert (rows, columns) == (33 - side, 33 - side)
        return top, left


def test_square_goes_the_recorded_way(arrays, network):
    """With the recorded draws: the same windows, the same margins on the way, the same images in the end."""
    x, y = (arrays[name][arrays["trace/rows"]] for name in ("x", "y"))
    ahead = []

    def watched(images):
        logits = network(images)
        ahead.append(margin(logits, y))
        return logits

    steps = 150  # of the 400 that are recorded
    found = Square(queries=steps + 1, draws=Recorded(arrays))(watched, x, y, Linf(px(8)))
    best = torch.stack(ahead[1:]).cummax(0).values  # ahead[0] is the clean image
    assert torch.allclose(-best, arrays["square/margin_min_before"][: steps + 1], rtol=0, atol=1e-4)
    assert torch.allclose(margin(network(found), y), best[-1], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("attack", "key"), [(FAB(steps=15, targets=3), "fab_t"), (Square(queries=120), "square")])
def test_verdicts_are_the_recorded_ones(arrays, network, attack, key):
    """Fewer steps than recorded break nothing that stood, and all but one of the six weakest of what fell."""
    robust, correct = arrays[f"individual/{key}/robust"].bool(), arrays["clean_correct"].bool()
    lead = -margin(arrays["logits_clean"], arrays["y"])
    weakest = torch.where(correct & ~robust, lead, torch.inf).argsort()[:6]
    stood = robust.nonzero().squeeze(1)[:6]
    rows = torch.cat([weakest, stood])
    x, y = arrays["x"][rows], arrays["y"][rows]
    stands = network(attack(network, x, y, Linf(px(8)))).argmax(1) == y
    assert stands[6:].all() and stands[:6].sum() <= 1


# --- the closest point of a plane ---------------------------------------------------------------------------------


def planes(reach):
    """30 points in [0, 1]^6, some coordinates at 0 or 1, and planes that lie the share `reach` of the way outwards."""
    generator = torch.Generator().manual_seed(5)
    points = (torch.rand(30, 6, generator=generator, dtype=torch.float64) * 1.4 - 0.2).clamp(0, 1)
    w = torch.randn(30, 6, generator=generator, dtype=torch.float64)
    farthest = (w * (w > 0)).sum(1)
    return points, w, torch.lerp((w * points).sum(1), farthest, reach)


@pytest.mark.parametrize("reach", [0.1, 0.5, 0.95])
def test_the_projection_is_closest_in_linf(reach):
    """Against a linear program: the least t for which a point of the plane is within t."""
    points, w, b = planes(reach)
    z = projection(points, w, b, torch.ones_like(w))
    assert torch.allclose((w * z).sum(1), b) and z.min() >= 0 and z.max() <= 1
    one = np.ones((6, 1))
    for i in range(len(points)):
        p = points[i].numpy()
        within = np.block([[np.eye(6), -one], [-np.eye(6), -one]])
        plane = np.append(w[i].numpy(), 0)[None]
        least = linprog(
            np.append(np.zeros(6), 1), within, np.append(p, -p), plane, [float(b[i])], [(0, 1)] * 6 + [(0, None)]
        )
        assert float((z[i] - points[i]).abs().max()) == pytest.approx(least.fun, abs=1e-9)


@pytest.mark.parametrize("reach", [0.1, 0.5, 0.95])
def test_the_projection_is_closest_in_l2(reach):
    """Against a general solver."""
    points, w, b = planes(reach)
    z = projection(points, w, b, w.abs())
    assert torch.allclose((w * z).sum(1), b) and z.min() >= 0 and z.max() <= 1
    for i in range(len(points)):
        p, normal, offset = points[i].numpy(), w[i].numpy(), float(b[i])
        least = minimize(
            lambda q, p=p: ((q - p) ** 2).sum(),
            p,
            jac=lambda q, p=p: 2 * (q - p),
            bounds=[(0, 1)] * 6,
            constraints={
                "type": "eq",
                "fun": lambda q, normal=normal, offset=offset: normal @ q - offset,
                "jac": lambda q, normal=normal: normal,
            },
            options={"ftol": 1e-12},
        )
        assert least.success
        assert float((z[i] - points[i]).norm()) == pytest.approx(math.sqrt(least.fun), abs=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_where_the_plane_is_out_of_reach_the_corner_closest_to_it_is_taken(norm):
    points, w, b = planes(1.5)
    z = projection(points, w, b, torch.ones_like(w) if norm == "linf" else w.abs())
    assert torch.allclose(z, (w > 0).double())


def test_a_point_on_the_plane_stays_and_a_plane_without_direction_moves_nothing():
    points, w, b = planes(0.0)
    assert torch.allclose(projection(points, w, b, torch.ones_like(w)), points)
    assert torch.equal(projection(points, 0 * w, b, torch.ones_like(w)), points)


@pytest.mark.parametrize("scale", [1e-15, 1e15])
def test_the_length_of_the_normal_plays_no_part(scale):
    points, w, b = (values.float() for values in planes(0.7))
    expected = projection(points, w, b, w.abs())
    assert torch.allclose(projection(points, scale * w, scale * b, w.abs()), expected, atol=1e-5)


# --- FAB where the answer is known --------------------------------------------------------------------------------


# FAB comes to rest a little past a plane: from 1.05 of the distance it goes back to 0.9 of that, and from there to
# 1.0052; its mix with the clean image's plane point, which overshoots too, lands no closer.
PAST = 0.006


class Linear(nn.Module):
    """Three classes, borders that are planes; images of 2 x 4 x 4 in the middle of [0, 1]."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(3, 32))

    def forward(self, x):
        return (x - 0.5).flatten(1) @ self.w.T


def linear():
    model = Linear()
    x = 0.5 + 0.05 * torch.randn(20, 2, 4, 4)
    return model, x, model(x).argmax(1)


def borders(model, x, y, order):
    """The distance of each image to the border of each class `[B, 3]`: what it is ahead, over the dual norm."""
    logits, w = model(x).detach(), model.w.detach()
    lead = logits.gather(1, y[:, None]) - logits
    return lead / torch.linalg.vector_norm(w[y][:, None] - w[None], ord=order, dim=2)


@pytest.mark.parametrize(("threat", "dual"), [(Linf(1.0), 1), (L2(1.0), 2)])
def test_fab_finds_the_distance_to_a_plane(threat, dual):
    model, x, y = linear()
    target = (y + 1) % 3
    near = FAB(steps=40).closest(model, x, y, target, threat)
    exact = borders(model, x, y, dual)
    to_target, nearest = exact.gather(1, target[:, None]).squeeze(1), exact.scatter(1, y[:, None], torch.inf).amin(1)
    assert (near.distance >= nearest * (1 - 1e-4)).all()  # nothing wrong is closer than the nearest border
    assert (near.distance <= to_target * (1 + PAST)).all()
    assert (model(near.images).argmax(1) != y).all()


@pytest.mark.parametrize(("threat", "dual"), [(Linf, 1), (L2, 2)])
def test_fab_breaks_what_has_a_border_inside_the_radius_and_nothing_else(threat, dual):
    model, x, y = linear()
    nearest = borders(model, x, y, dual).scatter(1, y[:, None], torch.inf).amin(1)
    radius = float(nearest.median())
    clear = (nearest / radius - 1).abs() > PAST
    adversarial = FAB(steps=40)(model, x, y, threat(radius))
    wrong = model(adversarial).argmax(1) != y
    assert torch.equal(wrong[clear], (nearest < radius)[clear]) and wrong.any() and not wrong.all()
    assert torch.equal(adversarial[~wrong], x[~wrong])


def test_fab_stays_where_there_is_no_gradient():
    x, y = torch.rand(3, 1, 2, 2), torch.zeros(3, dtype=torch.int64)
    adversarial = FAB(steps=3)(lambda z: 0 * z.flatten(1) + torch.tensor([1.0, 0, 0, 0]), x, y, Linf(0.1))
    assert torch.equal(adversarial, x)


# --- Square on toys -----------------------------------------------------------------------------------------------


def corner_lit(share):
    """Class 1 where the upper left quarter of an 8 x 8 image is brighter than grey by `share`, per pixel."""

    def f(x):
        light = (x[..., :4, :4] - 0.5).mean((1, 2, 3)) - share
        return torch.stack([torch.zeros_like(light), light], dim=1)

    return f


GREY, ZERO = torch.full((4, 3, 8, 8), 0.5), torch.zeros(4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("threat", "share"),
    # L2: all of the radius in the 48 values of the corner, evenly, would raise each by 0.5 / sqrt(48) = 0.072
    [(Linf(0.1), 0.0999), (L2(0.5), 0.04)],
)
def test_square_finds_the_corner_that_decides(threat, share):
    f = corner_lit(share)
    found = Square(queries=1500)(f, GREY, ZERO, threat)
    assert (margin(f(found), ZERO) > 0).all()


@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.5)])
def test_square_keeps_the_best_where_there_is_nothing_to_find(threat):
    seen = []

    def f(x):
        logits = corner_lit(0.2)(x)
        seen.append(margin(logits, ZERO))
        return logits

    found = Square(queries=60)(f, GREY, ZERO, threat)
    assert len(seen) == 61
    assert torch.equal(margin(corner_lit(0.2)(found), ZERO), torch.stack(seen[1:]).amax(0))
    assert (margin(corner_lit(0.2)(found), ZERO) < 0).all()


def test_square_uses_all_of_an_l2_radius():
    """What a window loses, another gains: as long as [0, 1] is far away, the change keeps its length."""
    found = Square(queries=60)(corner_lit(0.2), GREY, ZERO, L2(0.5))
    assert torch.allclose((found - GREY).flatten(1).norm(dim=1), torch.tensor(0.5), atol=1e-5)


def test_square_is_deterministic_given_the_seed():
    def run(seed):
        torch.manual_seed(seed)
        return Square(queries=20)(corner_lit(0.2), GREY, ZERO, Linf(0.1))

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 2), (3, 4, 4), (2, 7, 12), (1, 9, 5)])
@pytest.mark.parametrize("threat", THREATS)
@pytest.mark.parametrize("seed", range(3))
def test_square_fits_any_image(shape, threat, seed):
    torch.manual_seed(seed)
    x = torch.rand(2, *shape)
    found = Square(queries=25)(corner_lit(9.0), x, ZERO[:2], threat)
    assert found.shape == x.shape and found.isfinite().all()
    assert not torch.equal(found, x)


# --- what both promise --------------------------------------------------------------------------------------------


class Small(nn.Module):
    """A network whose answer depends on its mode."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8 * 36, 4)
        )

    def forward(self, x):
        return self.layers(x)


def images():
    """Images with values exactly 0 and 1."""
    return (torch.rand(12, 3, 8, 8) * 1.4 - 0.2).clamp(0, 1)


@pytest.mark.parametrize(("attack", "radius"), [(FAB(steps=8, rows=1), 0.01), (Square(queries=30), 0.1)])
def test_only_standing_images_are_queried_further(attack, radius):
    """What is wrong from the beginning is returned as it is; what is found is left alone."""
    model, x = Small().eval(), images()
    y = model(x).argmax(1)
    y[:3] = (y[:3] + 1) % 4
    rows = []

    def f(z):
        rows.append(len(z))
        return model(z)

    adversarial = attack(f, x, y, Linf(radius))
    assert torch.equal(adversarial[:3], x[:3])
    assert rows[0] == 12 and rows[1] == 9
    assert all(later <= 9 for later in rows[1:])
    standing = int((model(adversarial).argmax(1) == y).sum())
    assert rows[-1] >= standing and sum(rows) < 12 + 9 * (len(rows) - 1)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_a_threat_of_unknown_geometry_is_refused(attack):
    class Other:
        name, radius = "Other", 1.0
        noise = ascend = project = apply = None

    with pytest.raises(TypeError, match="not in Other"):
        attack(corner_lit(0.2), GREY, ZERO, Other())
