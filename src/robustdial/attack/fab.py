"""FAB-T: the closest adversarial image, found by stepping towards linearised borders between two classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from robustdial.attack.best import Best
from robustdial.attack.door import through_door
from robustdial.attack.losses import lead, margin
from robustdial.attack.multi_target import ROWS, others, target_batches
from robustdial.attack.problem import eval_mode, gradient_of, top_wrong_classes
from robustdial.checks import fields_fit
from robustdial.logits import guarded
from robustdial.method.threat import L1, L2, Linf, Threat
from robustdial.typing import Classifier

_TINY = 1e-12  # what is zero stays zero where it is divided by


@dataclass(frozen=True)
class FAB:
    """Fast adaptive boundary attack towards the likeliest wrong classes, without a random start.

    Each step takes the border between the right and the target class as the plane that it looks like from the current
    image. It mixes the points of this plane that are closest to the current and to the clean image, and goes a little
    past it; from an adversarial image the search goes on a little nearer to the clean one. An adversarial image counts
    if it lies inside the threat's set: it is returned, and the search for this image ends. Where none was found the
    clean image is returned. Few images are attacked towards several classes together, many towards one after another.
    A module is attacked in evaluation mode and left as it was.
    Source: Croce & Hein, Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack, ICML 2020,
    algorithm 1; targeted, with the constants of AutoAttack (Croce & Hein, ICML 2020).

    Args:
        steps: gradient steps per target.
        targets: wrong classes to try, or all if there are fewer.
        pull: largest weight of the clean image's plane point in the mix (alpha_max).
        overshoot: how far to go past the plane, 1 to stop there (eta).
        back: where to go on from an adversarial image, as a share of the way from the clean one to it (beta).
        rows: images times classes attacked together, where one class alone has fewer; 1 to save memory.

    Raises:
        TypeError: the threat is none of `Linf`, `L2` and `L1`.

    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.7)], dim=1)
    >>> x, y = torch.full((1, 1, 2, 2), 0.5), torch.tensor([0])
    >>> bool(f(FAB(steps=10)(f, x, y, Linf(0.08))).argmax(1) == y)  # the border is 0.3 / 4 away
    False
    >>> FAB(steps=10)(f, x, y, Linf(0.07)).unique()
    tensor([0.5000])
    """

    steps: int = 100
    targets: int = 9
    pull: float = 0.1
    overshoot: float = 1.05
    back: float = 0.9
    rows: int = ROWS

    def __post_init__(self) -> None:
        fields_fit(self)
        if min(self.steps, self.targets, self.rows) < 1:
            raise ValueError(
                f"steps={self.steps}, targets={self.targets}, rows={self.rows}: an attack needs at least one of each."
            )

    @property
    def name(self) -> str:
        return "fab-t" if self.steps == 100 else f"fab-t-{self.steps}"

    @property
    def where(self) -> str:
        return "Linf, L2 and L1"

    def moves_in(self, threat: Threat) -> bool:
        return isinstance(threat, Linf | L2 | L1)

    @through_door
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        with eval_mode(f):
            return self._first_found(f, x, y, threat)

    def _first_found(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        with torch.no_grad():
            logits = f(x)
        best = Best.before(x)
        best.score[margin(logits, y) > 0] = torch.inf
        for image, target in target_batches(best, top_wrong_classes(logits, y, self.targets), self.rows):
            near = self.closest(f, x[image], y[image], target, threat, enough=threat.radius, image=image)
            found = (near.distance <= threat.radius).nonzero().squeeze(1)
            best.see(image[found], near.images[found], torch.full_like(near.distance[found], torch.inf))
        return best.z

    def closest(
        self,
        f: Classifier,
        x: Tensor,
        y: Tensor,
        target: Tensor,
        threat: Threat,
        enough: float = 0.0,
        image: Tensor | None = None,
    ) -> Closest:
        """The closest adversarial images on the way to the classes `target` `[B]`, however far away they are.

        Whatever is not classified as `y` counts. Of `threat` only the norm plays a part. The search of a row ends at a
        distance of at most `enough`, and with it that of its siblings, the rows of the same `image` `[B]`.
        """
        norm, f = _norm(threat), guarded(f)
        image = torch.arange(len(x), device=x.device) if image is None else image
        x, shape = x.flatten(1), x.shape
        now, best, distance = x.clone(), x.clone(), x.new_full((len(x),), torch.inf)
        for _ in range(self.steps):
            rows = others(image, distance <= enough)
            if not len(rows):
                break
            labels, around = y[rows], x[rows]
            w, b = _plane(f, now[rows], labels, target[rows], shape)
            trial = self._towards(w, b, now[rows], around, norm)
            away = norm.length(trial - around)
            with torch.no_grad():
                wrong = margin(f(trial.view(-1, *shape[1:])), labels) > 0
            closer = wrong & (away < distance[rows])
            best[rows] = torch.where(closer[:, None], trial, best[rows])
            distance[rows] = torch.where(closer, away, distance[rows])
            now[rows] = torch.where(wrong[:, None], around + self.back * (trial - around), trial)
        return Closest(best.view(shape), distance)

    def _towards(self, w: Tensor, b: Tensor, now: Tensor, x: Tensor, norm: _Norm) -> Tensor:
        """A point behind the plane, between the ones that are closest to the current and to the clean image."""
        to_now, to_x = norm.nearest(now, w, b) - now, norm.nearest(x, w, b) - x
        near, far = norm.length(to_now), norm.length(to_x)
        mix = (near / (near + far).clamp_min(_TINY)).clamp(max=self.pull)[:, None]
        return torch.lerp(now + self.overshoot * to_now, x + self.overshoot * to_x, mix).clamp(0, 1)


class Closest(NamedTuple):
    """The closest adversarial images that were found, and how far they are away; the clean image and infinity if none.

    `images` is `[B, C, H, W]`, `distance` `[B]` in the threat's norm.
    """

    images: Tensor
    distance: Tensor


def projection(points: Tensor, w: Tensor, b: Tensor, speed: Tensor) -> Tensor:
    """The closest point of [0, 1]^n on the plane {w z = b}, or where it is not reached, the one closest to the plane.

    All coordinates set off for the plane together, each at its own speed, until the plane is reached; who meets 0 or 1
    before stays there. For speeds |w| this is the closest point in Euclidean distance, for speeds of 1 in L-infinity
    (a coordinate that does not matter, `w` = 0, stays where it is). As long as some are taken to move on who will have
    stopped, the time of arrival comes out too early: who has stopped by then is noted, and the time computed anew,
    until nobody is added. That is Newton's method on a concave, piecewise linear function, exact after a few rounds.
    Source: Croce & Hein, ICML 2020, section 2.2.

    Args:
        points: `[B, n]` in [0, 1].
        w: normal vectors `[B, n]`.
        b: offsets `[B]`.
        speed: `[B, n]`, not negative.

    >>> w, b = torch.tensor([[1.0, 3.0]]), torch.tensor([1.0])
    >>> projection(torch.zeros(1, 2), w, b, torch.ones(1, 2)), projection(torch.zeros(1, 2), w, b, w)
    (tensor([[0.2500, 0.2500]]), tensor([[0.1000, 0.3000]]))
    """
    missing = b - (w * points).sum(1)
    heading = w.sign() * missing.sign()[:, None]
    room = torch.where(heading > 0, 1 - points, points)
    room = torch.where((speed > 0) & (heading != 0), room, 0)
    gain, pace, stopped = w.abs() * room, w.abs() * speed, torch.zeros_like(room, dtype=torch.bool)
    limits = torch.finfo(room.dtype)
    while True:
        left = missing.abs() - torch.where(stopped, gain, 0).sum(1)
        time = left / torch.where(stopped, 0, pace).sum(1).clamp_min(limits.tiny)
        way = time.clamp(0, limits.max)[:, None] * speed
        arrived = stopped | (way >= room)
        if torch.equal(arrived, stopped):
            return points + heading * torch.where(stopped, room, way)
        stopped = arrived


def sparse_projection(points: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """As `projection`, closest in L1: the coordinate with the largest `w` goes to 0 or 1 first, then the next one.

    Source: Croce & Hein, Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack, ICML 2020.

    >>> sparse_projection(torch.zeros(1, 2), torch.tensor([[1.0, 3.0]]), torch.tensor([3.5]))
    tensor([[0.5000, 1.0000]])
    """
    missing = b - (w * points).sum(1)
    heading = w.sign() * missing.sign()[:, None]
    gain = w.abs() * torch.where(heading > 0, 1 - points, points)
    order = w.abs().argsort(1, descending=True)
    best = gain.gather(1, order)
    taken = torch.minimum((missing.abs()[:, None] - best.cumsum(1) + best).clamp_min(0), best)
    way = torch.zeros_like(points).scatter(1, order, taken) / w.abs().clamp_min(torch.finfo(w.dtype).tiny)
    return points + heading * way


class _Norm(NamedTuple):
    """Of a threat: the length of changes `[B, n]`, and the closest points in it on planes, of points, `w` and `b`."""

    length: Callable[[Tensor], Tensor]
    nearest: Callable[[Tensor, Tensor, Tensor], Tensor]


def _norm(threat: Threat) -> _Norm:
    match threat:
        case Linf():
            return _Norm(lambda z: z.abs().amax(1), lambda points, w, b: projection(points, w, b, torch.ones_like(w)))
        case L2():
            # the unit of speed is free; with the fastest at 1 nothing is lost in a network of tiny gradients
            return _Norm(
                lambda z: torch.linalg.vector_norm(z, dim=1),
                lambda points, w, b: projection(points, w, b, w.abs() / _largest(w)),
            )
        case L1():
            return _Norm(lambda z: z.abs().sum(1), sparse_projection)
    raise TypeError(f"FAB knows the planes' closest points in Linf, L2 and L1, not in {threat.name}.")


def _largest(w: Tensor) -> Tensor:
    return w.abs().amax(1, keepdim=True).clamp_min(_TINY)


def _plane(f: Classifier, points: Tensor, y: Tensor, target: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """The plane {w z = b} that the border between the classes `y` and `target` looks like from `points` `[B, n]`."""
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        ahead = lead(f(points.view(-1, *shape[1:])), y, target)
        w = gradient_of(ahead.sum(), points)
    points, ahead = points.detach(), ahead.detach()
    return w, (w * points).sum(1) - ahead
