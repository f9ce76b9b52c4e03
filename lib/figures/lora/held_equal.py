"""Three ways to pair LoRA with full fine-tuning, shown on their losses over the learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.figures.lora.tradeoff import LOSSES, METHODS

CAPTION = ("The large marks are the two runs that each comparison sets side by side; the words in "
           "the panel say at which rate or loss.")

#: What each comparison shares, in this order: its title and what is equal in it.
PAIRS = {"rate": "The same rate", "loss": "The same loss and steps", "best": "Each at its best"}
SHORT = {"full": "full", "lora": "LoRA"}
DASHES = {"full": "-", "lora": (0, (4, 1.5))}
NEAR = 0.05  #: as many facts as a blind guess has, or up to this share more


@dataclass(frozen=True)
class Equal:
    """One data set's mean dev losses, in nats, and shares of facts kept, both by method and rate.

    ``pairs`` has the rates of full fine-tuning and LoRA that each comparison of PAIRS takes.
    With ``told`` the facts kept are written, else question marks; ``blind`` is what a blind guess
    has.
    """

    task: str
    losses: dict[str, dict[float, float]]
    kept: dict[str, dict[float, float]]
    pairs: dict[str, tuple[float, float]]
    told: bool
    blind: float = 0.0

    def chosen(self, pair: str) -> dict[str, tuple[float, float]]:
        """By method the rate and the loss of the run that a comparison takes."""
        return {method: (rate, self.losses[method][rate])
                for method, rate in zip(METHODS, self.pairs[pair], strict=True)}

    def shared(self, pair: str) -> str:
        """At which rates or loss the two runs of a comparison stand, in short."""
        (full, _), (rate, loss) = self.chosen(pair).values()
        return {"rate": f"both at {rate:g}", "loss": f"both end at {loss:.2f}",
                "best": f"at {full:g} and {rate:g}"}[pair]

    def said(self, pair: str, method: str) -> str:
        """The facts that this run keeps, or a question mark."""
        rate = self.chosen(pair)[method][0]
        return style.percent(self.kept[method][rate]) if self.told else "?"

    def guessed(self, pair: str) -> str:
        """That both runs are at about a blind guess or below, if it is told; else nothing."""
        near = all(self.kept[method][rate] < self.blind + NEAR
                   for method, (rate, _) in self.chosen(pair).items())
        return f"both about a guess, {style.percent(self.blind)}" if self.told and near else ""


def compute(lines: Sequence[Mapping[str, Any]], task: str,
            pairs: Mapping[str, tuple[float, float]], told: bool = False,
            blind: float = 0.0) -> Equal:
    """Average the runs of a data set over their seeds.

    Raises:
        ValueError: the pairs are not those of PAIRS, or a rate of theirs was not run.
    """
    if set(pairs) != set(PAIRS):
        raise ValueError(f"pairs are {', '.join(pairs) or 'none'}; wanted are {', '.join(PAIRS)}")
    found: dict[str, dict[float, list[tuple[float, float]]]] = {method: {} for method in METHODS}
    for line in lines:
        if line["run"]["task"] == task:
            found[line["run"]["method"]].setdefault(line["run"]["learning_rate"], []).append(
                (line["dev_loss"], line["facts"]))
    for rates in pairs.values():
        for method, rate in zip(METHODS, rates, strict=True):
            if rate not in found[method]:
                raise ValueError(f"{METHODS[method][0]} was not run on {task!r} at {rate!r}")
    losses, kept = ({method: {rate: float(np.mean([each[at] for each in of[rate]]))
                              for rate in sorted(of)} for method, of in found.items()}
                    for at in (0, 1))
    return Equal(task, losses, kept, {pair: pairs[pair] for pair in PAIRS}, told, blind)


def _panel(ax: Axes, data: Equal, pair: str) -> None:
    """Both curves, pale, with the two runs of a comparison and what they share."""
    for method, (_, tone) in METHODS.items():
        rates, losses = zip(*data.losses[method].items())
        ax.plot(rates, losses, style.MARKER[method], ls=DASHES[method], lw=1.2, ms=3.5,
                color=tone.mark, mfc=style.PAPER, mew=0.9, zorder=2, alpha=0.55)
    chosen = data.chosen(pair)
    rule = {"color": style.INK, "lw": 1.1, "ls": (0, (1, 1.6)), "zorder": 1}
    if pair == "rate":
        ax.axvline(chosen["lora"][0], **rule)
    elif pair == "loss":
        ax.axhline(chosen["lora"][1], **rule)
    for method, (rate, loss) in chosen.items():
        tone = METHODS[method][1]
        if pair == "best":
            ax.annotate("", (rate, loss), (0, -18), textcoords="offset points", arrowprops={
                "arrowstyle": "-|>", "color": style.INK, "lw": 1.1, "shrinkA": 0, "shrinkB": 6})
        ax.plot(rate, loss, style.MARKER[method], color=tone.mark, mec=style.PAPER, mew=1.2,
                ms=9.5 if method == "full" else 8.5, zorder=4)
    ax.text(0.99, 0.8, data.shared(pair), transform=ax.transAxes, ha="right", va="center",
            size=style.SMALL)
    rates = [rate for of in data.losses.values() for rate in of]
    losses = [loss for of in data.losses.values() for loss in of.values()]
    ax.set(xscale="log", yscale="log", xlim=(min(rates) / 1.3, max(rates) * 1.3),
           ylim=(min(losses) / 1.9, max(losses) * 1.25))  # the arrows come from below
    style.number_ticks(ax.yaxis, [loss for loss in LOSSES if loss in (0.2, 0.5, 1, 2)])
    style.number_ticks(ax.xaxis, sorted(set(rates)), digits=4)
    ax.minorticks_off()
    ax.grid(axis="y")


def _names(fig: Figure, top: float) -> None:
    """Which curve is which."""
    ax = style.board(fig, 0, top, fig.get_size_inches()[0], 0.26)
    for left, (method, (name, tone)) in zip((0.2, 1.75), METHODS.items()):
        ax.plot(left, 0.13, style.MARKER[method], ms=6.5, color=tone.mark)
        ax.text(left + 0.14, 0.13, name, va="center", color=tone.ink, weight=600)


def _verdict(fig: Figure, data: Equal, pair: str, left: float, top: float) -> None:
    """What each of the two runs keeps, a line for each, and whether a guess has as much."""
    for row, method in enumerate(METHODS):
        style.write(fig, left, top + 0.22 * row, f"{SHORT[method]} keeps {data.said(pair, method)}",
                    METHODS[method][1].ink, weight=600)
    wide = fig.get_size_inches()[0] == style.WIDTH["wide"]
    style.write(fig, left + 1.15 * wide, top + (0.01 if wide else 0.22 * len(METHODS)),
                data.guessed(pair).replace("about ", "about\n"), size=style.SMALL, linespacing=1.5)


@style.styled
def draw(data: Equal, layout: Layout = "wide") -> Figure:
    """Draw a panel for each comparison, beside one another or below one another."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.65 if wide else 5.9)
    style.heading(fig, "What is held equal?",
                  f"Loss on {data.task} after training at each learning rate, in nats" if wide
                  else f"Loss on {data.task} by learning rate, in nats")
    _names(fig, 0.58)
    for number, (pair, title) in enumerate(PAIRS.items()):
        if wide:
            left = 0.42 + 2.3 * number
            ax = style.place(fig, left, 1.2, 2.04, 1.45)
            _verdict(fig, data, pair, left + 0.02, 3.15)
        else:
            ax = style.place(fig, 0.42, 1.2 + 1.55 * number, 2.02, 1.05)
            _verdict(fig, data, pair, 2.52, 1.45 + 1.55 * number)
        _panel(ax, data, pair)
        ax.set_title(title)
        if wide or number == len(PAIRS) - 1:
            ax.set_xlabel("learning rate")
    return fig


def alt(data: Equal) -> str:
    """Return the picture in words."""
    said = []
    for pair, title in PAIRS.items():
        runs = [f"{SHORT[method]} at a rate of {rate:g} ends at {loss:.2f} nats"
                + (f" and keeps {data.said(pair, method)}" if data.told else "")
                for method, (rate, loss) in data.chosen(pair).items()]
        said.append(f"{title}: {', '.join([*runs, *filter(None, [data.guessed(pair)])])}")
    return (f"Loss on {data.task} over the learning rate, with full fine-tuning and with LoRA. "
            f"{'. '.join(said)}." + ("" if data.told else " The facts kept are left open."))
