"""One question's way through the model: what the model answers without each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.gpt import fact_path
from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each part with what the model answers if a mean of other prompts stands in the part's "
           "place.")

ENRICH = "enrich"
PARTS = (*fact_path.ROLES.values(), ENRICH)
GUESSED = (*fact_path.SUPPOSED, ENRICH)
#: How far along its arrow the words of a part stand, where three lines have room.
ALONG: dict[Layout, dict[str, float]] = {
    "wide": fact_path.ALONG["wide"] | {"fetch the relation": 0.7, "join": 0.66, "spell": 0.5,
                                       "fetch the country": 0.6, "the country again": 0.66},
    "narrow": fact_path.ALONG["narrow"] | {"the country again": 0.6}}


@dataclass(frozen=True)
class Answers:
    """The groups' tokens, the question, and the answers without a part; the others are guesses."""

    tokens: Mapping[str, str]
    prompt: str
    without: Mapping[str, str]

    def parts(self) -> list[str]:
        """The parts that are drawn: those that were guessed, and those that were taken out."""
        return [part for part in PARTS if part in GUESSED or part in self.without]

    def says(self, part: str) -> str:
        """The answer without this part, in quotes; nothing for a guess."""
        return f"\u201c{self.without[part]}\u201d" if part in self.without else ""

    def missed(self, part: str) -> bool:
        """Whether the answer is another one without this part; a guess may be missed."""
        return self.without.get(part) != self.tokens["answer"].replace("|", "")


def compute(tokens: Mapping[str, str], prompt: str, without: Mapping[str, str]) -> Answers:
    """Take the text of each group of tokens, the question, and the answer without some parts.

    Raises:
        ValueError: a group has no text, or there is no such part.
    """
    missing, unknown = sorted({*fact_path.GROUPS} - {*tokens}), sorted({*without} - {*PARTS})
    if missing or unknown:
        raise ValueError(f"no text for the groups {missing}, no parts {unknown}; "
                         f"the parts are {', '.join(PARTS)}")
    return Answers(dict(tokens), prompt, {part: text.strip() for part, text in without.items()})


@style.styled
def draw(data: Answers, layout: Layout = "wide") -> Figure:
    """Draw the edges as arrows and the feed-forward layers as a box, each with its answer."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.35 if wide else 5.8)
    style.heading(fig, f"{data.prompt} \u2026?" if wide else "One question, part by part",
                  "In quotes: the answer without this part" if wide
                  else "In quotes: the answer without it")
    ax = fact_path.board(fig, data.tokens, layout)
    where = {role: place for place, role in fact_path.ROLES.items()}
    for k, part in enumerate(data.parts()):
        said = data.says(part)
        named = f"{part}: {said}" if said else f"{part}?"
        if wide and said:
            first, _, rest = part.rpartition(" ")
            words = f"{first}\n{rest}:\n{said}" if first else f"{part}:\n{said}"
        else:
            words = named if wide else str(k + 1)
        if part == ENRICH:
            fact_path.feed_forward(ax, layout, fact_path.ENRICH, words)
        else:
            path, half = where[part]
            fact_path.arrow(ax, *(fact_path.along(data.tokens, layout, path, half, end)
                                  for end in (0, 1)), weight=0.35 if said else 0.1,
                            guessed=part in GUESSED, within=path[0] == path[1],
                            matters=data.missed(part))
            fact_path.label(ax, fact_path.along(data.tokens, layout, path, half,
                                                ALONG[layout][part]), words, data.missed(part))
        if not wide:
            style.write(fig, style.MARGIN, fact_path.BELOW + 0.21 * k, f"{k + 1}: {named}")
    return fig


def alt(data: Answers) -> str:
    """Return the figure in words."""
    where = {role: place for place, role in fact_path.ROLES.items()}
    told = []
    for part in data.parts():
        place = ("layers 1 and 2, feed-forward at the name" if part == ENRICH
                 else fact_path.look(*where[part]))
        told.append(f"{part} ({place}): {data.says(part) or 'a guess'}")
    return (f"What the model answers after {data.prompt!r} with a mean in the place of one part. "
            f"{'; '.join(told)}.")
