"""What several ways answer after replay: what the rows alone teach, and what is above that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.figures.lora.way_gaps import T

CAPTION = ("Grey: what a fresh adapter learns from the same batches. Purple: what a way answers "
           "beyond it, its gain from the first training.")
CONTROL = "fresh"
ROW, PANEL = 0.32, 0.66  # inches: a bar's row, and what a panel needs besides its rows
FEW = 2  # seeds that are too few for an interval


@dataclass(frozen=True)
class Gains:
    """For each setting the percent right of each seed, by way; the control is among them."""

    settings: dict[str, dict[str, np.ndarray]]

    def gain(self, setting: str, way: str) -> tuple[float, float | None]:
        """The mean above the control, seed by seed, and half its 95% interval unless seeds are few.
        """
        above = self.settings[setting][way] - self.settings[setting][CONTROL]
        margin = None if len(above) <= FEW else \
            float(T[len(above)] * above.std(ddof=1) / len(above) ** 0.5)
        return float(above.mean()), margin

    def words(self, setting: str, way: str) -> str:
        """The gain as it is written: ``+16.9 ± 11.4``."""
        mean, margin = self.gain(setting, way)
        said = f"{mean:+.1f}" if margin is None else f"{mean:+.1f} ± {margin:.1f}"
        return said.replace("-", "\u2212")


def compute(settings: Mapping[str, Mapping[str, Sequence[float]]]) -> Gains:
    """Take each setting's scores in percent: way -> one for each seed.

    Raises:
        ValueError: a setting has no control.
    """
    if without := [name for name, ways in settings.items() if CONTROL not in ways]:
        raise ValueError(f"no {CONTROL} adapter in {', '.join(without)}")
    return Gains({name: {way: np.array(found, float) for way, found in ways.items()}
                  for name, ways in settings.items()})


def _panel(ax: Axes, data: Gains, setting: str) -> None:
    """A bar for the control, and one for each way, in two parts."""
    ways = data.settings[setting]
    order = [CONTROL, *(way for way in ways if way != CONTROL)]
    alone = float(ways[CONTROL].mean())
    for at, way in enumerate(order):
        end = float(ways[way].mean())
        ax.barh(at, min(alone, end), 0.62, color=style.FROZEN.mark, zorder=2)
        if way != CONTROL:
            ax.barh(at, max(end - alone, 0), 0.62, left=alone, color=style.LORA.mark, zorder=2)
            ax.text(1.02, at, data.words(setting, way), transform=ax.get_yaxis_transform(),
                    va="center", color=style.LORA.ink, weight=600, size=style.SMALL)
        ax.text(end + 1.5, at, f"{end:.1f}%", va="center", size=style.SMALL,
                color=style.FROZEN.ink if way == CONTROL else style.INK)
    ax.plot([alone, alone], [0.31, len(order) - 0.69], color=style.PAPER, lw=style.THIN, zorder=3)
    ax.set(xlim=(0, 100), ylim=(len(order) - 0.5, -0.5))
    ax.set_title(f"{setting}, {len(ways[CONTROL])} seeds")
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
                  "What the first training adds", "Questions answered: grey as by the control, "
                  "purple beyond it" if wide else "Questions answered, with replay")
    left, right = (0.75, 1.25) if wide else (0.7, 1.0)
    top = 0.6
    for setting, high in zip(data.settings, highs, strict=True):
        _panel(style.place(fig, left, top + 0.3, style.WIDTH[layout] - left - right, high), data,
               setting)
        top += high + PANEL
    return fig


def alt(data: Gains) -> str:
    """Return the picture in words."""
    said = []
    for setting, ways in data.settings.items():
        rest = ", ".join(f"{way} {found.mean():.1f}% ({data.words(setting, way)})"
                         for way, found in ways.items() if way != CONTROL)
        said.append(f"{setting}, {len(ways[CONTROL])} seeds: a {CONTROL} adapter "
                    f"{ways[CONTROL].mean():.1f}%, {rest}")
    return f"Questions answered with replay, and points above the control. {'; '.join(said)}."
