"""The way of a fact through the model: its attention edges, and what is lost without them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.fact_board import (
    ALONG,
    APART,
    BAND,
    BELOW,
    BESIDE,
    BOXES,
    COLUMNS,
    CROSS,
    ENRICH,
    FRAME,
    TOP,
)
from lib.figures.kit.style import Layout

CAPTION = ("An arrow is an edge without which 10 capitals or more are lost, as thick as their "
           "number. It is dashed if we hadn't guessed it.")

GROUPS = ("question", "name", "is", "answer")
Path = tuple[str, str]  # an edge: the group that is attended to and the one that attends

#: The steps along the edges that matter, by edge and by half of the model.
ROLES: dict[tuple[Path, int], str] = {
    (("name", "name"), 0): "join", (("question", "is"), 0): "fetch the relation",
    (("name", "is"), 1): "fetch the country", (("answer", "answer"), 0): "spell",
    (("name", "answer"), 1): "the country again"}
FEW = 10  # fewer losses are drawn only where the path is chosen, and not named
HALVES = ("1 and 2", "3 and 4", "1 to 4")  # of the model, and both
AGAIN: tuple[Path, int] = (("name", "answer"), 0)  # costs few alone; drawn in the circuit only
#: What is supposed before any part is removed, beside what feed-forward layers do.
SUPPOSED = ("join", "fetch the relation", "fetch the country", "spell")


@dataclass(frozen=True)
class Paths:
    """Facts lost of ``known`` if a path brings its mean, in layers 1 and 2, and in layers 3 and 4.

    ``chosen`` is a path and a half of the model (2 is both), ``says`` a prompt with what follows
    it without that path.  ``lost`` may have a third number, without the path in both halves.
    ``boxes`` has what is lost if feed-forward layers are replaced, too, by group and half.  ``by``
    says what stands in a part's place, ``marked`` has the boxes not needed with every replacement.
    If these parts are a circuit, ``finds`` says how many facts it finds alone.
    """

    tokens: Mapping[str, str]
    lost: Mapping[Path, tuple[int, ...]]
    known: int
    chosen: tuple[Path, int] | None = None
    says: tuple[str, str] = ("", "")
    boxes: Mapping[tuple[str, int], int] = field(default_factory=dict)
    by: str = "its mean"
    marked: frozenset[tuple[str, int]] = frozenset()
    finds: str = ""

    def named(self) -> list[tuple[str, int]]:
        """The roles with what was lost, those that matter."""
        return [(role, self.lost[path][half]) for (path, half), role in ROLES.items()
                if self.lost[path][half] >= FEW]


def compute(tokens: Mapping[str, str], lost: Mapping[Path, Sequence[int]], known: int,
            chosen: tuple[Path, int] | None = None, says: tuple[str, str] = ("", ""),
            boxes: Mapping[tuple[str, int], int] | None = None, by: str = "its mean",
            marked: Collection[tuple[str, int]] = (), finds: str = "") -> Paths:
    """Take the text of each group of tokens, what was lost by path, and a path to point out.

    Raises:
        ValueError: a group has no text, a path with a role, or the chosen one, was not measured, or
            a box has no place in the figure, or is to be marked and isn't there.
    """
    homeless = sorted({*(boxes or ())} - {*BOXES["wide"]})
    if homeless:
        raise ValueError(f"no place for the boxes {homeless}; "
                         f"there is one for {sorted(BOXES['wide'])}")
    if not {*marked} <= {*(boxes or ())}:
        raise ValueError(f"the marked boxes {sorted(marked)} aren't all among "
                         f"{sorted(boxes or ())}")
    missing = sorted({*GROUPS} - {*tokens})
    unknown = sorted({path for path, _ in (*ROLES, *([chosen] if chosen else ()))} - {*lost})
    if missing or unknown:
        raise ValueError(f"no text for the groups {missing}, no losses for the paths {unknown}")
    return Paths(dict(tokens), {path: tuple(map(int, each)) for path, each in lost.items()},
                 known, chosen, says,
                 {place: int(each) for place, each in (boxes or {}).items()}, by, frozenset(marked),
                 finds)



def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], weight: float = 0.1,
          matters: bool = True, guessed: bool = True, within: bool = False) -> None:
    """An arrow as thick as its weight (0 to 1); one that matters little is a thin grey line.

    One within a group starts below a piece, and the others at the frame around their group.
    """
    ax.annotate("", end, start, zorder=3 if matters else 2, arrowprops={
        "arrowstyle": "-|>", "color": style.ATTENTION(0.7) if matters else style.RULE,
        "shrinkA": 10 if within else 0, "shrinkB": 8,
        "lw": 1 + 5 * max(weight, 0) if matters else 0.8,
        "linestyle": "-" if guessed or not matters else (0, (2.5, 1)),
        "mutation_scale": 12 if matters else 7})


def spread(tokens: Mapping[str, str], layout: Layout) -> dict[str, float]:
    """From the middle of each group to its last piece, in inches."""
    return {group: APART[layout] * (len(re.split(r"[| ]", text)) - 1) / 2
            for group, text in tokens.items()}


def along(tokens: Mapping[str, str], layout: Layout, path: Path, half: int,
          share: float) -> tuple[float, float]:
    """A point of an edge: from a group's frame to a group, or from its first piece to itself."""
    at, (seen, looks) = COLUMNS[layout], path
    half_width = spread(tokens, layout)[seen]
    start, end = at[seen] + (-half_width if seen == looks else half_width + FRAME), at[looks]
    return start + share * (end - start), TOP + (half + share) * BAND


