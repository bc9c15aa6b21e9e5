"""`robustdial completion`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Union

import tyro

from robustdial.cli.arguments import PARSER
from robustdial.cli.commands.words import DEVICES
from robustdial.cli.flags import Flag, comparison_flags, recipe_named, training_flags
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
    known |= {"train": _of_recipes(), "plan": _of_recipes(DEVICES), "compare": grouped(comparison_flags())}
    tyro.extras.subcommand_cli_from_dict(
        known, prog="robustdial", args=["--tyro-print-completion", shell], config=PARSER
    )
    return 0


def _of_recipes(*more: Flag) -> Callable[..., Any]:
    """Every recipe with its own flags, and some more."""
    kinds = [
        Annotated[training_flags(recipe_named(name), more=more), tyro.conf.subcommand(name)]
        for name in table("recipes", "RECIPES")
    ]

    def with_recipe(recipe: Any) -> None:
        """Train a recipe, or plan its training."""

    with_recipe.__annotations__ = {"recipe": Union[tuple(kinds)]}  # noqa: UP007  # made from a list
    return with_recipe
