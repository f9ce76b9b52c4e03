"""Facts that some parts find alone, or that are lost without two boxes, by what is put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each column is a set of parts that stay, and each row replaces the rest in its own "
           "way. Black bars: some boxes are replaced, too.")

ROW = 0.27  # inches from one bar to the next

#: Subtitle, wide and narrow, by what the bars count.
WORDS = {"found": ("Capitals found, of {known}, if only these parts stay",
                   "Found of {known} with only these parts"),
         "lost": ("Capitals lost, of {known}, with a replacement in the two early boxes",
                  "Lost of {known}, early boxes replaced")}
ASKED = "How many are lost with both?"  # the title while some count is hidden


@dataclass(frozen=True)
class Found:
    """Facts of ``known``: a row for each replacement of the rest, a column for each set that stays.

    ``sets`` has two words for each set, such as its edges and its boxes. If what is ``counted`` is
    "lost", the columns are replacements (and an answer), and the rows are the boxes replaced.
    A count that is None is still hidden.
    """

    sets: tuple[tuple[str, str], ...]
    rests: tuple[str, ...]
    found: tuple[tuple[int | None, ...], ...]
    known: int
    counted: str = "found"

    def column(self, at: int) -> list[int | None]:
        """The counts of one column, from the top."""
        return [row[at] for row in self.found]

    def hidden(self) -> bool:
        """Whether some count is still to be guessed."""
        return any(None in row for row in self.found)

    def strong(self, at: int, row: int) -> bool:
        """Whether a bar is dark: some boxes are replaced, or both of the two."""
        if self.counted == "lost":
            return row == len(self.rests) - 1
        return not self.sets[at][1].startswith("all")


def compute(sets: Sequence[tuple[str, str]], found: Mapping[str, Sequence[int | None]],
            known: int, counted: str = "found") -> Found:
    """Take the columns in words, and by row how many of the ``known`` facts each finds or loses.

    A count is None where the reader is still to guess it.

    Raises:
        ValueError: a row has no count for some column, a count is not from 0 to ``known``, or
            ``counted`` is neither "found" nor "lost".
    """
    if counted not in WORDS:
        raise ValueError(f"facts are found or lost, not {counted!r}")
    rows = {rest: tuple(None if count is None else int(count) for count in each)
            for rest, each in found.items()}
    for rest, row in rows.items():
        if len(row) != len(sets) or not all(
                each is None or 0 <= each <= known for each in row):
            raise ValueError(f"{rest} has the counts {row}; it needs {len(sets)}, each from 0 to "
                             f"{known}")
    return Found(tuple(sets), tuple(rows), tuple(rows.values()), known, counted)


def title(data: Found, layout: Layout = "wide") -> str:
    """Return the costliest replacement of both boxes, or what the last set of parts finds."""
    if data.hidden():
        return ASKED
    columns = [[count or 0 for count in data.column(at)] for at in range(len(data.sets))]
    if data.counted == "lost":
        cost, name = max((counts[-1], words[0]) for counts, words in zip(columns, data.sets))
        where = "in both boxes" if layout == "wide" else "in both"
        return f"{name[:1].upper()}{name[1:]} {where}: {cost} lost"
    least, most = min(columns[-1]), max(columns[-1])
    enough = "Yes" if least == data.known else "Nearly" if least > 0.8 * data.known else "Not quite"
    parts = f" with {' and '.join(data.sets[-1])}" if layout == "wide" else ""
    return f"Enough? {enough}: {least} to {most} found{parts}"


@style.styled
def draw(data: Found, layout: Layout = "wide") -> Figure:
    """Draw a column of bars for each set; those with all boxes, or without one, are lighter."""
    wide, high = layout == "wide", ROW * len(data.rests)
    fig = style.canvas(layout, high + 1.32)
    style.heading(fig, title(data, layout), WORDS[data.counted][not wide].format(known=data.known))
    left = (1.3 if wide else 0.98) if data.counted == "found" else (0.82 if wide else 0.72)
    step = (fig.get_size_inches()[0] - style.MARGIN - left) / len(data.sets)
    for k, words in enumerate(data.sets):
        ax = style.place(fig, left + k * step, 1.2, 0.93 * step, high)
        counts = data.column(k)
        room = data.known * (1.35 if wide else 1.75)
        ax.barh(range(len(counts)), [data.known] * len(counts), 0.66, color=style.WASH)
        ax.barh(range(len(counts)), [count or 0 for count in counts], 0.66,
                color=[style.FACTS.mark if data.strong(k, row) else style.ATTENTION(0.7)
                       for row in range(len(counts))])
        for row, count in enumerate(counts):
            ax.text(data.known + 0.04 * room, row, "?" if count is None else str(count),
                    va="center_baseline", size=style.SMALL)
        ax.set(xlim=(0, room), ylim=(len(counts) - 0.5, -0.5))
        ax.set_yticks(range(len(counts)), [] if k else data.rests)
        ax.set_xticks([])
        ax.spines[:].set_visible(False)
        for line, each in enumerate(words):
            style.write(fig, left + k * step, 0.86 + 0.2 * line, each, va="baseline",
                        weight=400 if line else 600, size=style.BASE if wide else style.SMALL)
    return fig


def alt(data: Found) -> str:
    """Return the figure in words."""
    sets = "; ".join(
        f"{(' and ' if data.counted == 'found' else ', ').join(words)}: " + ", ".join(
            f"{rest} {'?' if count is None else count}"
            for rest, count in zip(data.rests, data.column(k)))
        for k, words in enumerate(data.sets))
    if data.counted == "lost":
        return (f"Capitals of {data.known} that are lost without one early box or both, by what "
                f"stands in their place. {sets}.")
    return (f"Capitals of {data.known} that are found if only some parts stay, by what stands in "
            f"the place of the rest. {sets}.")
