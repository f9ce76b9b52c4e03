"""Results side by side: a table for a page, for JupyterLab and for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Table:
    """Texts in rows under headings; columns of numbers are set to the right."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: int | frozenset[tuple[int, int]] | None = None  # a row, or cells (row, column)

    def __repr__(self) -> str:
        lines = [self.headings, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        return "\n".join("  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, self.numeric)).rstrip()
            for line in lines)

    def _repr_html_(self) -> str:
        head = "".join(self._cell("th", text, column, ' scope="col"')
                       for column, text in enumerate(self.headings))
        body = "\n".join(
            f'<tr{" class=" + chr(34) + "strong" + chr(34) if number == self.strong else ""}>'
            + self._cell("th", row[0], 0, ' scope="row"', self._loud(number, 0))
            + "".join(self._cell("td", text, column, strong=self._loud(number, column))
                      for column, text in enumerate(row) if column)
            + "</tr>" for number, row in enumerate(self.rows))
        return (f'<div class="results"><table class="table">\n<thead><tr>{head}</tr></thead>\n'
                f"<tbody>\n{body}\n</tbody>\n</table></div>")

    def _loud(self, row: int, column: int) -> bool:
        return isinstance(self.strong, frozenset) and (row, column) in self.strong

    def _cell(self, tag: str, text: str, column: int, scope: str = "",
              strong: bool = False) -> str:
        if not text:  # an empty heading would be read aloud as one
            tag, scope = "td", ""
        kinds = ["number"] * self.numeric[column] + ["strong"] * strong
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        return f"<{tag}{scope}{kind}>{escape(text)}</{tag}>"

    @property
    def numeric(self) -> list[bool]:
        """For each column, whether most of its entries begin with a digit, behind any sign; blanks
        and dashes say nothing.
        """
        columns = zip(*self.rows) if self.rows else [()] * len(self.headings)
        told = [[text for text in column if text.strip(" -–—")] for column in columns]
        return [sum(text.lstrip("+-−±<≈ ")[:1].isdigit() for text in column) * 2 > len(column)
                for column in told]


def table(headings: Sequence[str], rows: Iterable[Sequence[object]],
          strong: int | Collection[tuple[int, int]] | None = None) -> Table:
    """A table of results, to stand in the last line of a cell.

    headings: a text for each column. rows: as many entries each; what is no text becomes one by
    ``str``, so give figures the digits that a reader wants. strong: the row, from 0, to look at
    first, or several cells, each as (row, column). Raises ValueError for a row of another length,
    for no headings, and for a row or a cell to look at that is not there.
    """
    heads = tuple(map(str, headings))
    if not heads or isinstance(headings, str):
        raise ValueError(f"headings are {headings!r}: allowed is a list of at least one text")
    lines = tuple(tuple(map(str, row)) for row in rows)
    for number, line in enumerate(lines):
        if len(line) != len(heads):
            raise ValueError(f"row {number} has {len(line)} entries {line}: allowed are "
                             f"{len(heads)}, as many as headings")
    if isinstance(strong, Collection):
        strong = frozenset(strong)
        for row, column in sorted(strong):
            if not (0 <= row < len(lines) and 0 <= column < len(heads)):
                raise ValueError(f"strong has {(row, column)}: allowed are rows from 0 to "
                                 f"{len(lines) - 1} and columns from 0 to {len(heads) - 1}")
    elif strong is not None and not 0 <= strong < len(lines):
        raise ValueError(f"strong is {strong}: allowed is a row from 0 to {len(lines) - 1}")
    return Table(heads, lines, strong)
