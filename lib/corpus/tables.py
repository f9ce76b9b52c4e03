"""The facts themselves: two tables, of countries and of chemical elements."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from lib.corpus.grammar import DATA


@dataclass(frozen=True)
class Country:
    """One row of `data/countries.csv`; `name` carries its article ("the Netherlands")."""

    name: str
    capital: str
    continent: str
    language: str
    currency: str
    neighbours: tuple[str, ...]


@dataclass(frozen=True)
class Element:
    """One row of `data/elements.csv`; `group` is None for lanthanides and actinides."""

    number: int
    symbol: str
    name: str
    period: int
    group: int | None
    family: str
    kind: str
    state: str


def _rows(filename: str) -> Iterable[dict[str, str]]:
    lines = (DATA / filename).read_text(encoding="ascii").splitlines()
    return csv.DictReader(line for line in lines if not line.startswith("#"))


@cache
def countries() -> tuple[Country, ...]:
    """All countries of the table, in the order of the alphabet."""
    return tuple(Country(**{**row, "neighbours": tuple(filter(None, row["neighbours"].split(";")))})
                 for row in _rows("countries.csv"))


@cache
def elements() -> tuple[Element, ...]:
    """The 118 chemical elements, by atomic number."""
    return tuple(Element(**{**row, "number": int(row["number"]), "period": int(row["period"]),
                            "group": int(row["group"]) if row["group"] else None})
                 for row in _rows("elements.csv"))


@cache
def country_split(split: int = 0) -> dict[str, tuple[Country, ...]]:
    """Countries to train on, to choose settings on and to test on: 60, 15 and 25 per cent.

    Split 0 is the course's own, the same for everyone and for ever, whatever the seed of a run;
    others draw the lots anew, to see how much of a score is the luck of one draw.
    """
    order = np.random.default_rng(2024 + split).permutation(len(countries()))
    shuffled = [countries()[index] for index in order]
    first, second = round(0.60 * len(shuffled)), round(0.75 * len(shuffled))
    return {"train": tuple(shuffled[:first]), "dev": tuple(shuffled[first:second]),
            "test": tuple(shuffled[second:])}


@cache
def _places() -> tuple[re.Pattern[str], dict[str, str]]:
    """What finds a country or a capital in a text, the longest first; and its name by the find."""
    names = {name for each in countries() for name in (each.name, each.capital)}
    found = {form: name for name in names for form in (name, name[0].upper() + name[1:])}
    longest_first = sorted(found, key=lambda form: (-len(form), form))
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b"), found


def named(text: str) -> set[str]:
    """The names of the countries and capitals that stand in a text, as whole words.

    Of two names that begin at one place the longer counts, and a part of a name is none: "Nigeria"
    does not name Niger, nor "South Sudan" Sudan. "The Netherlands", as a sentence may begin, is
    "the Netherlands".
    """
    pattern, names = _places()
    return {names[form] for form in pattern.findall(text)}
