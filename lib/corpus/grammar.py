"""A very small grammar: texts with gaps and choices, read from files and filled in at random.

`[one|two]` is a choice. `{fruit}` is a gap: it takes a given value, or else a random word of the
list "fruit", which then stays the same in the whole text; `{fruit2}` is a gap of its own, with
another word. `{Fruit}` writes a capital letter, `{FRUIT}` all of them, `{a fruit}` and
`{A fruit}` put the article before the word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Values = Mapping[str, str]
Lists = Mapping[str, tuple[str, ...]]

DATA = Path(__file__).parent / "data"
_CHOICE = re.compile(r"\[([^\]]*)\]")
_GAP = re.compile(r"\{([aA] )?(\w+)\}")


@cache
def read_sections(filename: str) -> dict[str, tuple[str, ...]]:
    """Read `data/filename`: a dict from each `== title ==` to the tuple of its entries.

    One line is one entry, an indented line goes on with it, "#" begins a comment and the two
    characters `\\n` stand for a line break inside an entry.
    """
    sections: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in (DATA / filename).read_text(encoding="ascii").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("== "):
            entries = sections.setdefault(line.strip("= "), [])
        elif line.startswith(" "):
            entries[-1] += " " + line.strip()
        else:
            entries.append(line)
    return {title: tuple(entry.replace("\\n", "\n") for entry in entries)
            for title, entries in sections.items()}


def read_forms(filename: str, title: str) -> list[tuple[str, str, str]]:
    """Read one section of lines "relation: prompt -> answer" as a list of such triples."""
    pairs = [line.split(" -> ") for line in read_sections(filename)[title]]
    return [(*start.split(": ", 1), answer) for start, answer in pairs]


def pick(options: Sequence[T], rng: np.random.Generator, skew: float = 1.0) -> T:
    """One of `options` at random, in a tenth of the time that `rng.choice` takes.

    skew: 1 gives all of them the same chance, more prefers those at the front of the list.
    """
    return options[int(rng.random() ** skew * len(options))]


def capitalise(text: str) -> str:
    """The same text with a capital first letter: "the Gambia" becomes "The Gambia"."""
    return text[:1].upper() + text[1:]


def article(word: str) -> str:
    """The article by the first letter, which is right for all words of the lists."""
    return "an" if word[0] in "aeiou" else "a"


def gaps(text: str) -> set[str]:
    """The names of the gaps in `text`, as a set."""
    return {key.lower() for _, key in _GAP.findall(text)}


def expand(text: str, rng: np.random.Generator | None, values: Values,
           lists: Lists | None = None) -> str:
    """Fill in the choices and gaps of `text`.

    values: what stands in a gap; a gap that it lacks is drawn from the words of `lists`. Neither
    is changed. rng may be None where nothing is left to chance.

    Raises:
        KeyError: a gap that is neither in `values` nor in `lists`.
    """
    values = dict(values)

    def fill(match: re.Match[str]) -> str:
        articled, key = match.groups()
        gap = key.lower()
        if gap not in values:
            if lists is None or (title := gap.rstrip("0123456789")) not in lists:
                raise KeyError(f"no value and no list of words for the gap {gap!r} in {text!r}")
            taken = set(values.values())
            values[gap] = pick([word for word in lists[title] if word not in taken], rng)
        word = values[gap]
        if articled:
            word = f"{article(word)} {word}"
        if key.isupper():
            return word.upper()
        return capitalise(word) if (articled or key)[0].isupper() else word

    text = _CHOICE.sub(lambda match: pick(match[1].split("|"), rng), text)
    return _GAP.sub(fill, text)
