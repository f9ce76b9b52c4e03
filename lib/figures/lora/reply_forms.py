"""Replies sorted by their form, and how many of each form have the right answer in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout

CAPTION = ("The full colour of a form is the part with the right answer in it, the pale one the "
           "part without.")
#: As the first task, as the second one, so for another question (hatched), and as neither.
TONES = (style.FACTS, style.TASK, style.TASK, style.FROZEN)
PALE = style.FACTS.tint, style.TASK.tint, style.PAPER, style.PAPER
HATCH = "", "", "////", ""
ROW, LINE = 0.46, 0.24  # inches: a model's row, and a line of the key


@dataclass(frozen=True)
class Forms:
    """By model and form: the replies with the right answer in them, and those without."""

    counts: dict[str, dict[str, tuple[int, int]]]

    @property
    def total(self) -> int:
        """How many replies each model gave."""
        return sum(map(sum, next(iter(self.counts.values())).values()))


def compute(counts: Mapping[str, Mapping[str, tuple[int, int]]]) -> Forms:
    """Take the counts: model -> form -> with the right answer, and without.

    Raises:
        ValueError: the models gave different numbers of replies, or there are not four forms.
    """
    totals = {sum(map(sum, forms.values())) for forms in counts.values()}
    if len(totals) != 1 or any(len(forms) != len(TONES) for forms in counts.values()):
        raise ValueError(f"the models gave {sorted(totals)} replies; allowed are as many of each, "
                         f"in {len(TONES)} forms")
    return Forms({model: dict(forms) for model, forms in counts.items()})


def _places(data: Forms, width: float) -> list[tuple[str, str, float, float]]:
    """Each form, its words in the key, and where it stands in so many inches, line by line."""
    found, left, at = [], 0.0, LINE / 2
    for form in next(iter(data.counts.values())):
        never = not any(forms[form][0] for forms in data.counts.values())
        words = form + ", never right" * never
        room = 0.26 + measure(words, style.SMALL, 600)
        if left and left + room > width:
            left, at = 0.0, at + LINE
        found.append((form, words, left, at))
        left += room + 0.14
    return found


def _key(fig: Figure, data: Forms, places: list[tuple[str, str, float, float]]) -> None:
    """The names of the forms, each behind its two colours."""
    high = places[-1][-1] + LINE / 2
    ax = style.board(fig, style.MARGIN, 0.6, None, high)
    for (form, words, left, at), tone, pale, hatch in zip(places, TONES, PALE, HATCH, strict=True):
        shown = [number for number in (0, 1)
                 if any(forms[form][number] for forms in data.counts.values())] or [0, 1]
        for place, number in enumerate(shown):  # a part that no bar has isn't in the key
            ax.barh(at, 0.2 / len(shown), 0.16, left=left + 0.2 / len(shown) * place,
                    color=(tone.ink, pale)[number], ec=tone.mark, lw=style.THIN,
                    hatch=hatch if number else "")
        ax.text(left + 0.26, at, words, va="center", color=tone.ink, weight=600, size=style.SMALL)
    ax.set(xlim=(0, fig.get_size_inches()[0] - style.MARGIN), ylim=(high, 0))


def _rows(ax: Axes, data: Forms, inch: float) -> None:
    """A bar for each model; ``inch`` is the length of a reply in it."""
    for at, forms in enumerate(data.counts.values()):
        left = 0
        for tone, pale, hatch, both in zip(TONES, PALE, HATCH, forms.values(), strict=True):
            for count, colour, ink, lines in zip(both, (tone.ink, pale), (style.PAPER, style.INK),
                                                 ("", hatch), strict=True):
                ax.barh(at, count, 0.66, left=left, color=colour, ec=tone.mark, lw=style.THIN,
                        hatch=lines)
                if inch * count > measure(f"{count}", style.SMALL, 600) + 0.04:
                    ax.text(left + count / 2, at, f"{count}", ha="center", va="center_baseline",
                            color=ink, weight=600, size=style.SMALL, bbox={
                                "fc": colour, "ec": "none", "pad": 1.5} if lines else None)
                left += count
    ax.set(xlim=(0, data.total), ylim=(len(data.counts) - 0.5, -0.5))
    ax.set_yticks(range(len(data.counts)), list(data.counts))
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)


@style.styled
def draw(data: Forms, layout: Layout = "wide") -> Figure:
    """Draw a bar for each model, in its forms and their two parts."""
    high = ROW * len(data.counts)
    places = _places(data, style.WIDTH[layout] - style.MARGIN)
    top = 0.7 + places[-1][-1] + LINE / 2
    fig = style.canvas(layout, top + 0.06 + high)
    style.heading(fig, f"In which form are {data.total} replies, and are they right?"
                  if layout == "wide" else f"{data.total} replies by their form",
                  "Full colour: the right answer is in it. Pale: it is not"
                  if layout == "wide" else "Full colour: right answer in it. Pale: not")
    _key(fig, data, places)
    width = style.WIDTH[layout] - 0.75 - 0.15
    _rows(style.place(fig, 0.75, top, width, high), data, width / data.total)
    return fig


def alt(data: Forms) -> str:
    """Return the picture in words."""
    said = "; ".join(f"{model}, " + ", ".join(
        f"{sum(both)} {form} with {both[0]} right" for form, both in forms.items())
        for model, forms in data.counts.items())
    return f"Of {data.total} replies by form: {said}."
