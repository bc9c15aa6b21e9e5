"""A dialed network, and the plain views that attack libraries and users call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import cast

import torch
from torch import Tensor, nn

from robustdial.checks import finite, said
from robustdial.dial.checks import copied
from robustdial.dial.described import describe_in
from robustdial.dial.inventory import Site
from robustdial.dial.kept import Kept, following
from robustdial.dial.mixture import standing
from robustdial.dial.modulated import Foldable, Modulated, PerWidth, Whole
from robustdial.dial.norm import DialNorm
from robustdial.dial.offer import Offer, chosen, share_of_robust, shares
from robustdial.dial.setting import Dial, Setting
from robustdial.dial.slim import SlimConv2d, SlimLinear
from robustdial.logits import logits_of

_LAYERS = (DialNorm, Modulated, PerWidth, Whole, SlimConv2d, SlimLinear)


class Dialed(nn.Module):
    """A classifier whose lambda is an input. Made by `dial(model, dials)`.

    Args:
        body: the network with layers in it that follow the dial.
        dial: the object that those layers read.
        dials: what the dial offers.
        sites: what was replaced; `inventory(model.sites)` is a table of it.
    """

    codes: Tensor
    shares: Tensor
    lambdas: Tensor

    def __init__(self, body: nn.Module, dial: Dial, dials: Offer, sites: tuple[Site, ...] = ()) -> None:
        super().__init__()
        self.body, self.dial, self.dials, self.sites = body, dial, dials, sites
        self.tried = False
        """Whether it has been tried with a lambda for each row."""
        # the codes are part of the weights: another draw of a random encoding would be another network
        like = next(body.parameters(), torch.empty(0))
        self.register_buffer("codes", dials.encoding.table(dials.lambdas).to(like.device, like.dtype))
        self.register_buffer("shares", shares(dials.lambdas).to(like.device, like.dtype), persistent=False)
        describe_in(self, "conditional", dials.lambdas, f"{type(dials.encoding).__name__} of {self.codes.shape[1]}")
        self.register_buffer("lambdas", torch.tensor(dials.lambdas).to(like.device, like.dtype), persistent=False)

    def forward(self, x: Tensor, setting: Setting | None = None) -> Tensor:
        """Logits `[B, K]` of images `[B, C, H, W]`, each row at its own lambda. Raises TypeError without a setting."""
        if setting is not None and not isinstance(setting, Setting):  # two questions, for the compiler of torch 2.6
            raise TypeError(f"model(x, {said(setting)}): a setting is no lambda. model.at(lam)(x) is a plain f(x).")
        if setting is None:
            raise TypeError("This network has a dial: say where it stands. model.at(lam)(x) is a plain f(x).")
        if setting.codes.shape[0] not in (1, self.codes.shape[0]):
            raise TypeError(
                "The setting has lost its codes, as in nn.DataParallel, which cuts it up like a batch. Train with "
                "DistributedDataParallel; DataParallel(model.at(lam)) can serve."
            )
        self.dial.turn(setting)
        try:
            return logits_of(self.body(x))
        finally:
            self.dial.turn(None)

    def settings(self, rows: Tensor) -> list[Setting]:
        """The settings of a training batch, one per width.

        Args:
            rows: index into the dial's lambdas of each row, those at lambda 0 first, int64 `[B]` on the CPU (counting
                the zeros on an accelerator would make it wait).
        """
        first = int((rows == 0).sum()) if self.dials.lambdas[0] == 0 else 0
        rows = rows.to(self.codes.device, non_blocking=True)
        lam = self.lambdas[rows]
        return [Setting(self.codes, self.shares, rows, lam, first, level) for level in range(len(self.dials.widths))]

    def setting(self, lam: float, width: float = 1.0) -> Setting:
        """One lambda, trained or between trained ones, for every row of any batch. Raises ValueError off the dial."""
        finite("lam", lam, "Give a number on the dial, such as 0.4.")
        finite("width", width, "Give a share of the channels, such as 1.0.")
        level, lambdas = self._level(width), self.dials.lambdas
        lam = chosen(lam, lambdas)
        code = self.dials.encoding.code(lam, lambdas, self.codes)
        share = self.shares.new_tensor([share_of_robust(lam, lambdas)])
        rows = torch.zeros(1, dtype=torch.int64, device=self.codes.device)
        return Setting(code[None], share, rows, self.lambdas.new_tensor([lam]), 0, level)

    def standing(self, x: Tensor) -> AbstractContextManager[None]:
        """Inside, the network is in evaluation mode, its weights and statistics stand still, and none of them asks for
        a gradient: what the dial makes of them is computed once. `x`, some images, is not looked at."""
        return self.dial.standing({layer: {} for layer in following(self.body)})

    def at(self, lam: float | tuple[float, float], width: float = 1.0, mix: float | None = None) -> nn.Module:
        """This network at one lambda as a plain `f(x)`; shares the weights, so it follows further training.

        Where no gradient of the weights can be asked for, as under `torch.no_grad()`, what the dial makes of them is
        kept until they change (on the CPU).

        With `mix`, two lambdas: the mixture of their probabilities, this share of the second, for two forwards of one
        set of weights: `at((0, 2/3), mix=0.75)`.

        >>> from robustdial.dial import dial
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))
        >>> dial(net).eval().at(0.25)(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 10])
        """
        return standing(lambda one: Served(self, self.setting(one, width)), lam, mix)

    def bake(self, lam: float | tuple[float, float], width: float = 1.0, mix: float | None = None) -> nn.Module:
        """A plain network of the original class for one position, in evaluation mode, with no trace of the dial.

        With running statistics, batch norm followed by FiLM is one affine map per channel, which a batch norm can hold;
        FiLM behind another layer goes into its affine weights. Same layers, same state_dict keys (a layer without
        weight or bias gains them, parametrized weights become plain ones), no cost at run time. A narrow network is cut
        to its channels. The logits agree with `at(lam, width)` to rounding. With `mix` it is two plain networks in one
        module.
        """
        return standing(lambda one: self._baked(one, width), lam, mix)

    @torch.inference_mode(False)
    def _baked(self, lam: float, width: float) -> nn.Module:
        setting, body = self.setting(lam, width), copied(self.body)
        folded: dict[nn.Module, nn.Module] = {}
        for name, layer in list(_outermost(body)):
            if layer not in folded:
                learns = any(weight.requires_grad for weight in layer.parameters())
                folded[layer] = cast(Foldable, layer).folded(setting)
                folded[layer].requires_grad_(learns)
            body.set_submodule(name, folded[layer])
        body.eval()
        return body

    def _level(self, width: float) -> int:
        level, widths = self.dials.level(width), self.dials.widths
        if level is None:
            known, more = ", ".join(f"{value:g}" for value in widths), _trained_with(width, widths)
            raise ValueError(f"width={width:g} is not on this dial ({known}). Choose one of these{more}.")
        return level


def _trained_with(width: float, trained: tuple[float, ...]) -> str:
    """How a dial would have had a width; nothing for one that no dial has."""
    if not 0 < width < 1:
        return ""
    widths = sorted({width, *trained})
    words, shown = (join.join(f"{value:g}" for value in widths) for join in (" ", ", "))
    return f", or train with it: --widths {words}, in Python widths=({shown})"


def _outermost(body: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Name and module of the layers that follow the dial; of one inside another, the outer."""
    inside = None
    for name, module in body.named_modules(remove_duplicate=False):
        if isinstance(module, _LAYERS) and not (inside is not None and name.startswith(inside)):
            inside = f"{name}."
            yield name, module


