"""The tiny encyclopedia: tables of facts, a small grammar, documents to pre-train on, and tasks."""

from lib.corpus.encyclopedia import (
    MIX,
    RELATIONS,
    Example,
    country_values,
    documents,
    examples,
    fact,
    facts,
    pair,
    paragraph,
    word_lists,
)
from lib.corpus.tables import Country, Element, countries, country_split, elements, named
from lib.corpus.tasks import TASKS, Task, load_task

__all__ = [
    "MIX", "RELATIONS", "TASKS", "Country", "Element", "Example", "Task", "countries",
    "country_split", "country_values", "documents", "elements", "examples", "fact", "facts",
    "load_task", "named", "pair", "paragraph", "word_lists"]
