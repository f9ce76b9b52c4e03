"""How many facts some parts find alone, by what stands in the place of all other parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each column is a set of parts that stay, and each row replaces the rest in its own "
           "way. Black bars: some boxes are replaced, too.")

ROW = 0.27  # inches from one bar to the next


@dataclass(frozen=True)
class Found:
    """Facts found of ``known``: a row for each replacement of the rest, a column for each set.

    ``sets`` has two words for each set, such as its edges and its boxes.
    """

    sets: tuple[tuple[str, str], ...]
    rests: tuple[str, ...]
    found: tuple[tuple[int, ...], ...]
    known: int

    def column(self, at: int) -> list[int]:
        """What one set finds, by each replacement."""
        return [row[at] for row in self.found]


def compute(sets: Sequence[tuple[str, str]], found: Mapping[str, Sequence[int]],
            known: int) -> Found:
    """Take the sets in words, and by replacement how many of the ``known`` facts each finds.

    Raises:
        ValueError: a replacement has no count for some set, or a count is not from 0 to ``known``.
    """
    rows = {rest: tuple(map(int, each)) for rest, each in found.items()}
    for rest, row in rows.items():
        if len(row) != len(sets) or not all(0 <= each <= known for each in row):
            raise ValueError(f"{rest} has the counts {row}; it needs {len(sets)}, each from 0 to "
                             f"{known}")
    return Found(tuple(sets), tuple(rows), tuple(rows.values()), known)


@style.styled
def draw(data: Found, layout: Layout = "wide") -> Figure:
    """Draw a column of bars for each set; those with all boxes are lighter."""
    wide, high = layout == "wide", ROW * len(data.rests)
    fig = style.canvas(layout, high + 1.32)
    style.heading(fig, "Enough? Not quite, whatever replaces the rest" if wide
                  else "Enough? Not quite",
                  f"Capitals found, of {data.known}, if only these parts stay" if wide
                  else f"Found of {data.known} with only these parts")
    left = 1.3 if wide else 0.98
    step = (fig.get_size_inches()[0] - style.MARGIN - left) / len(data.sets)
    for k, words in enumerate(data.sets):
        ax = style.place(fig, left + k * step, 1.2, 0.93 * step, high)
        counts = data.column(k)
        room = data.known * (1.35 if wide else 1.75)
        ax.barh(range(len(counts)), [data.known] * len(counts), 0.66, color=style.WASH)
        ax.barh(range(len(counts)), counts, 0.66,
                color=style.ATTENTION(0.7) if words[1].startswith("all") else style.FACTS.mark)
        for row, count in enumerate(counts):
            ax.text(data.known + 0.04 * room, row, str(count), va="center_baseline",
                    size=style.SMALL)
        ax.set(xlim=(0, room), ylim=(len(counts) - 0.5, -0.5))
        ax.set_yticks(range(len(counts)), [] if k else data.rests)
        ax.set_xticks([])
        ax.spines[:].set_visible(False)
        for line, each in enumerate(words):
            style.write(fig, left + k * step, 0.74 + 0.19 * line, each,
                        weight=400 if line else 600, size=style.BASE if wide else style.SMALL)
    return fig


def alt(data: Found) -> str:
    """Return the figure in words."""
    sets = "; ".join(
        f"{' and '.join(words)}: " + ", ".join(
            f"{rest} {count}" for rest, count in zip(data.rests, data.column(k)))
        for k, words in enumerate(data.sets))
    return (f"Capitals of {data.known} that are found if only some parts stay, by what stands in "
            f"the place of the rest. {sets}.")
