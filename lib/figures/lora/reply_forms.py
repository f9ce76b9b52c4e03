"""Replies sorted by their form, and by what each tells: what was asked, or another fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout

CAPTION = ("Of each form the full part has the right answer, the hatched one another fact, and the "
           "rest neither.")
#: As the first task, as the second one, and other text.
TONES = (style.FACTS, style.TASK, style.FROZEN)
PALE = style.FACTS.tint, style.TASK.tint, style.PAPER
#: By part: the right answer is in it, another fact about the country, neither.
HATCH = "", "////", ""
ROW, LINE = 0.46, 0.24  # inches: a model's row, and a line of the key
OVER = 0.62  # inches of a row where brackets stand above the bars


@dataclass(frozen=True)
class Forms:
    """By model and form: the replies with the right answer in them, with another fact about the
    same country, and with neither. ``marked``: by model the form that a bracket sums up, and what
    the bracket says after the percent."""

    counts: dict[str, dict[str, tuple[int, int, int]]]
    marked: dict[str, tuple[str, str]]

    @property
    def total(self) -> int:
        """How many replies each model gave."""
        return sum(map(sum, next(iter(self.counts.values())).values()))

    def percent(self, count: int) -> str:
        """A number of replies in percent of a model's, without the sign."""
        return f"{100 * count / self.total:.0f}"


def compute(counts: Mapping[str, Mapping[str, tuple[int, int, int]]],
            marked: Mapping[str, tuple[str, str]] | None = None) -> Forms:
    """Take the counts: model -> form -> with the right answer, with another fact, with neither.

    A bracket sums up all replies of a model that are of its ``marked`` form, and names them by the
    word beside it.

    Raises:
        ValueError: the models gave different numbers of replies, or there are not three forms.
    """
    totals = {sum(map(sum, forms.values())) for forms in counts.values()}
    if len(totals) != 1 or any(len(forms) != len(TONES) for forms in counts.values()):
        raise ValueError(f"the models gave {sorted(totals)} replies; allowed are as many of each, "
                         f"in {len(TONES)} forms")
    return Forms({model: dict(forms) for model, forms in counts.items()}, dict(marked or {}))


def _places(data: Forms, width: float) -> list[tuple[str, float, float]]:
    """Each form, and where it stands in the key in so many inches, line by line."""
    found, left, at = [], 0.0, LINE / 2
    for form in next(iter(data.counts.values())):
        room = 0.4 + measure(form, style.SMALL, 600)
        if left and left + room > width:
            left, at = 0.0, at + LINE
        found.append((form, left, at))
        left += room + 0.14
    return found


def _key(fig: Figure, places: list[tuple[str, float, float]]) -> None:
    """The names of the forms, each behind its three parts."""
    high = places[-1][-1] + LINE / 2
    ax = style.board(fig, style.MARGIN, 0.6, None, high)
    for (form, left, at), tone, pale in zip(places, TONES, PALE, strict=True):
        for place, (colour, hatch) in enumerate(zip((tone.ink, pale, pale), HATCH, strict=True)):
            ax.barh(at, 0.11, 0.16, left=left + 0.11 * place, color=colour, ec=tone.mark,
                    lw=style.THIN, hatch=hatch)
        ax.text(left + 0.4, at, form, va="center", color=tone.ink, weight=600, size=style.SMALL)
    ax.set(xlim=(0, fig.get_size_inches()[0] - style.MARGIN), ylim=(high, 0))


def _rows(ax: Axes, data: Forms, inch: float) -> None:
    """A bar for each model; ``inch`` is the length of a reply in it."""
    thick = 0.66 * ROW / (OVER if data.marked else ROW)
    for at, (model, forms) in enumerate(data.counts.items()):
        left = 0
        for tone, pale, (form, parts) in zip(TONES, PALE, forms.items(), strict=True):
            marked, word = data.marked.get(model, ("", ""))
            if marked == form:
                gap = 0.02 / inch
                ends, high = (left + gap, left + sum(parts) - gap), at - thick / 2 - 0.05
                ax.plot([ends[0], *ends, ends[1]], [high, high - 0.08, high - 0.08, high],
                        color=tone.ink, lw=1.2)
                ax.text(sum(ends) / 2, high - 0.12, f"{data.percent(sum(parts))}% {word}",
                        ha="center", va="bottom", color=tone.ink, weight=600, size=style.SMALL)
            for count, colour, ink, lines in zip(parts, (tone.ink, pale, pale), (
                    style.PAPER, style.INK, style.INK), HATCH, strict=True):
                ax.barh(at, count, thick, left=left, color=colour, ec=tone.mark, lw=style.THIN,
                        hatch=lines)
                if inch * count > measure(data.percent(count), style.SMALL, 600) + 0.04:
                    ax.text(left + count / 2, at, data.percent(count), ha="center",
                            va="center_baseline", color=ink, weight=600, size=style.SMALL, bbox={
                                "fc": colour, "ec": "none", "pad": 1.5} if lines else None)
                left += count
    ax.set(xlim=(0, data.total), ylim=(len(data.counts) - 0.5, -0.5))
    ax.set_yticks(range(len(data.counts)), list(data.counts))
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)


@style.styled
def draw(data: Forms, layout: Layout = "wide") -> Figure:
    """Draw a bar for each model, in its forms and their three parts."""
    high = (OVER if data.marked else ROW) * len(data.counts)
    places = _places(data, style.WIDTH[layout] - style.MARGIN)
    top = 0.7 + places[-1][-1] + LINE / 2
    fig = style.canvas(layout, top + 0.06 + high)
    if layout == "wide":
        style.heading(fig, "In which form are the replies, and what do they tell?",
                      f"Percent of {data.total:,} replies. Full: the right answer. "
                      "Hatched: another fact about the country. Rest: neither")
    else:
        style.heading(fig, "Replies by their form",
                      "Full: right. Hatched: another fact. Rest: neither")
    _key(fig, places)
    width = style.WIDTH[layout] - 0.84 - 0.15
    _rows(style.place(fig, 0.84, top, width, high), data, width / data.total)
    return fig


def alt(data: Forms) -> str:
    """Return the picture in words."""
    said = "; ".join(f"{model}, " + ", ".join(
        f"{data.percent(sum(parts))} {form} with {data.percent(parts[0])} right and "
        f"{data.percent(parts[1])} another fact"
        for form, parts in forms.items())
        for model, forms in data.counts.items())
    return (f"Percent of {data.total:,} replies by form, and what they tell about the country: "
            f"{said}.")
