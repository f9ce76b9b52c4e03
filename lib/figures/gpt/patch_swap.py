"""A patch: a place's states are copied from a donor's run into another run, which then goes on."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A dot is the states of a place's tokens. One is copied from the donor's run, and the "
           "layers below it are computed anew.")

PLACES = ("question", "name", "is")
LAYERS = 4
#: Middle of each run, and from one column of it to the next.
MIDDLES: dict[Layout, tuple[float, float]] = {"wide": (2.35, 5.5), "narrow": (1.11, 2.79)}
APART: dict[Layout, float] = {"wide": 0.78, "narrow": 0.52}
TOP, STEP = 1.42, 0.46  # the states at the start, and from one layer's to the next


@dataclass(frozen=True)
class Swap:
    """The donor's prompt and ours, what each is answered, and the state that is copied."""

    donor: str
    asked: str
    answers: tuple[str, str]
    place: str
    after: int

    def touched(self, place: str, layer: int) -> bool:
        """Whether a state of our run may hold something of the copied one."""
        later = PLACES.index(place) > PLACES.index(self.place)
        return layer >= self.after + later and (later or place == self.place)


def compute(donor: str, asked: str, answers: tuple[str, str], place: str, after: int) -> Swap:
    """Take two prompts with their answers, and the state that is copied.

    Raises:
        ValueError: there is no such place, or no layer follows the state.
    """
    if place not in PLACES or not 0 <= after < LAYERS:
        raise ValueError(f"the state is ({place!r}, {after}); the places are {', '.join(PLACES)}, "
                         f"and a layer must follow, so it is one of 0 to {LAYERS - 1}")
    return Swap(donor, asked, answers, place, after)


def _run(ax: Axes, data: Swap, layout: Layout, donor: bool) -> None:
    """One run: its prompt, its states from the start down, and its answer."""
    middle, apart = MIDDLES[layout][0 if donor else 1], APART[layout]
    bottom, tone = TOP + LAYERS * STEP, style.ATTENTION(0.7)
    ax.text(middle, TOP - 0.74, "the donor" if donor else "our run", ha="center",
            va="center", color=style.MUTED)
    ax.text(middle, TOP - 0.5, data.donor if donor else data.asked, ha="center", va="center",
            weight=600)
    for k, place in enumerate(PLACES):
        x = middle + (k - 1) * apart
        ax.text(x, TOP - 0.23, place, ha="center", va="center", color=style.MUTED,
                size=style.SMALL)
        ax.plot([x, x], [TOP, bottom], color=style.RULE, lw=1.4, zorder=2)
        for layer in range(LAYERS + 1):
            full = donor or (place, layer) == (data.place, data.after)
            mixed = not donor and data.touched(place, layer)
            ax.add_artist(Circle((x, TOP + layer * STEP), 0.085, zorder=4, lw=1.6,
                                 fc=tone if full else style.ATTENTION(0.25) if mixed
                                 else style.PAPER,
                                 ec=tone if full or mixed else style.FROZEN.mark))
    ax.annotate("", (middle + apart, bottom + 0.36), (middle + apart, bottom + 0.1), arrowprops={
        "arrowstyle": "-|>", "color": style.INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0})
    words = data.answers[0] if donor else f"{data.answers[0]} or {data.answers[1]}?"
    right = not donor and layout == "narrow"
    ax.text(style.WIDTH[layout] - style.MARGIN if right else middle + apart, bottom + 0.5, words,
            ha="right" if right else "center", va="center", weight=600)


@style.styled
def draw(data: Swap, layout: Layout = "wide") -> Figure:
    """Draw the donor's run on the left, ours on the right, and the arrow of the copy."""
    wide = layout == "wide"
    fig = style.canvas(layout, TOP + LAYERS * STEP + 0.72)
    style.heading(fig, "A patch: copy one place, and go on" if wide else "A patch copies a place",
                  "Filled: the donor's states; tinted: may hold something of them" if wide
                  else "states by layer; tinted: partly the donor's")
    ax = style.board(fig)
    for layer in range(LAYERS + 1):
        words = (f"after layer {layer}" if layer else "at the start") if wide else layer or "start"
        ax.text(style.MARGIN, TOP + layer * STEP, words, va="center", color=style.MUTED,
                size=style.SMALL)
    for donor in (True, False):
        _run(ax, data, layout, donor)
    shift, y = (PLACES.index(data.place) - 1) * APART[layout], TOP + data.after * STEP
    left, right = (middle + shift for middle in MIDDLES[layout])
    ax.add_artist(FancyBboxPatch((left, y), 0, 0, fc="none", ec=style.INK, lw=1.8, zorder=5,
                                 boxstyle="round,pad=0.14,rounding_size=0.05"))
    ax.annotate("", (right - 0.1, y - 0.03), (left + 0.14, y - 0.03), zorder=6, arrowprops={
        "arrowstyle": "-|>", "color": style.INK, "lw": 1.8, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 14, "connectionstyle": f"arc3,rad={-0.13 if wide else -0.25}"})
    return fig


def alt(data: Swap) -> str:
    """Return the figure in words."""
    place = "'is'" if data.place == "is" else f"the {data.place}"
    when = f"after layer {data.after}" if data.after else "at the start"
    return (f"Two runs, {data.donor!r} and {data.asked!r}. The states at {place} {when} are copied "
            f"from the first into the second, which goes on through the layers that remain. It "
            f"may write {data.answers[0]!r} or {data.answers[1]!r}.")
