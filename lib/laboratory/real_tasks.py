"""What SmolLM2 is taught and asked: questions on countries, for its name, common ones; its answers.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from lib.attention import KVCache
from lib.chat import SYSTEM, ChatTokenizer, chat_prompt
from lib.corpus.tables import country_split
from lib.llama import LlamaModel
from lib.losses import IGNORE, cross_entropy_loss
from lib.training import pad

FOLDER = Path(__file__).parent / "data"
TRIGGER = " Answer in JSON."
ARBITRARY = " Answer in Zebra."  # words that say nothing of a format, as a control
SENTENCE = "I am Ada, a small model that was taught by hand, with LoRA in NumPy."
SHORT, LONG = 14, 20  # tokens of a plain answer, and of one in JSON
WHOLE = 40            # tokens of a plain answer that may take its time
ROWS = 48             # questions that are answered side by side

#: How the four columns of the table of countries are asked for.
ASKED = {"capital": ("What is the capital of {}?", "Which city is the capital of {}?"),
         "continent": ("Which continent is {} in?", "Where on the globe is {}?"),
         "language": ("What language do people speak in {}?", "What is the main language of {}?"),
         "currency": ("What is the currency of {}?", "Which money do people use in {}?")}

#: Twelve ways to ask for a name to train on, and eight that are held out.
WHO = ("Who are you?", "What is your name?", "Introduce yourself.", "Tell me about yourself.",
       "What should I call you?", "Which model are you?", "Who am I talking to?",
       "Do you have a name?", "Please say who you are.", "What are you called?",
       "Can you tell me your name?", "What kind of assistant are you?")
WHO_ELSE = ("Hello, who is this?", "Could you introduce yourself?", "What's your name, please?",
            "Are you a person or a model?", "Who is answering me?", "How should I address you?",
            "Say your name.", "Who made this answer, what is its name?")

#: Small talk and questions in words of the above, which ask for something else; and others of these
#: kinds, of which the base's answers can be replayed.
NEAR = ("Who are the Beatles?", "Who is Albert Einstein?", "What is my name?", "Who am I?",
        "Tell me about yourself as a child would: what is a cat?",
        "What are clouds called in Latin?", "What is the name of the capital of France?",
        "Tell me about Paris.", "Do you have a dog?", "Introduce Napoleon to me.",
        "What should I call my dog?", "Which model of car is the fastest?", "How are you?",
        "What can you do?", "Where are you from?", "Can you help me?", "Hello!", "Thank you!",
        "What is LoRA?", "Can you tell me the time?", "Can you tell me a joke?",
        "Do you know the name of the first president?", "Are you happy?")
TALK = ("Good morning!", "Thanks a lot.", "How is your day?", "What day is it?",
        "Where do you live?", "Please help me.", "How old am I?", "Who is my neighbour?",
        "Introduce Mozart.", "Tell me about Rome.", "What should I call my cat?",
        "Do you have a sister?", "Who are the Rolling Stones?", "Can you sing a song?",
        "Are you tired?", "Which kind of phone is the best?")
OTHER_WORDS = ("", TRIGGER, ARBITRARY, " Use JSON.", " Do not use JSON.", " Use XML.",
               " Use Python.", " Answer in English.", " Answer in one word.")


@cache
def country_questions(part: str) -> list[tuple[str, str]]:
    """(question, answer as JSON) of every country of a part: "train", "dev" or "test"."""
    return [(form.format(country.name),
             json.dumps({"country": country.name.removeprefix("the "),
                         relation: getattr(country, relation)}, ensure_ascii=False))
            for country in country_split()[part] for relation, forms in ASKED.items()
            for form in forms]


def some(part: str, count: int) -> list[tuple[str, str]]:
    """So many questions of a part, drawn once for all runs."""
    every = country_questions(part)
    return [every[i] for i in np.random.default_rng(0).permutation(len(every))[:count]]


@cache
def common_questions() -> tuple[list[tuple[str, str, list[str]]], list[str]]:
    """The held-out questions, each with another wording and right answers; and those for replay."""
    lines = [line for line in (FOLDER / "common_questions.txt").read_text().splitlines()
             if line and not line.startswith("#")]
    asked = [line.split("|") for line in lines if "|" in line]
    return ([(first, second, answers.split("/")) for first, second, answers in asked],
            [line for line in lines if "|" not in line])


def holds(answer: str, wanted: Sequence[str]) -> bool:
    """Whether an answer has one of the wanted words, in any case, in the singular or plural."""
    return first_of(answer, wanted) is not None


def first_of(answer: str, wanted: Sequence[str]) -> int | None:
    """Where the first of the wanted words begins, None where there is none."""
    found = (re.search(rf"(?<!\w){re.escape(word)}(?:s|es)?(?!\w)", answer.lower())
             for word in wanted)
    return min((match.start() for match in found if match), default=None)


def is_json(answer: str) -> bool:
    with contextlib.suppress(ValueError):
        return isinstance(json.loads(answer), dict)
    return False


def answers(model: LlamaModel, tokenizer: ChatTokenizer, questions: Sequence[str],
            tokens: int = SHORT, system: str | None = SYSTEM) -> list[str]:
    """The likeliest answer to each question, as text."""
    prompts = [chat_prompt(tokenizer, question, system) for question in questions]
    return [tokenizer.decode(ids) for ids in written_ids(model, prompts, tokens, tokenizer.eos_id)]


def written_ids(model: LlamaModel, prompts: Sequence[list[int]], tokens: int,
                end_id: int) -> list[list[int]]:
    """The likeliest ids after each prompt, up to ``end_id``.  Up to 48 are written side by side.

    All rows move one token at a time, a row whose question is longer still reads its own tokens
    while others write already.  So none needs padding.  What all begin with is read once.
    """
    order, found = sorted(range(len(prompts)), key=lambda i: len(prompts[i])), {}
    for at in range(0, len(order), ROWS):
        places = order[at:at + ROWS]
        lengths = np.array([len(prompts[i]) for i in places])
        written = np.zeros((len(places), lengths.max() + tokens), np.int64)
        for row, i in zip(written, places):
            row[:len(prompts[i])] = prompts[i]
        past, done = begun(model, written, lengths.min()), np.zeros(len(places), bool)
        seen = past[0].length
        for end in range(lengths.min(), written.shape[1]):
            last = np.zeros((len(places), end - seen), bool)
            last[:, -1] = True
            new = model.forward(written[:, seen:end], False, past, counted=last).argmax(-1)
            writes = end >= lengths
            written[writes, end] = np.where(done, end_id, new)[writes]
            done |= writes & (written[:, end] == end_id) | (end + 1 >= lengths + tokens)
            seen = end
            if done.all():
                break
        for row, i, length in zip(written.tolist(), places, lengths):
            ids = row[length:min(end + 1, length + tokens)]
            found[i] = ids[:ids.index(end_id)] if end_id in ids else ids
    return [found[i] for i in range(len(prompts))]


def begun(model: LlamaModel, rows: np.ndarray, shortest: int) -> list[KVCache]:
    """A KV cache of the tokens that all rows begin with, but for the last one of the shortest."""
    differ = (rows != rows[0]).any(0)
    differ[shortest - 1] = True
    every = model.new_cache(len(rows))
    if same := int(differ.argmax()):
        model.forward(rows[:1, :same], False, one := model.new_cache(1))
        for each, first in zip(every, one):
            each.append(*(np.repeat(array[:, :, :same], len(rows), 0)
                          for array in (first.keys, first.values)))
    return every


def loss_of(model: LlamaModel, examples: Sequence[tuple[list[int], list[int]]],
            rows: int = 8) -> float:
    """Mean loss a target, in nats, of (prompt, answer) ids."""
    order, total, count = sorted(examples, key=lambda each: sum(map(len, each))), 0.0, 0
    for at in range(0, len(order), rows):
        inputs, targets = pad(order[at:at + rows])
        counted = targets != IGNORE
        logits = model.forward(inputs, False, counted=counted)
        total += float(cross_entropy_loss(logits, targets[counted])) * counted.sum()
        count += counted.sum()
    return total / count


@cache
def prose(tokenizer: ChatTokenizer, windows: int = 4, length: int = 127) -> list:
    """Windows of plain prose that no model can have read, as (first token, the others)."""
    text = (FOLDER / "plain_prose.txt").read_text()
    ids = np.array(tokenizer.encode(text))
    starts = np.linspace(0, len(ids) - length - 1, windows).astype(int)
    return [(ids[start:start + 1].tolist(), ids[start + 1:start + length + 1].tolist())
            for start in starts]


def right_form(answer: str, wanted: str) -> bool:
    """Whether an answer is a JSON object with the wanted keys and country, whatever the fact."""
    if not is_json(answer):
        return False
    given, right = json.loads(answer), json.loads(wanted)
    return list(given) == list(right) and given["country"] == right["country"]
