"""What several ways answer after replay: as much as a fresh adapter of their rank, and more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.figures.lora.way_gaps import T

CAPTION = ("Grey: what a fresh adapter of the same rank learns from the same batches; purple: what "
           "a method answers beyond it. Dots: the seeds.")
#: Way -> the fresh adapter of its rank.
CONTROLS = {"same": "fresh", "merged": "fresh", "beside": "fresh 8", "merged 8": "fresh 8"}
ROW, PANEL = 0.36, 0.7  # inches: a bar's row, and what a panel needs besides its rows
FEW = 2  # seeds that are too few for an interval


@dataclass(frozen=True)
class Gains:
    """For each setting the percent right of each seed, by way; the controls are among them.

    ``second`` has the same of the second task.
    """

    settings: dict[str, dict[str, np.ndarray]]
    second: dict[str, dict[str, np.ndarray]]

    def gain(self, setting: str, way: str) -> tuple[float, float | None]:
        """The mean above the control, seed by seed, and half its 95% interval unless seeds are few.
        """
        above = self.settings[setting][way] - self.settings[setting][CONTROLS[way]]
        margin = None if len(above) <= FEW else \
            float(T[len(above)] * above.std(ddof=1) / len(above) ** 0.5)
        return float(above.mean()), margin

    def words(self, setting: str, way: str) -> str:
        """The gain as it is written: ``+16.9 ± 11.4``."""
        mean, margin = self.gain(setting, way)
        said = f"{mean:+.1f}" if margin is None else f"{mean:+.1f} ± {margin:.1f}"
        return said.replace("-", "\u2212")


def compute(settings: Mapping[str, Mapping[str, Sequence[float]]],
            second: Mapping[str, Mapping[str, Sequence[float]]]) -> Gains:
    """Take each setting's scores in percent, of the first task and of the second: way -> one for
    each seed.

    Raises:
        ValueError: a way's control is missing in a setting.
    """
    if without := [name for name, ways in settings.items()
                   if {CONTROLS.get(way, way) for way in ways} - set(ways)]:
        raise ValueError(f"a control is missing in {', '.join(without)}")
    return Gains(*({name: {way: np.array(found, float) for way, found in ways.items()}
                    for name, ways in task.items()} for task in (settings, second)))


def _panel(ax: Axes, data: Gains, setting: str, columns: Sequence[float],
           heads: Sequence[str]) -> None:
    """A bar for the control, and one for each way, in two parts; beside it its numbers, which
    start at the ``columns``, in inches from the bars, under ``heads``.
    """
    ways = data.settings[setting]
    order = [way for control in dict.fromkeys(CONTROLS.values()) if control in ways
             for way in (control, *(each for each in ways if CONTROLS.get(each) == control))]
    wide = ax.get_position().width * ax.get_figure().get_size_inches()[0]
    starts = [1 + column / wide for column in columns]

    def put(column: int, at: float, words: str, tone: str, weight: int = 400) -> None:
        ax.text(starts[column], at, words, transform=ax.get_yaxis_transform(), va="center",
                color=tone, weight=weight, size=style.SMALL)

    for column, words in enumerate(heads):
        put(column, -0.78, words, (style.INK, style.LORA.ink, style.TASK.ink)[column])
    for at, way in enumerate(order):
        end, alone = (float(ways[each].mean()) for each in (way, CONTROLS.get(way, way)))
        ax.barh(at, min(alone, end), 0.62, color=style.FROZEN.mark, zorder=2)
        if way in CONTROLS:
            ax.plot([alone, alone], [at - 1, at + 0.31], color=style.PAPER, lw=style.THIN, zorder=3)
            ax.barh(at, max(end - alone, 0), 0.62, left=alone, color=style.LORA.mark, zorder=2)
            put(1, at, data.words(setting, way), style.LORA.ink, 600)
        style.seeds(ax, ways[way], at + style.fan(ways[way], 0.18), "o", style.FACTS, 4.5)
        put(0, at, f"{end:.1f}%", style.INK if way in CONTROLS else style.FROZEN.ink)
        put(2, at, f"{data.second[setting][way].mean():.1f}%", style.TASK.ink)
    ax.set(xlim=(0, 100), ylim=(len(order) - 0.5, -0.5))
    ax.set_title(f"{setting}, {len(ways[order[0]])} seeds", x=0 if heads[0] else -0.54 / wide)
    ax.set_yticks(range(len(order)), order)
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.set_xticks((0, 25, 50, 75, 100), ("0", "25", "50", "75", "100%"))


@style.styled
def draw(data: Gains, layout: Layout = "wide") -> Figure:
    """Draw a panel for each setting, one under the other on the same axis."""
    wide = layout == "wide"
    highs = [ROW * len(ways) for ways in data.settings.values()]
    fig = style.canvas(layout, 0.6 + sum(highs) + PANEL * len(highs))
    style.heading(fig, "With replay: what the first training adds" if wide else
                  "What the first training adds",
                  "Questions answered: grey as by the fresh adapter of this rank, purple beyond it"
                  if wide else "Questions answered, with replay")
    left, columns = (0.75, (0.2, 1.0, 2.05)) if wide else (0.62, (0.08, 0.52, 1.3))
    right = columns[-1] + (0.8 if wide else 0.42)
    top = 0.6
    for setting, high in zip(data.settings, highs, strict=True):
        _panel(style.place(fig, left, top + 0.3, style.WIDTH[layout] - left - right, high), data,
               setting, columns, ("questions" if wide else "", "gain",
                                   "instructions" if wide else "task 2"))
        top += high + PANEL
    return fig


def alt(data: Gains) -> str:
    """Return the picture in words."""
    said = []
    for setting, ways in data.settings.items():
        rest = ", ".join(f"{way} {found.mean():.1f}%"
                         + (f" ({data.words(setting, way)})" if way in CONTROLS else "")
                         for way, found in ways.items())
        told = ", ".join(f"{way} {found.mean():.1f}%" for way, found in
                         data.second[setting].items())
        said.append(f"{setting}, {len(next(iter(ways.values())))} seeds: {rest}, and of the second "
                    f"task {told}")
    return ("Questions answered with replay, and points above the fresh adapter of the same rank. "
            f"{'; '.join(said)}.")
