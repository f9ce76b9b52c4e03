"""How sure the model is of its answers, about what it knows and about what it cannot know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A mark is one name. Compare how far right the marks lie for names that the model "
           "knows and for names that it can't know.")

#: Tone, marker and fill of each group, in their order.
LOOKS = ((style.FACTS, "s", style.FACTS.mark), (style.FROZEN, "o", style.FROZEN.mark),
         (style.FROZEN, "D", style.PAPER))


@dataclass(frozen=True)
class Confidence:
    """The likeliest token's probability (prompts,), by kind of fact and by group of names."""

    kinds: dict[str, dict[str, np.ndarray]]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, in their order."""
        return tuple(next(iter(self.kinds.values())))


def compute(kinds: Mapping[str, Mapping[str, np.ndarray]]) -> Confidence:
    """Gather probabilities by kind and group.

    Raises:
        ValueError: There are no kinds, a kind has other groups than the first, or a group is
            empty or one too many.
    """
    found = {kind: {group: np.asarray(p, float) for group, p in groups.items()}
             for kind, groups in kinds.items()}
    names = [tuple(groups) for groups in found.values()]
    if not names or len(names[0]) > len(LOOKS) or any(each != names[0] for each in names):
        raise ValueError(f"groups are {names}; the same 1 to {len(LOOKS)} are needed for each kind")
    if any(not len(p) for groups in found.values() for p in groups.values()):
        raise ValueError("a group has no probabilities")
    return Confidence(found)


def auc(above: np.ndarray, below: np.ndarray) -> float:
    """Share of pairs in which the first is larger; ties count half."""
    above, below = np.asarray(above)[:, None], np.asarray(below)
    return float(((above > below) + 0.5 * (above == below)).mean())


def _strip(ax: Axes, at: float, p: np.ndarray, look: tuple[style.Tone, str, str]) -> None:
    """One row of dots, spread a little so that they can be told apart, and their median."""
    tone, marker, fill = look
    spread = at + 0.18 * np.sin(2.4 * np.arange(len(p)))
    ax.plot(np.sort(p), spread, marker, ms=3.4, mfc=fill, mec=tone.mark, mew=0.9, alpha=0.8)
    for colour, width in ((style.PAPER, 4.4), (tone.ink, 2.2)):
        ax.plot([np.median(p)] * 2, [at - 0.4, at + 0.4], color=colour, lw=width,
                solid_capstyle="butt", zorder=3)


@style.styled
def draw(data: Confidence, layout: Layout = "wide") -> Figure:
    """Draw a strip for each kind and group, beside it the AUC of the first group against it."""
    wide, groups = layout == "wide", data.groups
    rows = len(data.kinds) * (len(groups) + 0.8)
    high = 0.19 * rows
    fig = style.canvas(layout, 0.68 + high + 0.5)
    style.heading(fig, "How sure of its first token",
                  "Each mark is a name, each upright line a median" if wide
                  else "Each mark a name, each line a median")
    left, width = (1.95, 4.55) if wide else (1.25, 1.8)
    ax = style.place(fig, left, 0.68, width, high)
    for i, (kind, found) in enumerate(data.kinds.items()):
        top = i * (len(groups) + 0.8)
        first = found[groups[0]]
        if wide:
            ax.text((style.MARGIN - left) / width, top + 0.15 + len(groups) / 2, kind, va="center",
                    weight=600, transform=ax.get_yaxis_transform())
        else:
            ax.text(0.0, top + 0.1, kind, va="center", weight=600)
        for j, (group, p) in enumerate(found.items()):
            at = top + j + 0.65
            _strip(ax, at, p, LOOKS[j])
            ax.text(-0.02, at, group, ha="right", va="center_baseline", color=LOOKS[j][0].ink,
                    transform=ax.get_yaxis_transform())
            if j:
                ax.text(1.03, at, f"{auc(first, p):.2f}", va="center_baseline",
                        color=LOOKS[j][0].ink, transform=ax.get_yaxis_transform())
    ax.text(1.03, 0.15, "AUC", va="center_baseline", transform=ax.get_yaxis_transform())
    ax.set(xlim=(0, 1.01), ylim=(rows, -0.2), yticks=[], xlabel="probability of that token")
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    ax.grid(axis="x")
    return fig


def alt(data: Confidence) -> str:
    """Return the figure in words."""
    said = "; ".join(f"{kind}: " + ", ".join(f"{group} {style.percent(float(np.median(p)))}"
                                             for group, p in found.items())
                     for kind, found in data.kinds.items())
    return f"Strips of marks from 0 to 100%. Medians, {said}."
