"""Write the map of the methods: python docs/methods/map.py > docs/methods/README.md"""

from __future__ import annotations

from robustdial.recipes.facts import facts_of, recipes_of
from robustdial.recipes.taxonomy import CATEGORIES, Category

FACTS = "summary", "paper", "cost"
HEAD = """# The methods, on the survey's map

The kinds are those of Bai, Luo, Zhao, Wen and Wang, *Recent Advances in Adversarial Training for Adversarial
Robustness*, IJCAI 2021, with dials and other threats set apart. Its headings are from memory and its text was not at
hand; what is not implemented is named as far as it is well known. A method may belong to several kinds and stands in
one: the M+ rule and DEAT are a curriculum as well, and `localized` stays within a ball.

`robustdial methods` prints this, `robustdial methods NAME` a recipe in full, with `--bibtex` its papers.
`docs/methods/map.py` writes this page.

Every recipe takes `--ema 0.999` (averaged weights), `--awp 0.01` (adversarial weight perturbation),
`--label-smoothing 0.1`, `--teacher RUN --distil 0.5` (labels that are half a teacher's answers), `--mixup 0.2` and
`--cutmix 1`. `--preset fast`, `standard` or `imagenet` sets the defaults of published settings
([ImageNet](../how-to/imagenet.md) has more). The compositions are compared with their authors' code
number by number, and with loops written line by line from the papers. `make test` repeats this on your machine with the
numbers that are shipped in `tests/reference/data`, `make processors` under every instruction set that it has. Where a
default departs from the authors' code, the recipe says so.

Recipes with a `--norm` take `linf`, `l2` and `l1`: `train pgd-at --norm l1 --eps 12 --data cifar10`. What a run or any
network is worth in L1 is measured by `evaluate ... --norm l1 --eps 12 --attack autoattack-l1`, with the constants of
AutoAttack's authors for that norm.

The passes of each are [counted](passes.md). More on [training with one step](fast.md) and
[against several norms](several-norms.md); on [robust self-training](robust-self-training.md),
[attributes](attributes.md), [localized](localized.md) and [generative](generative.md) adversarial training, and
[all four together](beyond.md).
"""


def section(category: Category) -> str:
    """One kind: its recipes as a table, then what is absent."""
    name, about = (text[0].upper() + text[1:] for text in (category.name, category.about))
    lines = [f"## {name}", "", f"{about}."]
    recipes = [facts_of(name) for name in recipes_of(category)]
    if recipes:
        lines += ["", "| recipe | what it does | paper | cost |", "| --- | --- | --- | --- |"]
        lines += [f"| `{row['name']}` | {' | '.join(_cell(row[fact]) for fact in FACTS)} |" for row in recipes]
    if category.absent:
        lines += ["", "Not implemented:", ""]
        lines += [f"- {name}: {paper}" for name, paper in category.absent]
    return "\n".join(lines)


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(f"{section(category)}\n" for category in CATEGORIES)])


def _cell(text: str) -> str:
    return text.rstrip(".").replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
