"""The tiny encyclopedia: what the base model reads, and the facts that it should know after.

Facts are told in many forms, by name and by pronoun and in both directions, because a fact met
in one form only can't be asked for in another (Allen-Zhu and Li 2023, Physics of Language
Models: part 3.1). All text is ASCII, and all of it is made here from the tables and templates
in `data/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from string import ascii_lowercase, ascii_uppercase

import numpy as np

from lib.corpus.grammar import (
    Lists,
    Values,
    capitalise,
    expand,
    gaps,
    pick,
    read_forms,
    read_sections,
)
from lib.corpus.tables import Country, countries, country_split, elements

#: A way to rewrite a template before its gaps are filled in.
Style = Callable[[str], str]

__all__ = ["Example", "countries", "country_split", "documents", "elements", "facts"]

RELATIONS = ("capital", "continent", "language", "currency")

#: Share of each kind of document.
MIX = {"paragraph": 0.36, "fact": 0.18, "pair": 0.07, "travel": 0.11, "plain": 0.15,
       "breadth": 0.13}


@dataclass(frozen=True)
class Example:
    """A prompt and the answer that should follow it, up to the end-of-text token.

    relation: what a fact is about ("capital"), empty where that makes no sense.
    """

    prompt: str
    answer: str
    relation: str = ""


def unchanged(text: str) -> str:
    """The style of the encyclopedia itself: a template is used as it stands."""
    return text


def country_values(country: Country) -> dict[str, str]:
    """The gaps that a country fills in a template: its name and its four facts."""
    return {key: getattr(country, key) for key in ("name", *RELATIONS)}


def examples(forms: Iterable[tuple[str, str, str]], subjects: Sequence[Values],
             style: Style = unchanged) -> list[Example]:
    """One Example for each form and each subject that has what the form speaks of.

    forms: triples (relation, prompt, answer) of templates; subjects: dicts of values for their
    gaps; style: rewrites a template.
    """
    return [Example(expand(style(prompt), None, values),
                    " " + expand(style(answer), None, values), relation)
            for relation, prompt, answer in forms for values in subjects
            if gaps(prompt + answer) <= values.keys()]


def facts(reverse: bool = False) -> list[Example]:
    """Probes of what pre-training taught: four a country, in forms that the corpus uses.

    Each is an Example such as ("The capital of France is", " Paris.", "capital"), and in the
    corpus nothing else ever follows that prompt. With `reverse`, one a country from the capital
    back to its name, of relation "name".
    """
    forms = read_forms("facts.txt", "reverse probe" if reverse else "probe")
    return examples(forms, [country_values(country) for country in countries()])


def _successions(form: str, words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(form.format(*both) for both in zip(words, words[1:] + words[:1]))


@cache
def word_lists() -> Lists:
    """Lists for the gaps of stories: those of `data/words.txt`, and some that are computed."""
    lists = {title: tuple(entry.split(", ")) for title, (entry,)
             in read_sections("words.txt").items()}
    lists["word"] += tuple(element.name.lower() for element in elements())
    lists["spelling"] = tuple(f"{word} is spelled {'-'.join(word)}" for word in lists["word"])
    lists["day_after"] = _successions("the day after {} is {}", lists["weekday"])
    lists["month_after"] = _successions("the month after {} is {}", lists["month"])
    runs = [[str(first + step) for step in range(6)] for first in range(1, 115)]
    lists["count"] = tuple(", ".join(run) for run in runs)
    lists["countdown"] = tuple(" ".join(run[::-1]) for run in runs)
    lists["sum"] = tuple(f"{a} + {b} = {a + b}" for a in range(1, 10) for b in range(1, 10))
    lists["letters"] = tuple(" ".join(case[i:i + 7]) for i in range(20)
                             for case in (ascii_uppercase, ascii_lowercase))
    return lists


def tell(sections: Lists, title: str, values: Values, rng: np.random.Generator,
         style: Style = unchanged) -> str:
    """One sentence: a template of `sections[title]`, in a style, with its gaps filled in."""
    return expand(style(pick(sections[title], rng, skew=1.5)), rng, values)


def tell_all(sections: Lists, relations: Sequence[str], values: dict[str, str],
             rng: np.random.Generator, style: Style = unchanged) -> list[str]:
    """Sentences about one subject: the first of `relations` by name, then most of the others in
    random order and mostly by pronoun.
    """
    sentences = [tell(sections, relations[0], values, rng, style)]
    it = "it" if sentences[0].startswith(capitalise(values["name"])) else "the country"
    for index in rng.permutation(np.arange(1, len(relations))):
        if rng.random() < 0.92:
            title = relations[index] if rng.random() < 0.25 else f"{relations[index]} it"
            sentences.append(tell(sections, title, values | {"it": style(it)}, rng, style))
        it = "the country"      # "It" would no longer be clear
    return sentences


def _values_with_neighbour(country: Country, rng: np.random.Generator) -> dict[str, str]:
    values = country_values(country)
    if country.neighbours:
        values["neighbour"] = pick(country.neighbours, rng)
    return values


def fact(country: Country, relation: str, rng: np.random.Generator) -> str:
    """One sentence about `country`: the fact asked for, or now and then a neighbour."""
    if country.neighbours and rng.random() < 0.1:
        relation = "neighbour"
    values = _values_with_neighbour(country, rng)
    return tell(read_sections("facts.txt"), relation, values, rng)


def paragraph(country: Country, relation: str, rng: np.random.Generator,
              style: Style = unchanged) -> str:
    """Two to six sentences about `country`, the first about `relation`; style as in `tell`."""
    sections, values = read_sections("facts.txt"), _values_with_neighbour(country, rng)
    relations = (relation, *(other for other in RELATIONS if other != relation))
    sentences = tell_all(sections, relations, values, rng, style)
    if country.neighbours and rng.random() < 0.5:
        values["it"] = style("the country")
        sentences.append(tell(sections, "neighbour it", values, rng, style))
    if rng.random() < 0.5 or len(sentences) == 1:
        sentences.append(tell(sections, "remark", values, rng, style))
    return " ".join(sentences)


def pair(country: Country, relation: str, rng: np.random.Generator) -> str:
    """Two sentences that put `country` beside another one, often a neighbour."""
    by_name = {other.name: other for other in countries()}
    others = country.neighbours if country.neighbours and rng.random() < 0.5 else tuple(by_name)
    other = by_name[pick([name for name in others if name != country.name], rng)]
    values = country_values(country) | {"other": other.name}
    values |= {f"other_{key}": getattr(other, key) for key in RELATIONS}
    titles = {"capital": "pair capital"}
    for key in RELATIONS[1:]:
        same = getattr(country, key) == getattr(other, key)
        titles[key] = f"pair {'same' if same else 'other'} {key}"
    if other.name in country.neighbours:
        titles["border"] = "pair border"
    second = pick([key for key in titles if key != relation], rng)
    return " ".join(tell(read_sections("facts.txt"), titles[key], values, rng)
                    for key in (relation, second))


def travel(country: Country, rng: np.random.Generator) -> str:
    """A short story about people in `country`."""
    form = pick(read_sections("stories.txt")["travel"], rng)
    return expand(form, rng, country_values(country), word_lists())


def plain(rng: np.random.Generator) -> str:
    """A short story about no country."""
    return expand(pick(read_sections("stories.txt")["plain"], rng), rng, {}, word_lists())


def breadth(rng: np.random.Generator) -> str:
    """Two lines or so of words, numbers, letters and signs, so that rare tokens occur."""
    forms = read_sections("stories.txt")["breadth"]
    return "\n".join(expand(pick(forms, rng), rng, {}, word_lists()) for _ in range(2))


def _subjects(rng: np.random.Generator) -> Iterator[tuple[Country, str]]:
    """All pairs of a country and a relation in random order, then again in another, for ever."""
    pairs = [(country, relation) for country in countries() for relation in RELATIONS]
    while True:
        for index in rng.permutation(len(pairs)):
            yield pairs[index]


def documents(count: int, rng: np.random.Generator) -> list[str]:
    """Make `count` documents of the tiny encyclopedia, in random order.

    Countries and relations take turns, so that each fact is told about equally often. A document
    has about 135 characters on average and no end-of-text token: the trainer puts one after each.
    """
    subjects = {kind: _subjects(rng) for kind in MIX}

    def write(kind: str) -> str:
        if kind in ABOUT_NOTHING:
            return ABOUT_NOTHING[kind](rng)
        country, relation = next(subjects[kind])
        if kind == "travel":
            return travel(country, rng)
        return ABOUT_A_FACT[kind](country, relation, rng)

    kinds = rng.choice(len(MIX), size=count, p=list(MIX.values()))
    return [write(tuple(MIX)[index]) for index in kinds]


ABOUT_NOTHING = {"plain": plain, "breadth": breadth}
ABOUT_A_FACT = {"paragraph": paragraph, "fact": fact, "pair": pair}
