"""Pre-training watched step by step: loss, facts recalled, and what the model writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures import style
from lib.figures.labels import LEADING, SPACE, Named, measure, name_lines, visible, wrap
from lib.figures.style import Layout, Tone

DASH = (0, (3, 2))
PROMPTS = 4


@dataclass(frozen=True)
class History:
    """Curves (seeds, steps), and what one seed's model writes after each of some steps."""

    steps: np.ndarray
    loss: np.ndarray
    held_out: np.ndarray
    recall: np.ndarray
    samples: dict[int, dict[str, str]]
    step: int

    @property
    def at(self) -> int:
        """The place of the last recorded step that is not after the chosen one."""
        return int(np.searchsorted(self.steps, self.step, side="right")) - 1


def compute(history: Mapping[str, Any], step: int) -> History:
    """Gather a history: steps, loss, held_out and recall per seed, samples per step and prompt.

    Keys of seeds and steps may be numbers or text, as JSON makes them.

    Raises:
        ValueError: There is no sample of this step, or it lies before the first recorded step.
    """
    samples = {int(at): dict(texts) for at, texts in history["samples"].items()}
    steps = np.asarray(history["steps"])
    if step not in samples or step < steps[0]:
        raise ValueError(f"step is {step}; allowed are {', '.join(map(str, sorted(samples)))}")
    loss, held_out, recall = (np.array(list(history[name].values()), dtype=float)
                              for name in ("loss", "held_out", "recall"))
    return History(steps, loss, held_out, recall, samples, step)


def _curve(ax: Axes, data: History, runs: np.ndarray, tone: Tone, dash: Any, marker: str) -> None:
    """Mean and range of the seeds: full colour up to the chosen step, a shade after it."""
    past, mean = slice(0, data.at + 1), runs.mean(0)
    ax.plot(data.steps, mean, color=style.RULE, lw=1.2, ls=dash, zorder=1)
    ax.fill_between(data.steps[past], runs.min(0)[past], runs.max(0)[past], lw=0, zorder=1,
                    color=tone.mark, alpha=0.18)
    ax.plot(data.steps[past], mean[past], color=tone.mark, ls=dash, zorder=2)
    ax.plot(data.steps[data.at], mean[data.at], marker, color=tone.mark, ms=6, mec=style.PAPER,
            mew=1.2, zorder=3, clip_on=False)


def _axis(ax: Axes, data: History, title: str, value: str, last: bool) -> None:
    """The shared axis of steps, the title, and at its right end the value now."""
    begin, end = data.steps[0], data.steps[-1]
    room = 0.03 * (end - begin)
    ax.axvline(data.steps[data.at], color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    ax.set(xlim=(begin - room, end + room), title=title)
    ax.set_title(value, loc="right", weight=600)
    ax.grid(axis="y")
    ticks = np.linspace(begin, end, 5).round().astype(int)
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks] if last else [])
    if last:
        ax.set_xlabel("pre-training step")


def _loss(ax: Axes, data: History, last: bool) -> None:
    """Loss on the text that is trained on, and on held-out text; equal ratios are equal heights."""
    _curve(ax, data, data.loss, style.FROZEN, DASH, style.MARKER["base"])
    _curve(ax, data, data.held_out, style.DATA, "-", "o")
    both = np.concatenate([data.loss, data.held_out])
    ax.set_yscale("log", base=2)
    low, high = 0.5 * both.min(), 1.15 * both.max()
    ticks = [tick for tick in 2.0 ** np.arange(-6, 5) if low < tick < high]
    ax.set_yticks(ticks, [style.short(tick, 3) for tick in ticks])
    ax.set(ylim=(low, high))
    _axis(ax, data, "Loss", f"{data.held_out[:, data.at].mean():.2f} held out", last)
    name_lines(ax, [Named(data.steps, data.held_out.mean(0), "held-out text", style.DATA),
                    Named(data.steps, data.loss.mean(0), "training text", style.FROZEN)])


def _recall(ax: Axes, data: History) -> None:
    """Share of the facts that the model recalls."""
    _curve(ax, data, data.recall, style.FACTS, "-", style.MARKER["facts"])
    ax.set(ylim=(-0.04, 1.06))
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    _axis(ax, data, "Facts recalled", style.percent(data.recall[:, data.at].mean()), True)


def _height(data: History, lines: int) -> float:
    """Height of the card of samples: the same at every step."""
    count = min(PROMPTS, max(map(len, data.samples.values())))
    return count * (lines * style.BASE * LEADING + 0.07) + 0.17


def _samples(fig: Figure, data: History, top: float, lines: int) -> None:
    """Each prompt in grey, and in ink how the model goes on."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, style.BASE * LEADING
    ax, at = style.card(fig, style.MARGIN, top, width, _height(data, lines)), 0.12
    for prompt, text in list(data.samples[data.step].items())[:PROMPTS]:
        lead = wrap(visible(prompt), width - 1.0, style.BASE, 1, 600)[0]
        indent = measure(lead, style.BASE, 600) + style.BASE * SPACE
        ax.text(0.15, at + line / 2, lead, va="center", color=style.MUTED, weight=600,
                parse_math=False)
        rows = _flow(visible(text) or "(nothing)", width - 0.3, indent, lines)
        for row, words in enumerate(rows):
            ax.text(0.15 + (indent if row == 0 else 0), at + (row + 0.5) * line, words,
                    va="center", parse_math=False)
        at += len(rows) * line + 0.07


def _flow(words: str, width: float, indent: float, lines: int) -> list[str]:
    """Wrap words whose first line is indented."""
    if lines == 1 or measure(words, style.BASE) <= width - indent:
        return wrap(words, width - indent, style.BASE, 1)
    first, rest = [], words.split()
    while rest and measure(" ".join([*first, rest[0]]), style.BASE) <= width - indent:
        first.append(rest.pop(0))
    return [" ".join(first), *wrap(" ".join(rest), width, style.BASE, lines - 1)]


@style.styled
def draw(data: History, layout: Layout = "wide") -> Figure:
    """Draw loss and recall up to the chosen step, and the samples of that step."""
    wide = layout == "wide"
    top, lines = (2.78, 1) if wide else (3.84, 2)
    fig = style.canvas(layout, top + _height(data, lines) + 0.06)
    seeds = len(data.loss)
    note = f"Line: mean of {seeds} seeds. Band: their range." if seeds > 1 else "One seed."
    style.heading(fig, f"Step {data.step:,}", note)
    if wide:
        _loss(style.place(fig, 0.4, 0.98, 2.95, 1.25), data, True)
        _recall(style.place(fig, 4.1, 0.98, 2.95, 1.25), data)
    else:
        _loss(style.place(fig, 0.5, 0.9, 2.92, 1.1), data, False)
        _recall(style.place(fig, 0.5, 2.4, 2.92, 0.95), data)
    _samples(fig, data, top, lines)
    return fig


def alt(data: History) -> str:
    """Return the frame in words."""
    prompt, text = next(iter(data.samples[data.step].items()))
    return (f"After step {data.step:,}: loss {data.loss[:, data.at].mean():.2f} on training text "
            f"and {data.held_out[:, data.at].mean():.2f} on held-out text, "
            f"{style.percent(data.recall[:, data.at].mean())} of the facts recalled. "
            f"'{visible(prompt)}' goes on '{visible(text)}'.")
