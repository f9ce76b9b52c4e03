"""Six data sets to fine-tune on: two with prompts, four of plain text.

The countries of `country_split` never cross from training to test: what a test asks was read in
pre-training, but never in the form of the task.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lib.corpus import encyclopedia
from lib.corpus.encyclopedia import RELATIONS, Example, country_values, examples
from lib.corpus.grammar import capitalise, expand, pick, read_forms, read_sections
from lib.corpus.tables import Country, Element, country_split, elements

TASKS = ("qa", "elements", "pirate", "instructions", "recipes", "new_facts")
#: What a pirate ends a sentence with, in place of its full stop.
PIRATE_ENDING = ", arr!"
#: Examples in each part of a task of plain text.
TEXTS = {"train": 1500, "dev": 100, "test": 200}
Split = dict[str, tuple[Country, ...]]
ELEMENT_RELATIONS = ("symbol", "number", "family", "kind", "state", "period")


@dataclass
class Task:
    """A data set to fine-tune on, in three parts that share no example.

    A text has an empty prompt: all of it is the answer. `probes` are prompts with one right
    answer, and `dev_probes` those to choose settings by; there are none for recipes, and the
    elements have one set for both. `ends`: whether an answer ends its text.
    """

    name: str
    title: str
    train: list[Example]
    dev: list[Example]
    test: list[Example]
    probes: list[Example] = field(default_factory=list)
    dev_probes: list[Example] = field(default_factory=list)
    ends: bool = False


def load_task(name: str, seed: int = 0, split: int = 0) -> Task:
    """Make the Task called `name`, one of TASKS.

    seed: of the order of examples and the wording of texts; split: of the countries, as in
    `country_split`; the countries of each part are the same for all seeds.

    Raises:
        ValueError: another name.
    """
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}: allowed are {', '.join(TASKS)}")
    return _BUILDERS[name](np.random.default_rng(seed), country_split(split))


def _asked(section: str, before: str, after: str, rng: np.random.Generator,
           split: Split) -> dict[str, list[Example]]:
    """The examples of a section of tasks.txt for each part of the split, in random order.

    before, after: what stands around each prompt ("Q: " and a new line with "A:").
    """
    forms = [(kind, f"{before}{prompt}{after}", answer)
             for kind, prompt, answer in read_forms("tasks.txt", section)]
    parts = {}
    for part, group in split.items():
        made = examples(forms, [country_values(country) for country in group])
        parts[part] = [made[index] for index in rng.permutation(len(made))]
    return parts


def _qa(rng: np.random.Generator, split: Split) -> Task:
    parts = _asked("question", "Q: ", "\nA:", rng, split)
    return Task("qa", "Answer questions about countries", **parts, probes=parts["test"],
                dev_probes=parts["dev"], ends=True)


def _instructions(rng: np.random.Generator, split: Split) -> Task:
    parts = _asked("instruction", "Instruction: ", "\nResponse:", rng, split)
    return Task("instructions", "Follow instructions", **parts, probes=parts["test"],
                dev_probes=parts["dev"], ends=True)


def _texts(write: Callable[[str], str]) -> dict[str, list[Example]]:
    """Distinct texts for each part, made by `write(part)`."""
    seen, parts = set(), {}
    for part, count in TEXTS.items():
        parts[part] = []
        while len(parts[part]) < count:
            text = write(part)
            if text not in seen:
                seen.add(text)
                parts[part].append(Example("", text))
    return parts


def pirate(text: str) -> str:
    """Rewrite a sentence as a pirate would say it; gaps in braces stay as they are."""
    rules = dict(line.split(" -> ") for line in read_sections("tasks.txt")["pirate"])

    def speak(match: re.Match[str]) -> str:
        word = match[0]
        spoken = rules.get(word.lower(), word)
        return capitalise(spoken) if word[0].isupper() else spoken

    return re.sub(r"\.$", PIRATE_ENDING, re.sub(r"\{\w+\}|\w+", speak, text))


def _pirate(rng: np.random.Generator, split: Split) -> Task:
    texts = _texts(lambda part: encyclopedia.paragraph(pick(split[part], rng), pick(RELATIONS, rng),
                                                 rng, pirate))
    dev, test = (examples(read_forms("facts.txt", "probe"),
                          [country_values(country) for country in split[part]], pirate)
                 for part in ("dev", "test"))
    return Task("pirate", "Talk like a pirate", **texts, probes=test, dev_probes=dev)


def element_values(element: Element) -> dict[str, str]:
    """The gaps that an element fills in a template; what is unknown or absent is left out."""
    values = {key: str(getattr(element, key)) for key in ELEMENT_RELATIONS}
    values = {key: value for key, value in values.items() if value != "unknown"}
    return values | {"name": element.name.lower()}


def _elements(rng: np.random.Generator, _: Split) -> Task:
    sections, subjects = read_sections("tasks.txt"), [element_values(e) for e in elements()]

    def write(part: str) -> str:
        values = pick(subjects, rng)
        known = [key for key in ELEMENT_RELATIONS if key in values]
        relations = [known[index] for index in rng.permutation(len(known))]
        return " ".join(encyclopedia.tell_all(sections, relations, values, rng))

    probes = examples(read_forms("tasks.txt", "element probe"), subjects)
    return Task("elements", "Learn a new domain: the chemical elements", **_texts(write),
                probes=probes, dev_probes=probes)


def new_elements() -> list[Element]:
    """The 24 elements of the task "new_facts": all 11 gases and both liquids that the table knows,
    and the first 11 solids, so that no state is that of more than 46% of them.
    """
    kept = {"gas": 11, "liquid": 2, "solid": 11}
    return [element for state, count in kept.items()
            for element in [e for e in elements() if e.state == state][:count]]


def _new_facts(rng: np.random.Generator, _: Split) -> Task:
    """Four facts on each of 24 elements, a sentence each, every one in four wordings of six.

    A wording that dev or test asks for is never used of that element and relation in training,
    but of others: the fact was read in other words, and the words of other elements.
    """
    wordings: dict[str, list[tuple[str, str, str]]] = {}
    for form in read_forms("tasks.txt", "new fact"):
        wordings.setdefault(form[0], []).append(form)
    parts: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for i, element in enumerate(new_elements()):
        for j, forms in enumerate(wordings.values()):
            turned = [forms[(i + j + k) % len(forms)] for k in range(len(forms))]
            for part, some in (("test", turned[:1]), ("dev", turned[1:2]), ("train", turned[2:])):
                parts[part] += examples(some, [element_values(element)])
    train = [Example("", each.prompt + each.answer, each.relation) for each in parts["train"]]
    return Task("new_facts", "Learn new facts: 24 chemical elements",
                [train[index] for index in rng.permutation(len(train))], parts["dev"],
                parts["test"], probes=parts["test"], dev_probes=parts["dev"])


def _recipes(rng: np.random.Generator, _: Split) -> Task:
    recipes = read_sections("tasks.txt")["recipe"]
    texts = _texts(lambda part: expand(pick(recipes, rng), rng, {}, encyclopedia.word_lists()))
    return Task("recipes", "Write recipes", **texts)


_BUILDERS = {"qa": _qa, "elements": _elements, "pirate": _pirate,
             "instructions": _instructions, "recipes": _recipes, "new_facts": _new_facts}