class Served(nn.Module):
    """A dialed network at one lambda: a plain module from images to logits, with no weights of its own."""

    codes: Tensor
    share: Tensor
    rows: Tensor
    lam: Tensor

    def __init__(self, dialed: Dialed, setting: Setting) -> None:
        super().__init__()
        self.training = dialed.training
        self.dialed, self.level = dialed, setting.level
        self.clean = float(setting.share[0]) == 0
        for name in ("codes", "share", "rows", "lam"):  # buffers, to move and cast with the network
            self.register_buffer(name, getattr(setting, name), persistent=False)
        self.kept = Kept()

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[B, K]` of images `[B, C, H, W]`."""
        self._follow()
        # only in training does `first` count: batch statistics belong to one branch, there is no mixture of two
        first = x.shape[0] if self.clean else 0  # len(x) would be one number for all time in an exported program
        setting = Setting(self.codes, self.share, self.rows, self.lam, first, self.level)
        if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call]
            return cast(Tensor, self.dialed(x, setting))
        with self.dialed.dial.standing(self.kept.maps(self.dialed.body, (self.codes, self.share))):
            return cast(Tensor, self.dialed(x, setting))

    def _follow(self) -> None:
        """Be where the network is, and of its type, which may have been moved or cast since."""
        like = self.dialed.codes
        if (self.codes.device, self.codes.dtype) != (like.device, like.dtype):
            self.codes, self.share, self.lam = (
                v.to(like.device, like.dtype) for v in (self.codes, self.share, self.lam)
            )
            self.rows = self.rows.to(like.device)
