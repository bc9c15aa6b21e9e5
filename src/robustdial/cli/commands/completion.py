"""`robustdial completion`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Union

import tyro

from robustdial.cli.arguments import PARSER, comparison_flags, recipe_named, training_flags
from robustdial.cli.help import grouped
from robustdial.cli.outline import table


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what completes commands, recipes and flags in your shell: robustdial completion bash

    See docs/how-to/completion.md for where your shell looks for it.

    Args:
        shell: bash, zsh or fish.
    """
    from robustdial.cli.commands import COMMANDS, WITH_RECIPES

    known: dict[str, Callable[..., Any]] = {
        name: grouped(command) for name, command in COMMANDS.items() if name not in WITH_RECIPES
    }
    known |= {"train": _training(), "compare": grouped(comparison_flags())}
    tyro.extras.subcommand_cli_from_dict(
        known, prog="robustdial", args=["--tyro-print-completion", shell], config=PARSER
    )
    return 0


def _training() -> Callable[..., Any]:
    """Every recipe with its own flags."""
    kinds = [
        Annotated[training_flags(recipe_named(name)), tyro.conf.subcommand(name)]
        for name in table("recipes", "RECIPES")
    ]

    def train(recipe: Any) -> None:
        """Train a recipe."""

    train.__annotations__ = {"recipe": Union[tuple(kinds)]}  # noqa: UP007  # made from a list
    return train
