"""Pre-training watched step by step: loss, facts recalled, and what the model writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, SPACE, Named, measure, name_lines, visible, wrap
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Let training run: grammar comes first, and most facts come after the loss has done "
           "most of its fall.")

DASH = (0, (3, 2))
PROMPTS = 4
LOSS_EVERY = 10  # steps between two recorded training losses


@dataclass(frozen=True)
class History:
    """Curves of several seeds, and what one seed's model writes after ``step``.

    steps: (measurements,); held_out, recall: (seeds, measurements); loss_steps: (losses,);
    loss: (seeds, losses); samples: text by prompt; seed: whose samples they are.
    """

    steps: np.ndarray
    held_out: np.ndarray
    recall: np.ndarray
    loss_steps: np.ndarray
    loss: np.ndarray
    samples: dict[str, str]
    step: int
    seed: int


def compute(runs: Mapping[int, Mapping[str, Any]], step: int, seed: int = 0,
            prompts: Sequence[str] | None = None) -> History:
    """Gather the curves of all runs and the samples of one at ``step``.

    runs: by seed, ``losses`` of every 10th step and ``history`` of measurements, as
    ``lib.laboratory.load_histories`` gives them; prompts: which samples to show, by default the
    first four.

    Raises:
        ValueError: There is no such seed, no measurement at this step, or no such prompt.
    """
    if seed not in runs:
        raise ValueError(f"seed is {seed}; allowed are {', '.join(map(str, runs))}")
    measured = {now["step"]: now for now in runs[seed]["history"]}
    if step not in measured:
        raise ValueError(f"step is {step}; allowed are {', '.join(map(str, measured))}")
    found = measured[step]["samples"]
    chosen = list(found)[:PROMPTS] if prompts is None else list(prompts)
    unknown = [prompt for prompt in chosen if prompt not in found]
    if unknown:
        raise ValueError(f"prompts has {unknown[0]!r}; allowed are {', '.join(map(repr, found))}")
    held_out, recall = (np.array([[now[name] for now in run["history"]] for run in runs.values()])
                        for name in ("held_out", "recall"))
    loss = np.array([run["losses"] for run in runs.values()])
    return History(np.array(list(measured)), held_out, recall,
                   LOSS_EVERY * np.arange(loss.shape[1]), loss,
                   {prompt: found[prompt] for prompt in chosen}, step, seed)


def _mean_now(data: History, runs: np.ndarray) -> float:
    """Return the mean over the seeds of a measure (seeds, measurements) at the chosen step."""
    return float(runs[:, np.searchsorted(data.steps, data.step)].mean())


def _curve(ax: Axes, data: History, steps: np.ndarray, runs: np.ndarray, tone: Tone, dash: Any,
           marker: str) -> None:
    """Mean and range of the seeds: full colour up to the chosen step, a shade after it."""
    past, mean = steps <= data.step, runs.mean(0)
    ax.plot(steps, mean, color=style.RULE, lw=1.2, ls=dash, zorder=1)
    ax.fill_between(steps[past], runs.min(0)[past], runs.max(0)[past], lw=0, zorder=1,
                    color=tone.mark, alpha=0.18)
    ax.plot(steps[past], mean[past], color=tone.mark, ls=dash, zorder=2)
    style.point(ax, steps[past][-1], mean[past][-1], marker, tone, 6)


def _axis(ax: Axes, data: History, title: str, value: str, last: bool) -> None:
    """The shared axis of steps, the title, and at its right end the value now."""
    begin, end = data.steps[0], data.steps[-1]
    room = 0.03 * (end - begin)
    ax.axvline(data.step, color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    ax.set(xlim=(begin - room, end + room), title=title)
    ax.set_title(value, loc="right", weight=600)
    ax.grid(axis="y")
    ticks = np.linspace(begin, end, 5).round().astype(int)
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks] if last else [])
    if last:
        ax.set_xlabel("pre-training step")


def _loss(ax: Axes, data: History, last: bool) -> None:
    """Loss on the text that is trained on, and on held-out text; equal ratios are equal heights."""
    _curve(ax, data, data.loss_steps, data.loss, style.FROZEN, DASH, style.MARKER["base"])
    _curve(ax, data, data.steps, data.held_out, style.DATA, "-", "o")
    ends = min(data.loss.min(), data.held_out.min()), max(data.loss.max(), data.held_out.max())
    ax.set_yscale("log", base=2)
    low, high = 0.5 * ends[0], 1.15 * ends[1]
    ticks = [tick for tick in 2.0 ** np.arange(-6, 5) if low < tick < high]
    ax.set_yticks(ticks, [style.short(tick, 3) for tick in ticks])
    ax.set(ylim=(low, high))
    _axis(ax, data, "Loss, nats, log axis", f"{_mean_now(data, data.held_out):.2f} held out", last)
    name_lines(ax, [Named(data.steps, data.held_out.mean(0), "held-out text", style.DATA),
                    Named(data.loss_steps, data.loss.mean(0), "training text", style.FROZEN)])


def _recall(ax: Axes, data: History) -> None:
    """Share of the facts that the model recalls."""
    _curve(ax, data, data.steps, data.recall, style.FACTS, "-", style.MARKER["facts"])
    ax.set(ylim=(-0.04, 1.06))
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    _axis(ax, data, "Facts recalled", style.percent(_mean_now(data, data.recall)), True)


def _height(data: History, lines: int) -> float:
    """Height of the card of samples: the same at every step."""
    return len(data.samples) * (lines * style.BASE * LEADING + 0.07) + 0.17


def _samples(fig: Figure, data: History, top: float, lines: int) -> None:
    """Each prompt in grey, and in ink how the model goes on."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, style.BASE * LEADING
    ax, at = style.card(fig, style.MARGIN, top, width, _height(data, lines)), 0.12
    for prompt, text in data.samples.items():
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
    style.heading(fig, f"Step {data.step:,}", f"{note} Text: seed {data.seed}.")
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
    prompt, text = next(iter(data.samples.items()))
    return (f"After step {data.step:,}: loss {_mean_now(data, data.held_out):.2f} on held-out "
            f"text, {style.percent(_mean_now(data, data.recall))} of the facts recalled. "
            f"'{visible(prompt)}' goes on '{visible(text)}'.")