def board(fig: Figure, tokens: Mapping[str, str], layout: Layout) -> Axes:
    """The tokens on top, three rows of states with the halves between, and what is written."""
    ax = style.board(fig)
    right = fig.get_size_inches()[0] - style.MARGIN
    for half, words in enumerate(("layers\n1 and 2", "layers\n3 and 4")):
        top = TOP + half * BAND
        ax.text(style.MARGIN + 0.08, top + BAND * (0.5 if layout == "wide" else 0.72), words,
                va="center", color=style.MUTED, size=style.SMALL)
        if half == 0:
            ax.add_artist(FancyBboxPatch((style.MARGIN, top + 0.08), right - style.MARGIN,
                                         BAND - 0.16, fc=style.WASH, ec="none",
                                         boxstyle="round,pad=0,rounding_size=.07"))
    for group, x in COLUMNS[layout].items():
        ax.text(x, TOP - 0.24, tokens[group], ha="center", va="center_baseline", weight=600,
                parse_math=False)
        width = spread(tokens, layout)[group]
        count = round(2 * width / APART[layout]) + 1
        for row in range(3):
            y = TOP + row * BAND
            ax.add_artist(FancyBboxPatch((x - width, y - 0.005), 2 * width, 0.01, fc=style.PAPER,
                                         ec=style.FROZEN.mark, lw=1.1, zorder=2.5,
                                         boxstyle=f"round,pad={FRAME},rounding_size={FRAME}"))
            ax.plot([x - width + k * APART[layout] for k in range(count)], [y] * count, "o", ms=6,
                    color=style.INK, zorder=4)
    first, *later = tokens["answer"].split("|")
    bottom = TOP + 2 * BAND + 0.27
    ax.text(style.MARGIN + 0.08, bottom, "writes", va="center_baseline", color=style.MUTED,
            size=style.SMALL)
    for group, words in (("is", first), ("answer", "|".join([*later, "."]))):
        ax.text(COLUMNS[layout][group], bottom, words, ha="center", va="center_baseline",
                weight=600, parse_math=False)
    return ax


