"""What people type by mistake, and the one line that answers it.

Words are looked at before they are parsed (what is empty, what goes by another name elsewhere), values after it (what
is no number that anything could be done with).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from robustdial.checks import SEEDS, nearest

LARGEST = 2**31
"""What is counted here is less than this."""

# names that other programs have for a flag
_ELSEWHERE = {
    "arch": "model",
    "architecture": "model",
    "attack_steps": "steps",
    "backbone": "model",
    "batch_size": "batch",
    "bf16": "precision",
    "bs": "batch",
    "checkpoint": "start",
    "cuda": "device",
    "data_dir": "root",
    "data_path": "data",
    "dataset": "data",
    "dtype": "precision",
    "epsilon": "eps",
    "finetune": "start",
    "fp16": "precision",
    "gpu": "device",
    "gpus": "device",
    "image_size": "size",
    "img_size": "size",
    "init": "start",
    "lambda": "lam",
    "learning_rate": "lr",
    "lr_schedule": "rate",
    "lr_scheduler": "rate",
    "max_samples": "n",
    "model_dir": "out",
    "n_epochs": "epochs",
    "network": "model",
    "num_epochs": "epochs",
    "num_images": "n",
    "num_samples": "n",
    "num_steps": "steps",
    "num_workers": "workers",
    "optim": "optimizer",
    "output": "out",
    "output_dir": "out",
    "random_seed": "seed",
    "samples": "n",
    "save_dir": "out",
    "scheduler": "rate",
    "val_split": "val",
    "wd": "weight_decay",
}
_OF_LEARNING = "--optimizer is a flag of train and compare; a generator learns by Adam, with --lr."
# flags of other programs that have no counterpart, and what there is instead
_INSTEAD = {
    "optimizer": _OF_LEARNING,
    "optim": _OF_LEARNING,
    "steps": "In an attack the steps stand in its name: --attack pgd-50.",
    "tensorboard": "Write --log tensorboard with train; every epoch is a line of epochs.jsonl in any case.",
    "verbose": "For a traceback set ROBUSTDIAL_TRACEBACK=1.",
    "debug": "For a traceback set ROBUSTDIAL_TRACEBACK=1.",
    "wandb": "Write --log wandb with train; every epoch is a line of epochs.jsonl in any case.",
    "workers": "It is a flag of train: a run is measured with as many as it was trained with.",
}


def unknown_flag(name: str, known: Sequence[str]) -> str:
    """What to say of a flag that there is not.

    >>> unknown_flag("learning_rate", ["lr", "eps"]), unknown_flag("epsilom", ["lr", "eps"])
    ('There is no flag --learning-rate. The nearest is --lr.', 'There is no flag --epsilom. The nearest is --eps.')
    """
    fact, here = f"There is no flag {flag(name)}.", _ELSEWHERE.get(name)
    if here is not None and here in known:
        return f"{fact} The nearest is {flag(here)}."
    if name == "steps" and {"attack", "seeds"} <= {*known}:
        return f"{fact} A knob stands behind its method: pgd-at:steps=10. The steps of an attack: --attack pgd-50."
    if name == "step" and "steps" in known:
        return f"{fact} A step here follows from the radius and --steps: more of them are smaller."
    if name in _INSTEAD and not (name == "steps" and "attack" not in known):
        return f"{fact} {_INSTEAD[name]}"
    return f"{fact} The nearest is {flag(nearest(name, known))}."


def flag(name: str) -> str:
    """An argument as it is typed."""
    return f"--{name.replace('_', '-')}"


def home(word: str) -> str:
    """A word with the home folder where the shell leaves a ~ alone: behind an equals sign or a colon, or in quotes.

    >>> home("--out=~/x") == f"--out={os.path.expanduser('~/x')}", home("a~/b"), home("--out=runs/~")
    (True, 'a~/b', '--out=runs/~')
    """
    return re.sub(r"(?<![^=:])~(?=/|$)", lambda _: os.path.expanduser("~"), word)


def wrong_hyphens(args: Sequence[str], known: Collection[str]) -> str | None:
    """What to say of a flag that begins with one hyphen, or with a dash that a text program has made of two.

    >>> wrong_hyphens(["x", "-lam", "0.4"], ["lam"]), wrong_hyphens(["-0.4", "--lam"], ["lam"])
    ('-lam: a flag begins with two hyphens. Write --lam.', None)
    """
    for word in args:
        name = re.sub(r"^[-\u2010-\u2015\u2212]+", "", word).partition("=")[0].replace("-", "_")
        if name in known and not word.startswith(("--", name[0])) and word != "-h":
            return f"{word}: a flag begins with two hyphens. Write {flag(name)}."
    return None


def without_value(args: Sequence[str], several: Collection[str]) -> str | None:
    """What to say of a flag that takes several values and has none; None if there is no such flag.

    >>> without_value(["x", "--lams", "--n", "5"], {"lams"}), without_value(["--lams", "0", "1"], {"lams"})
    ('--lams names nothing, perhaps an unset variable of the shell. Leave it out, or say what it is.', None)
    """
    for word, after in zip(args, [*args, "--"][1:], strict=True):
        name, _, value = word.partition("=")
        alone = not value.strip(",") and (after.startswith("--") or not after.strip(","))
        if word.startswith("--") and name[2:].replace("-", "_") in several and alone:
            return f"{name} names nothing, perhaps an unset variable of the shell. Leave it out, or say what it is."
    return None


def empty_word(args: Sequence[str]) -> str | None:
    """What to say of an empty word among those of a command line; None if there is none.

    >>> empty_word(["--start", ""])
    '--start is empty, perhaps an unset variable of the shell. Leave it out, or say what it is.'
    """
    for before, word in zip(["", *args], args, strict=False):
        name, equals, value = word.partition("=")
        given = value if name.startswith("--") and equals else word
        if not given.strip():
            who = name if name.startswith("--") else before if before.startswith("--") else "An argument"
            return f"{who} is empty, perhaps an unset variable of the shell. Leave it out, or say what it is."
    return None


def spread(args: Sequence[str], several: Collection[str]) -> Iterator[str]:
    """The words, where the values of a flag that takes several are one word each, also if commas stand between them.

    >>> list(spread(["--lambdas=0,1", "--out", "a,b"], {"lambdas"}))
    ['--lambdas', '0', '1', '--out', 'a,b']
    """
    inside = False
    for word in args:
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            inside = name[2:].replace("-", "_") in several
            yield from (name, *filter(None, value.split(","))) if inside and equals and "," in value else (word,)
        else:
            yield from filter(None, word.split(",")) if inside and "," in word else (word,)


def gathered(args: Sequence[str], several: Collection[str]) -> list[str]:
    """The words, where a flag that takes several and stands there twice has all its values at its first place.

    >>> gathered(["--format", "onnx", "--n", "5", "--format", "pt2"], {"format"})
    ['--format', 'onnx', 'pt2', '--n', '5']
    """
    groups: list[list[str]] = [[]]
    here = groups[0]
    for word in args:
        name, equals, value = word.partition("=")
        if not word.startswith("--"):
            here.append(word)
        elif name[2:].replace("-", "_") not in several:
            here = [word]
            groups.append(here)
        else:
            known = next((group for group in groups if group[:1] == [name]), None)
            here = [name] if known is None else known
            groups += [here] if known is None else []
            here += [value] if equals else []
    return [word for group in groups for word in group]


def filled(args: Sequence[str], choices: Collection[str]) -> Iterator[str]:
    """The words, where a flag that may stand alone, and be on then, has that for its value.

    >>> list(filled(["--compile", "--out", "x", "--compile", "auto", "--compile"], {"compile"}))
    ['--compile', 'True', '--out', 'x', '--compile', 'auto', '--compile', 'True']
    """
    for word, after in zip(args, [*args, "--"][1:], strict=True):
        yield word
        if word.startswith("--") and word[2:].replace("-", "_") in choices and after.startswith("--"):
            yield "True"


def as_decimals(args: Sequence[str], numbers: Collection[str]) -> Iterator[str]:
    """The words, where the values of flags that take numbers may be fractions, as help pages write them.

    >>> list(as_decimals(["--step", "1/4", "--shift=3/4", "--root", "1/2"], {"step", "shift"}))
    ['--step', '0.25', '--shift=0.75', '--root', '1/2']
    """
    inside = False
    for word in args:
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            inside = name[2:].replace("-", "_") in numbers
            yield f"{name}={_decimal(value)}" if inside and equals else word
        else:
            yield _decimal(word) if inside else word


def _decimal(word: str) -> str:
    if not re.fullmatch(r"-?\d+(\.\d+)?/\d*[1-9]\d*", word, re.ASCII):
        return word
    above, below = word.split("/")
    return repr(float(above) / float(below))


def wrong_value(values: Mapping[str, object]) -> str | None:
    """What to say of a number that nothing can be done with; None if all are sound.

    >>> wrong_value({"lr": 0.1, "weight_decay": float("inf")})
    '--weight-decay inf is not finite. Give a number.'
    """
    for name, value in values.items():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, float) and not math.isfinite(one):
                return f"{flag(name)} {one} is not finite. Give a number."
            if isinstance(one, int) and name == "seed" and not 0 <= one < SEEDS:
                return f"--seed {one} is out of range. Choose it from 0 to {SEEDS - 1}."
            if isinstance(one, int) and name != "seed" and not -LARGEST < one < LARGEST:
                return f"{flag(name)} {one} is more than can be counted here. Give a smaller number."
            if isinstance(one, int) and name in _COUNTS and one < 1:
                return f"{flag(name)} {one} is not positive. Give at least one{' image' if name == 'n' else ''}."
    return None


_COUNTS = ("n", "batch", "epochs", "limit", "size", "model_width", "latent", "labelled", "seeds")
