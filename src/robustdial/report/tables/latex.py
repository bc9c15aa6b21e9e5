r"""A table of LaTeX, accuracies in percent; needs `\usepackage{booktabs}`."""

from __future__ import annotations

from robustdial.report.tables.base import Cell, Span, Table, shown

_MARKS = {
    "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def latex(table: Table) -> str:
    r"""
    >>> print(latex(Table("n = 100.", ("method", "clean"), [("my_at", Span(0.5, 0.4, 0.6)), ("c", None)])), end="")
    % n = 100.
    \begin{tabular}{lr}
    \toprule
    method & clean, \% \\
    \midrule
    my\_at & 50.0 (40.0--60.0) \\
    c & -- \\
    \bottomrule
    \end{tabular}
    """
    shares, words = table.accuracies(), table.words()
    names = [plain(name) + r", \%" * share for name, share in zip(table.names, shares, strict=True)]
    lines = [
        f"% {' '.join(table.told.split())}",
        rf"\begin{{tabular}}{{{''.join('l' if word else 'r' for word in words)}}}",
        r"\toprule",
        rf"{' & '.join(names)} \\",
        r"\midrule",
        *(rf"{' & '.join(map(_text, row))} \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    r"""Text that LaTeX shows as it is.

    >>> print(plain("my_at: 5 % & {x}"))
    my\_at: 5 \% \& \{x\}
    """
    return "".join(_MARKS.get(mark, mark) for mark in text)


def _text(cell: Cell) -> str:
    if isinstance(cell, Span):
        return cell.percent("--")
    if isinstance(cell, str):
        return plain(cell)
    return "--" if cell is None else shown(cell)