def feed_forward(ax: Axes, layout: Layout, place: tuple[str, int], words: str,
                 marked: bool = False) -> None:
    """A black box of feed-forward layers, which add to their group's states in that half."""
    (group, half), (aside, down, to) = place, BOXES[layout][place]
    x = COLUMNS[layout][group]
    ax.text(x + aside, TOP + down, words, ha="center", va="center", zorder=5, linespacing=1.1,
            weight=600 if marked else 400,
            bbox={"fc": style.TASK.tint if marked else style.PAPER, "ec": style.INK,
                  "lw": 1.8 if marked else 1.2,
                  "ls": "-" if place == ENRICH else (0, (3, 2)),
                  "boxstyle": "round,pad=0.25,rounding_size=0.2"})
    top = 0 if place == BESIDE else 0.9 * FRAME
    ax.annotate("", (x + to, TOP + (half + 1) * BAND - top), (x + aside, TOP + down + 0.1),
                zorder=3, arrowprops={"arrowstyle": "-|>", "lw": 1.6, "shrinkA": 2, "shrinkB": 0,
                                      "color": style.INK, "mutation_scale": 11})


def label(ax: Axes, at: tuple[float, float], words: str, matters: bool = True) -> None:
    """What an edge does, unframed on its arrow; in grey where the edge matters little."""
    ax.text(*at, words, ha="center", va="center", zorder=5, linespacing=1.1,
            color=style.INK if matters else style.MUTED,
            bbox={"fc": style.WASH if at[1] < TOP + BAND else style.PAPER, "ec": "none",
                  "boxstyle": "round,pad=0.12,rounding_size=0.2"})


@style.styled
def draw(data: Paths, layout: Layout = "wide") -> Figure:
    """Draw the tokens on top, and below them the two halves of the model with their paths."""
    wide = layout == "wide"
    tall = 5.9 if data.boxes else 5.6
    whole = data.boxes and not data.chosen
    high = (4.6 if whole else 4.35) if wide else tall + 0.33 * bool(whole)
    fig = style.canvas(layout, 4.85 if data.chosen else high)
    style.heading(fig, *_title(data))
    ax = board(fig, data.tokens, layout)
    for (seen, looks), losses in data.lost.items():
        for half, lost in enumerate(losses[:2]):
            early_again = data.finds and ((seen, looks), half) == AGAIN
            if lost < FEW and not early_again and data.chosen not in (
                    ((seen, looks), half), ((seen, looks), 2)):
                continue  # all twelve at once would cross the words
            arrow(ax, *(along(data.tokens, layout, (seen, looks), half, end)
                        for end in (0, 0.94 if early_again else 1)),
                  lost / data.known, lost >= FEW or early_again,
                  ROLES.get(((seen, looks), half)) in SUPPOSED, seen == looks)
    if data.chosen:
        path, half = data.chosen
        for each in (0, 1) if half == 2 else (half,):
            x, y = along(data.tokens, layout, path, each, CROSS[path[0]])
            ax.plot(x, y, "X", ms=13, mfc=style.INK, mec=style.PAPER, mew=1.2, zorder=6)
        style.write(fig, style.MARGIN, BELOW, "with the crossed-out edge's mean in its place:",
                    style.MUTED, style.SMALL)
        style.write(fig, style.MARGIN, BELOW + 0.22, "".join(data.says), weight=600)
    for (group, half), lost in (data.boxes or {ENRICH: ""}).items():
        name = "enrich" if (group, half) == ENRICH else f"box at\n{group}"
        words = (f"{name}: {lost}" if layout == "wide" else str(lost)) if data.boxes else name
        feed_forward(ax, layout, (group, half), words, (group, half) in data.marked)
    _roles(fig, ax, data, layout)
    if whole and wide:
        yellow = "     yellow: some replacements cost less than 10" * bool(data.marked)
        style.write(fig, style.MARGIN, BELOW, "dashed: not guessed" + yellow, size=style.SMALL)
    return fig


