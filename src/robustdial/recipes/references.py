"""The papers of a recipe, read from its docstring, as BibTeX. What the docstring does not say is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from robustdial.recipes import RECIPES
from robustdial.recipes.facts import Words, doc_of

_NAME = r"(?:de |van |von )?[A-Z][\w-]+(?: [A-Z][\w-]+)?"
_REFERENCE = re.compile(
    rf"(?P<authors>{_NAME} et al\.|{_NAME}(?:, {_NAME})* & {_NAME}|^{_NAME}), "
    r"(?:(?P<title>.+?), )??"
    r"(?:(?P<venue>[A-Z]\w+) |arXiv (?P<arxiv>\d{4}\.\d{5}), )?(?P<year>(?:19|20)\d\d)\b"
)


class Reference(NamedTuple):
    """A paper, as far as docstrings name it; what they do not say is empty."""

    authors: str
    title: str
    venue: str
    arxiv: str
    year: str

    @property
    def key(self) -> str:
        """
        >>> Reference("de Jorge et al.", "Make Some Noise: Reliable", "NeurIPS", "", "2022").key
        'dejorge2022make'
        """
        first = re.split(r" et al\.|, | & ", self.authors)[0]
        return re.sub(r"\W", "", f"{first}{self.year}{re.split(r'[ -]', self.title)[0]}").lower()

    @property
    def bibtex(self) -> str:
        """Its entry; `others` are those whom the docstring leaves out as well."""
        names = re.split(r", | & ", self.authors.removesuffix(" et al."))
        names = [f"{{{name}}}" if re.match(r"[A-Z]\S* ", name) else name for name in names]  # one surname of two words
        authors = " and ".join([*names, *["others"] * self.authors.endswith(" et al.")])
        fields = {"author": authors, "title": f"{{{self.title}}}", "booktitle": self.venue, "year": self.year}
        fields |= {"eprint": self.arxiv, "archivePrefix": "arXiv"} if self.arxiv else {}
        kind = "inproceedings" if self.venue else "misc"
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@{kind}{{{self.key},", *lines, "}"])


def references_of(name: str) -> list[Reference]:
    """The papers of a recipe. One that is named in short is the one that another recipe names in full.

    >>> [reference.key for reference in references_of("m-oat")]
    ['wang2020once', 'wang2021dynamic']
    """
    return list(dict.fromkeys(_in_full(short, _known()) for short in _read(Words.of(doc_of(name)).paper)))


def references() -> list[Reference]:
    """The papers of all recipes, by their keys."""
    found = {reference for name in RECIPES for reference in references_of(name)}
    return sorted(found, key=lambda reference: reference.key)


def _read(paper: str) -> list[Reference]:
    """
    >>> _read("Raghunathan et al., ICML 2020, with weights.")
    [Reference(authors='Raghunathan et al.', title='', venue='ICML', arxiv='', year='2020')]
    """
    return [Reference(**found.groupdict(default="")) for found in _REFERENCE.finditer(paper)]


@cache
def _known() -> tuple[Reference, ...]:
    return tuple(reference for name in RECIPES for reference in _read(Words.of(doc_of(name)).paper))


def _in_full(short: Reference, known: Iterable[Reference]) -> Reference:
    same = [one for one in known if one[2:] == short[2:] and one.title.startswith(short.title)]
    same = [one for one in same if one.authors.split()[0].strip(",") == short.authors.split()[0].strip(",")]
    return max([short, *same], key=lambda one: (len(one.title), len(one.authors)))
