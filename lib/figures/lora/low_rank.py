"""A weight change of which some directions are kept: its picture, and what the model can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, paragraph, visible
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Lower r: the picture loses its detail, and the curves fall late. Then keep all others "
           "instead: they fall at once.")

#: What may be kept: the strongest directions, or all that come after them.
KEPT = ("the first r", "all others")
DASHES = ("-", (0, (4, 1.5)))

SIDE = 128  # rows and columns of a picture; of a larger matrix, evenly chosen ones
#: Signed numbers in few shades: a picture of noise is small then.
SHADES = style.WEIGHTS.resampled(11)


@dataclass(frozen=True)
class Cut:
    """A change (d_out, d_in), what of it is kept, and the scores of every rank.

    ``values`` are the change's singular values, ``own`` those of the weights it was made to;
    ``every`` maps what is kept to the scores of each rank: answers (a share), pretraining (nats)
    and samples (question: answer).
    """

    name: str
    change: np.ndarray
    cut: np.ndarray
    values: np.ndarray
    own: np.ndarray
    rank: int
    every: Mapping[str, Mapping[int, Mapping[str, Any]]]
    kept: str

    @property
    def scores(self) -> Mapping[int, Mapping[str, Any]]:
        """The scores of each rank, with this part kept."""
        return self.every[self.kept]

    @property
    def energy(self) -> float:
        """Share of the squared norm that is kept."""
        first = float((self.values[:self.rank]**2).sum() / (self.values**2).sum())
        return first if self.kept == KEPT[0] else max(0.0, 1 - first)

    @property
    def numbers(self) -> int:
        """How many numbers the factors of the cut hold."""
        return self.rank * sum(self.change.shape)


def compute(name: str, weights: np.ndarray, change: np.ndarray, rank: int,
            scores: Mapping[int, Mapping[str, Any]],
            others: Mapping[int, Mapping[str, Any]] | None = None, kept: str = KEPT[0]) -> Cut:
    """Cut the change of some weights, both (d_out, d_in), to a rank that was scored.

    ``scores`` are those with the first ``rank`` directions kept, ``others`` those without them.

    Raises:
        ValueError: There are no scores for this rank or what is kept, or the shapes differ.
    """
    every = {KEPT[0]: scores} | ({KEPT[1]: others} if others else {})
    if kept not in every:
        raise ValueError(f"kept is {kept!r}; there are scores for {', '.join(every)}")
    if rank not in scores:
        raise ValueError(f"rank is {rank}; allowed are {', '.join(map(str, scores))}")
    if weights.shape != change.shape or change.ndim != 2:
        raise ValueError(f"weights and change have shapes {weights.shape} and {change.shape}; "
                         f"both must be (d_out, d_in)")
    u, values, vt = np.linalg.svd(np.asarray(change, float), full_matrices=False)
    cut = (u[:, :rank] * values[:rank]) @ vt[:rank]
    own = np.linalg.svd(np.asarray(weights, float), compute_uv=False)
    if kept == KEPT[1]:
        cut = change - cut
    return Cut(name, change, cut, values, own, rank, every, kept)


def _sorted(data: Cut) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures, rows and columns in the order of the first singular pair.

    That changes no number and makes the pattern visible; the largest entry of the pair is
    positive, so that the order does not hang on the sign that a machine chose.
    """
    u, _, vt = np.linalg.svd(data.change, full_matrices=False)
    sign = np.sign(vt[0, np.abs(vt[0]).argmax()])
    rows, columns = np.argsort(sign * u[:, 0]), np.argsort(sign * vt[0])
    rows, columns = (order[np.linspace(0, len(order) - 1, SIDE).round().astype(int)]
                     if len(order) > SIDE else order for order in (rows, columns))
    return data.change[np.ix_(rows, columns)], data.cut[np.ix_(rows, columns)]


