"""Three orders in which an adapter can be computed: each product as an area, to scale."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("The grey block is always drawn equally large. The strip of BA is the same work for any "
           "batch, so with fewer tokens it is wider beside the block.")

ORDERS = ("from the left", "from the right", "into W first")
FORMULAS = (r"$(xA^\top)B^\top$", r"$x(BA)^\top$", r"$x(W + s\,BA)^\top$")
#: inches: sides of the block of x W^T, and the left edges (wide) or tops (narrow) of the orders
BLOCK = {"wide": 1.12, "narrow": 0.95}
EDGES = {"wide": (0.42, 2.24, 5.38), "narrow": (1.12, 2.95, 4.55)}
GAP = 0.07


@dataclass(frozen=True)
class Orders:
    """A batch of tokens, and a layer with an adapter."""

    tokens: int
    rank: int
    d_in: int
    d_out: int

    @property
    def frozen(self) -> int:
        """Multiplications of x W^T, which each order has."""
        return self.tokens * self.d_in * self.d_out

    @property
    def added(self) -> dict[str, int]:
        """Multiplications that each order adds to them."""
        product = self.rank * self.d_in * self.d_out  # B A
        thin = self.tokens * self.rank * (self.d_in + self.d_out)
        return dict(zip(ORDERS, (thin, product + self.frozen, product), strict=True))

    def share(self, order: str) -> float:
        """What an order adds, over x W^T."""
        return self.added[order] / self.frozen


def compute(tokens: int, rank: int, d_in: int, d_out: int) -> Orders:
    """Count the products of a layer of d_in inputs and d_out outputs for a batch of tokens.

    Raises:
        ValueError: there are fewer tokens than ranks: the strip of BA would have no room.
    """
    if not 1 <= rank <= tokens:
        raise ValueError(f"{tokens} tokens at rank {rank}; there must be as many tokens at least")
    return Orders(tokens, rank, d_in, d_out)


def _area(ax: Axes, corner: tuple[float, float], size: tuple[float, float], tone: Tone,
          words: str = "") -> None:
    """A product, its words in the middle."""
    ax.add_artist(Rectangle(corner, *size, fc=tone.tint, ec=tone.mark, lw=1))
    ax.text(corner[0] + size[0] / 2, corner[1] + size[1] / 2, words, ha="center", va="center",
            color=tone.ink, size=style.SMALL)


def _order(ax: Axes, data: Orders, which: int, left: float, top: float, side: float) -> None:
    """The areas of one order, from their top left corner on."""
    label = {"size": style.SMALL, "va": "center"}
    if which == 0:
        _area(ax, (left, top), (side, side), style.FROZEN, "x with W")
        below = top + side + GAP
        for tone, width, name in ((style.A, data.d_in, "x with A"),
                                  (style.B, data.d_out, "z with B")):
            high = side * data.rank * width / (data.d_in * data.d_out)
            _area(ax, (left, below), (side, high), tone)
            ax.text(left + side + 0.06, below + high / 2 + (0.05 if tone is style.B else -0.03),
                    name, color=tone.ink, **label)
            below += high + 0.05
        return
    _area(ax, (left, top), (side, side), style.FROZEN, ("x with W", "x with W + s BA")[which - 1])
    strip, after = side * data.rank / data.tokens, left + side + GAP
    _area(ax, (after, top), (strip, side), style.LORA)
    ax.text(after + strip / 2, top + side + 0.1, "BA", ha="center", color=style.LORA.ink, **label)
    if which == 1:
        _area(ax, (after + strip + GAP, top), (side, side), style.LORA, "x with BA")


def _measures(ax: Axes, data: Orders, left: float, top: float, side: float) -> None:
    """How high and how wide the block of x W^T is."""
    ax.text(left - 0.08, top + side / 2, f"{data.d_in * data.d_out:,} numbers", rotation=90,
            ha="right", va="center", color=style.MUTED, size=style.SMALL)
    ax.text(left + side / 2, top - 0.05, f"{data.tokens:,} tokens", ha="center", va="bottom",
            color=style.MUTED, size=style.SMALL)


def _share(data: Orders, order: str) -> str:
    """What an order adds, in percent: one decimal, where it matters."""
    share = 100 * data.share(order)
    return f"{share:.0f}%" if share >= 99.5 else f"{share:.1f}%"


@style.styled
def draw(data: Orders, layout: Layout = "wide") -> Figure:
    """Draw the three orders side by side, in the narrow layout one below the other."""
    wide, side = layout == "wide", BLOCK[layout]
    fig = style.canvas(layout, 3.2 if wide else 5.75)
    shares = [_share(data, order) for order in ORDERS]
    style.heading(fig, f"{data.tokens:,} tokens: the adapter adds {shares[0]}, {shares[1]} or "
                  f"{shares[2]}" if wide else f"{data.tokens:,} tokens: {', '.join(shares)} more",
                  "Areas are multiplications; every order has the grey block, the rest comes with "
                  "A and B" if wide else "Areas are multiplications")
    ax = style.board(fig)
    for which, (order, edge) in enumerate(zip(ORDERS, EDGES[layout], strict=True)):
        left, top = (edge, 1.66) if wide else (0.42, edge)
        title, added = order[0].upper() + order[1:], f"+{data.added[order]:,}"
        if wide:
            ax.text(left, 0.92, title, weight=600, va="bottom")
            ax.text(left, 1.15, FORMULAS[which], va="bottom", color=style.MUTED, size=style.NAME)
            ax.text(left, 1.38, f"{added}, {shares[which]}", va="bottom", color=style.INK)
        else:
            ax.text(left, top - 0.27, f"{title}: {added}", weight=600, va="bottom")
        _order(ax, data, which, left, top, side)
        if which == 0:
            _measures(ax, data, left, top, side)
    return fig


def alt(data: Orders) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{order} {data.added[order]:,}, or {_share(data, order)}"
                     for order in ORDERS)
    return (f"Products as areas, for {data.tokens:,} tokens and a matrix of {data.d_out} by "
            f"{data.d_in} with an adapter of rank {data.rank}. The block of x W^T is "
            f"{data.frozen:,} multiplications. An adapter adds: {said}.")
