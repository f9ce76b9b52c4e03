"""What a step of writing reads from memory, by the calls that it takes."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import box, route
from lib.figures.kit.style import Layout

CAPTION = ("All rows of a batch share one reading of W. Each piece of a bar is one call, which "
           "reads the base and the adapters that its rows want.")
WIDE, HIGH = 3.3, 1.7  # inches of the drawing
STACK = 4  # adapters in memory that are drawn
LANES = (0.3, 0.85, 1.4)  # heights of the three rows


@dataclass(frozen=True)
class Reading:
    """Bytes of the base and of one adapter, requests, and how many adapters they want.

    A call reads the base once, and once each adapter that its rows want.
    """

    base: float
    adapter: float
    requests: int
    adapters: int

    @property
    def which(self) -> tuple[int, ...]:
        """The adapters of the three rows that are drawn: two share one unless each has its own."""
        return (0, 1, 2) if self.adapters == self.requests else tuple(
            min(number, self.adapters - 1) for number in (0, 2, 2))

    @property
    def single(self) -> float:
        """Bytes of one token for each request, when each has a call of its own."""
        return self.requests * (self.base + self.adapter)

    @property
    def ordered(self) -> float:
        """The same with a call for each adapter, for all rows that want it."""
        return self.adapters * (self.base + self.adapter)

    @property
    def mixed(self) -> float:
        """The same in one batch for all."""
        return self.base + self.adapters * self.adapter


def compute(base: float, adapter: float, requests: int, adapters: int) -> Reading:
    """Take the bytes of both, the requests, and how many adapters they want.

    Raises:
        ValueError: there are fewer requests than rows that are drawn, or than adapters.
    """
    if requests < len(LANES) or not 1 <= adapters <= requests:
        raise ValueError(f"{requests} requests want {adapters} adapters; allowed are at least "
                         f"{len(LANES)} requests, and 1 to {requests} adapters")
    return Reading(base, adapter, requests, adapters)


def _gather(ax: Axes, data: Reading) -> None:
    """W at the left goes to every row, and an adapter at the right to the rows that want it."""
    ax.text(0.42, -0.02, "base", ha="center", va="center", color=style.MUTED, size=style.SMALL)
    ax.text(1.65, -0.02, f"{len(LANES)} of {data.requests} rows", ha="center", va="center",
            color=style.MUTED, size=style.SMALL)
    ax.text(2.86, -0.02, "adapters", ha="center", va="center", color=style.MUTED,
            size=style.SMALL)
    box(ax, (0.42, LANES[1]), (0.72, 1.5), "W", style.FROZEN)
    places = [0.24 + 0.405 * number for number in range(STACK)]
    drawn = data.adapters if data.adapters <= STACK else STACK - 1
    if data.adapters > STACK:
        ax.text(2.86, places[-1], f"and {data.adapters - drawn} more", ha="center", va="center",
                color=style.LORA.ink, size=style.SMALL)
    for number, height in enumerate(places[:drawn]):
        box(ax, (2.86, height), (0.72, 0.28), f"A{number} B{number}", style.LORA,
            letters=style.SMALL)
    for row, (lane, number) in enumerate(zip(LANES, data.which, strict=True), 1):
        route(ax, (0.78, lane), (1.2, lane))
        route(ax, (2.5, places[number]), (2.1, lane))
        box(ax, (1.65, lane), (0.9, 0.32), f"row {row}", style.DATA, letters=style.SMALL)


def calls(number: int) -> str:
    """Write ``1 call`` or ``4 calls``."""
    return f"{number} call{'s' if number > 1 else ''}"


def _bars(ax: Axes, data: Reading) -> None:
    """Bytes of the three ways to the same scale, cut into their calls."""
    ways = (("one by one", data.requests, data.single),
            ("sorted by adapter", data.adapters, data.ordered), ("one mixed batch", 1, data.mixed))
    for row, (name, reads, whole) in enumerate(ways):
        top, each = 0.35 + 0.54 * row, whole / reads
        base = data.base
        ax.text(0, top - 0.12, f"{name}, {calls(reads)}: {whole / 1e9:.1f} GB", va="center",
                weight=600, size=style.SMALL)
        for k in range(reads):
            ax.add_patch(Rectangle((k * each, top), base, 0.22, fc=style.FROZEN.mark, lw=0))
            ax.add_patch(Rectangle((k * each + base, top), each - base, 0.22,
                                   fc=style.LORA.mark, lw=0, snap=False))
            if k:
                ax.plot([k * each] * 2, [top, top + 0.22], color=style.PAPER, lw=1)
    ax.set(xlim=(0, 1.02 * data.single), ylim=(HIGH, 0))


@style.styled
def draw(data: Reading, layout: Layout = "wide") -> Figure:
    """Draw what three rows read, and the bytes of all requests."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.75 if wide else 4.7)
    style.heading(fig, "One batch reads the base once" if not wide else
                  "One batch reads the base once, whatever adapters its rows want",
                  "Grey is the base, purple the adapters")
    _gather(style.board(fig, style.MARGIN, 0.88, WIDE, HIGH), data)
    left, top = (4.0, 0.88) if wide else (style.MARGIN, 2.85)
    ax = style.bare(style.place(fig, left, top, style.WIDTH[layout] - left - style.MARGIN, HIGH))
    ax.text(0, -0.02, f"Read for one token of {data.requests} requests, "
            f"{data.adapters} adapter{'s' if data.adapters > 1 else ''}", va="center",
            color=style.MUTED, size=style.SMALL)
    _bars(ax, data)
    return fig


def alt(data: Reading) -> str:
    """Return the drawing in words."""
    rows = ", ".join(f"row {row} from adapter {number}" for row, number in enumerate(data.which, 1))
    return (f"W is read once for all rows of a batch, and small matrices for {rows}. For one token "
            f"of {data.requests} requests that want {data.adapters} adapters, "
            f"{data.single / 1e9:.1f} GB are read one by one, {data.ordered / 1e9:.1f} GB sorted "
            f"by adapter in {calls(data.adapters)}, and {data.mixed / 1e9:.1f} GB in one mixed "
            f"batch.")