def _spectrum(ax: Axes, data: Cut) -> None:
    """Singular values in shares of the largest: those of the change, kept or not, and W's own."""
    number = np.arange(1, len(data.values) + 1)
    shares = data.values / data.values[0]
    first = number <= data.rank
    kept = first if data.kept == KEPT[0] else ~first
    for part, colour in ((~kept, style.RULE), (kept, style.LORA.mark)):
        ax.bar(number[part], shares[part], width=1.02, color=colour, lw=0)
    ax.plot(number, data.own / data.own[0], color=style.FROZEN.mark, lw=1.4, ls=(0, (4, 1.5)))
    at = len(number) // 3
    ax.text(at, data.own[at] / data.own[0] + 0.09, "W's own", color=style.FROZEN.ink, weight=600)
    ax.set(xlim=(0, len(number) + 1), ylim=(0, 1.04), yticks=[], xlabel="direction",
           title="Singular values, largest = 1")
    ax.set_xticks([1, len(number) // 4, len(number) // 2, len(number)])


def _chart(ax: Axes, data: Cut, key: str, tone: Tone, marker: str,
           limits: tuple[float, float]) -> None:
    """One score over all ranks, of what is kept and, paler, of what else may be; one marked."""
    ranks = sorted(data.scores)
    for (kept, scores), dash in zip(data.every.items(), DASHES):
        ax.plot([scores[rank][key] for rank in ranks], color=tone.mark, marker=marker, ms=4,
                ls=dash, alpha=1 if kept == data.kept else 0.35, clip_on=False)
    heights = [data.scores[rank][key] for rank in ranks]
    at = ranks.index(data.rank)
    ax.plot(at, heights[at], marker, color=tone.mark, ms=9, mec=style.PAPER, mew=1.5,
            clip_on=False, zorder=4)
    ax.set(xlim=(-0.4, len(ranks) - 0.6), ylim=limits, xlabel="r")
    ax.set_xticks(range(len(ranks)), [str(rank) for rank in ranks])
    ax.grid(axis="y")


def _answers(fig: Figure, data: Cut, place: tuple[float, float], width: float) -> None:
    """What the model answers with all changes cut to this rank."""
    lines = 2
    high = 0.14 + len(data.scores[data.rank]["samples"]) * (
        0.2 + lines * style.BASE * LEADING)
    ax = style.card(fig, *place, width, high)
    top = 0.08
    for question, answer in data.scores[data.rank]["samples"].items():
        paragraph(ax, 0.1, top, question, width - 0.2, 1, style.MUTED, style.SMALL)
        paragraph(ax, 0.1, top + 0.18, visible(answer) or "(nothing)", width - 0.2, lines,
                  weight=600)
        top += 0.2 + lines * style.BASE * LEADING


@style.styled
def draw(data: Cut, layout: Layout = "wide") -> Figure:
    """Draw the change and its cut, the spectrum, both scores and the answers."""
    wide = layout == "wide"
    fig = style.canvas(layout, 5.0 if wide else 6.2)
    rows, columns = data.change.shape
    first = data.kept == KEPT[0]
    style.heading(fig, f"Rank {data.rank}: {data.numbers:,} numbers for {data.change.size:,}"
                  if first else f"Without the first {data.rank} directions",
                  f"{data.name}, {rows} × {columns}")
    side = style.SQUARE[layout]
    second = style.MARGIN + side + (0.3 if wide else 0.2)
    top = 0.9 if wide else 0.82
    limit = float(np.quantile(np.abs(data.change), 0.99))
    for left, title, matrix in zip((style.MARGIN, second),
                                   ("ΔW", f"kept: {style.percent(data.energy)} of ‖ΔW‖²"),
                                   _sorted(data), strict=True):
        style.write(fig, left, top - 0.06, title, style.LORA.ink, va="bottom", weight=600)
        ax = style.bare(style.place(fig, left, top, side, side))
        ax.imshow(matrix, cmap=SHADES, vmin=-limit, vmax=limit, aspect="auto")
        ax.spines[:].set(visible=True, color=style.RULE)
    _spectrum(style.place(fig, *((4.3, 0.9, 2.8, side) if wide else (0.12, 2.4, 3.36, 0.55))),
              data)
    low = 3.32 if wide else 3.69
    for k, (title, key, tone, marker) in enumerate((
            ("Questions right", "answers", style.TASK, style.MARKER["task"]),
            ("Loss on old text, nats", "pretraining", style.FACTS, style.MARKER["facts"]))):
        place = (0.42 + k * 2.3, low, 1.75, 1.15) if wide else (0.42 + k * 1.8, low, 1.32, 0.66)
        ax = style.place(fig, *place)
        _chart(ax, data, key, tone, marker, (0, 1) if k == 0 else (0.6, 1.0))
        ax.set_title(title)
        if k == 0 and len(data.every) > 1:
            for y, kept in ((0.66, "first r"), (0.11, "others")):
                ax.text(len(data.scores) - 1, y, kept, color=tone.ink, size=style.SMALL, ha="right",
                        weight=600 if kept in data.kept else 400)
        ax.set_yticks(*(([0, 0.5, 1], ["0%", "50%", "100%"]) if k == 0 else
                        ([0.6, 0.8, 1.0], [".6", ".8", "1"])))
        if not wide:
            shown = [0, 2, 4, len(data.scores) - 1]
            ax.set_xticks(shown, [str(sorted(data.scores)[at]) for at in shown])
    _answers(fig, data, (4.75, 3.2) if wide else (style.MARGIN, 4.84), 2.38 if wide else 3.48)
    return fig


def alt(data: Cut) -> str:
    """Return the frame in words."""
    now = data.scores[data.rank]
    how = (f"cut to rank {data.rank}: {data.numbers:,} numbers instead of {data.change.size:,}, and"
           if data.kept == KEPT[0] else f"without its first {data.rank} directions:")
    return (f"{data.name}, its change {how} {style.percent(data.energy)} of the squared norm. "
            f"With all changes cut in this way the model answers "
            f"{style.percent(now['answers'])} of the questions, and its loss on old text is "
            f"{now['pretraining']:.2f} nats.")
