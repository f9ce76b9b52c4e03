"""All arrays of the model as a map: how far each has moved, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.contrast import on
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("The fuller its colour, the further a typical number of the array has moved. Take the "
           "steps from the left.")

BLOCK = "transformer_stack.layers."
#: Rows of a block, in the order in which its numbers are used: the end of the name, and the words.
ROWS = {"attention_norm.gamma": "norm 1, γ", "attention_norm.beta": "norm 1, β",
        "query_linear.weights": "query", "key_linear.weights": "key",
        "value_linear.weights": "value", "output_linear.weights": "output",
        "feed_forward_norm.gamma": "norm 2, γ", "feed_forward_norm.beta": "norm 2, β",
        "up_linear.weights": "FFN up", "down_linear.weights": "FFN down"}
FIRST = {"token_embedding.weights": "embedding"}
LAST = {"final_norm.gamma": "final norm, γ", "final_norm.beta": "final norm, β",
        "output_projection.weights": "projection"}
HIGH = 0.235  # inches, of a row


@dataclass(frozen=True)
class Moved:
    """changes[step][name]: the root mean square of W - W at step 0; ``step`` is the one to show."""

    changes: dict[int, dict[str, float]]
    step: int
    layers: int

    @property
    def now(self) -> dict[str, float]:
        """The changes at the chosen step."""
        return self.changes[self.step]

    @property
    def steps(self) -> np.ndarray:
        """The steps after the start, ascending."""
        return np.array(sorted(step for step in self.changes if step))

    @property
    def most(self) -> float:
        """The largest change of all steps: it sets the colours, so that frames can be compared."""
        return max(max(each.values()) for each in self.changes.values())


def compute(changes: Mapping[int, Mapping[str, float]], step: int) -> Moved:
    """Take the typical move of the numbers of every array by step and name.

    Raises:
        ValueError: ``step`` was not measured, or the arrays are not those of the model.
    """
    if step not in changes:
        raise ValueError(f"step is {step}; allowed are {', '.join(map(str, changes))}")
    found = set(changes[step])
    layers = 1 + max((int(name.removeprefix(BLOCK).split(".")[0]) for name in found
                      if name.startswith(BLOCK)), default=-1)
    cells = {_cell(name) or name for name in found}
    known = {*FIRST, *LAST, *((block, end) for block in range(layers) for end in ROWS)}
    if cells != known:
        raise ValueError(f"the arrays are not those of the model: "
                         f"{sorted(map(str, cells ^ known))[0]} is missing or unknown")
    return Moved({at: dict(each) for at, each in changes.items()}, step, layers)


def _cell(name: str) -> tuple[int, str] | None:
    """Return the block and the row of an array of a block."""
    parts = name.removeprefix(BLOCK).split(".")
    return (int(parts[0]), ".".join(parts[-2:])) if name.startswith(BLOCK) else None


def thousandths(move: float) -> str:
    """Write a move in thousandths: two digits below one, one above."""
    return style.short(1000 * move) if move < 0.000995 else f"{1000 * move:.1f}"


def _map(ax: Axes, data: Moved) -> None:
    """A row for each kind of array, a column for each block; what has no block takes all."""
    rows = [*FIRST, *ROWS, *LAST]
    for name, change in data.now.items():
        block, row = _cell(name) or (0, name)
        wide = data.layers if row in FIRST or row in LAST else 1
        fill = style.CHANGE(change / data.most)
        ax.add_artist(Rectangle((block, rows.index(row)), wide, 1, fc=fill, ec=style.RULE, lw=0.6))
        ax.text(block + wide / 2, rows.index(row) + 0.5, thousandths(change), ha="center",
                va="center_baseline", color=on(fill[:3]), size=style.SMALL)
    ax.set(xlim=(0, data.layers), ylim=(len(rows), 0))
    ax.set_xticks(np.arange(data.layers) + 0.5, [f"block {k + 1}" if k == 0 else str(k + 1)
                                                 for k in range(data.layers)])
    ax.xaxis.tick_top()
    ax.set_yticks(np.arange(len(rows)) + 0.5, [*FIRST.values(), *ROWS.values(), *LAST.values()])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def groups(data: Moved) -> dict[str, tuple[np.ndarray, style.Tone]]:
    """Mean move over the steps (steps,) of the three parts of the model."""
    def mean(chosen: list[str]) -> np.ndarray:
        return np.array([np.mean([data.changes[step][name] for name in chosen])
                         for step in data.steps])

    matrices = [name for name in data.now if name.startswith(BLOCK) and name.endswith("weights")]
    return {"projection": (mean(["output_projection.weights"]), style.FULL),
            "blocks": (mean(matrices), style.LORA),
            "embedding": (mean(["token_embedding.weights"]), style.DATA)}


def _curves(ax: Axes, data: Moved) -> None:
    """How the three parts moved over the run."""
    steps, found = data.steps, groups(data)
    least = min(values.min() for values, _ in found.values())
    ax.set(xscale="log", yscale="log", xlim=(steps[0] * 0.9, steps[-1] * 1.1),
           ylim=(700 * least, 1500 * data.most), xlabel="training step",
           title="Typical move, thousandths")
    for values, tone in found.values():
        ax.plot(steps, 1000 * values, color=tone.mark)
        if data.step:
            style.point(ax, data.step, 1000 * values[steps == data.step], "o", tone, 6)
    if data.step:
        ax.axvline(data.step, color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    style.number_ticks(ax.xaxis, (1, 3, 10, 30, 100, 300))
    style.number_ticks(ax.yaxis, (0.001, 0.01, 0.1, 0.3, 1, 3, 10))
    ax.grid(axis="y")
    name_lines(ax, [Named(steps, 1000 * values, name, tone)
                    for name, (values, tone) in found.items()])


@style.styled
def draw(data: Moved, layout: Layout = "wide") -> Figure:
    """Draw the map of the chosen step, and how three parts of the model got there."""
    wide = layout == "wide"
    high = HIGH * (len(ROWS) + len(FIRST) + len(LAST))
    fig = style.canvas(layout, 0.98 + high + (0.2 if wide else 1.78))
    style.heading(fig, f"Step {data.step}", "How far a typical number moved, in thousandths")
    _map(style.place(fig, 1.0, 0.92, 2.75 if wide else 2.5, high), data)
    if wide:
        _curves(style.place(fig, 4.3, 0.98, 2.75, high - 0.5), data)
    else:
        _curves(style.place(fig, 0.35, 1.3 + high, 3.1, 0.92), data)
    return fig


def name(array: str) -> str:
    """Return an array's name in words."""
    cell = _cell(array)
    return f"{ROWS[cell[1]]} of block {cell[0] + 1}" if cell else {**FIRST, **LAST}[array]


def alt(data: Moved) -> str:
    """Return the frame in words."""
    if not any(data.now.values()):
        return f"Step {data.step}: a map of all {len(data.now)} arrays, and nothing has moved yet."
    ends = [pick(data.now, key=data.now.__getitem__) for pick in (max, min)]
    most, least = (f"{name(end)} by {thousandths(data.now[end])}" for end in ends)
    return (f"Step {data.step}: a map of all {len(data.now)} arrays, each shaded by the typical "
            f"move of its numbers, in thousandths. The {most} has moved most, the {least} least.")