def _title(data: Paths) -> tuple[str, str]:
    """The state of the figure, and what it is."""
    if data.finds:
        return (f"Our circuit finds {data.finds} of {data.known} capitals",
                f"Numbers: capitals lost with {data.by} in that part alone")
    if data.boxes and not data.chosen:
        parts, the = len(data.named()) + len(data.boxes), "the " * ("mean" in data.by)
        return (f"With {the}{data.by}, {parts} parts are needed",
                f"Capitals lost of {data.known}. A thicker arrow costs more")
    if not data.chosen:
        return "How a capital is found", f"Capitals lost of {data.known}, edge by edge"
    path, half = data.chosen
    role = ROLES.get(data.chosen, f"{path[1]} ← {path[0]}")
    return (f"{data.lost[path][half]} of {data.known} capitals lost",
            f"{role[0].upper()}{role[1:]}, in layers {HALVES[half]}")


def _roles(fig: Figure, ax: Axes, data: Paths, layout: Layout) -> None:
    """What the paths that matter do, on their arrows; the narrow layout names them below."""
    where = {role: place for place, role in ROLES.items()}
    named = data.named() + [("the country, early", data.lost[AGAIN[0]][0])] * bool(data.finds)
    for k, (role, lost) in enumerate(named):
        path, half = where.get(role, AGAIN)
        first, _, rest = role.rpartition(" ")  # in two lines where there are several words
        words = f"{first}\n{rest}: {lost}" if first else f"{rest}: {lost}"
        label(ax, along(data.tokens, layout, path, half, ALONG[layout][role]),
              words if layout == "wide" else str(lost))
        if layout == "narrow" and not data.chosen:
            style.write(fig, style.MARGIN, BELOW + 0.175 * k, f"{lost}: {role}")
    if layout == "narrow" and not data.chosen and data.boxes:
        below = (*[f"{data.boxes[ENRICH]}: enrich"] * (ENRICH in data.boxes),
                 "other boxes: feed-forward layers", "dashed: not guessed",
                 *["yellow: some replacements cost less than 10"] * bool(data.marked))
        for k, words in enumerate(below, len(named)):
            style.write(fig, style.MARGIN, BELOW + 0.175 * k, words)


def _box(group: str, half: int) -> str:
    """A box in words."""
    if (group, half) == ENRICH:
        return "enrich"
    return f"feed-forward {HALVES[half]} at " + ("'is'" if group == "is" else f"the {group}")


def look(path: Path, half: int) -> str:
    """A path in words."""
    who, whom = (f"the {each}".replace("the is", "'is'") for each in path[::-1])
    return f"layers {HALVES[half]}, {who} looks at {whom}"


def alt(data: Paths) -> str:
    """Return the figure in words."""
    where = {role: place for place, role in ROLES.items()}
    said = "; ".join(f"{role} ({look(*where[role])}): {lost}" for role, lost in data.named())
    said += f"; the country, early ({look(*AGAIN)}): {data.lost[AGAIN[0]][0]}" * bool(data.finds)
    boxed = "; ".join(f"{_box(*place)}: {lost}" for place, lost in data.boxes.items())
    if data.chosen:
        path, half = data.chosen
        return (f"Replaced by its mean in {look(path, half)}: {data.lost[path][half]} of "
                f"{data.known} capitals are lost, and {data.says[0]!r} goes on with "
                f"{data.says[1]!r}. All edges that matter: {said}."
                + f" Feed-forward layers: {boxed}." * bool(boxed))
    if boxed:
        marked = ", ".join(_box(*place) for place in data.boxes if place in data.marked)
        alone = f"A circuit that finds {data.finds} capitals alone. " * bool(data.finds)
        return (f"{alone}Capitals lost of {data.known}, one part replaced by {data.by}. "
                f"Edges: {said}. Feed-forward layers: {boxed}. Not guessed: all but the steps of "
                "the first picture."
                + f" Some replacements cost less than 10: {marked}." * bool(marked))
    return f"Capitals lost of {data.known} with an edge replaced by its mean. {said}."
