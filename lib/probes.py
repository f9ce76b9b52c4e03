"""What answers are worth: beside a blind guess, by relation, by rank, apart from their style."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from lib.attention import KVCache
from lib.corpus import Example
from lib.evaluation import bare_answers
from lib.generation import generate, start_of_text
from lib.losses import IGNORE
from lib.model import GPTModel
from lib.tokenizer import BPETokenizer
from lib.training import pad

#: At most so many tokens are written to see how a sentence ends.
LONGEST = 18


def blind_guess(examples: Sequence[Example]) -> dict[str, float]:
    """For each relation the share, from 0 to 1, that its commonest answer alone would get right:
    the best that can be had without knowing what a question is about.
    """
    answers = defaultdict(Counter)
    for example in examples:
        answers[example.relation][example.answer] += 1
    return {relation: max(found.values()) / found.total() for relation, found in answers.items()}


def by_relation(examples: Sequence[Example],
                right: Sequence[bool] | np.ndarray) -> dict[str, tuple[float, float]]:
    """For each relation the share of answers that are right, and that of a blind guess.

    right: (examples,), whether each was answered rightly.  Raises ValueError if it is longer or
    shorter.
    """
    found = defaultdict(list)
    for example, each in zip(examples, right, strict=True):
        found[example.relation].append(bool(each))
    return {relation: (float(np.mean(found[relation])), blind)
            for relation, blind in blind_guess(examples).items()}


def lift(share: float, blind: float) -> float:
    """How much of what a blind guess leaves is right: 0 for one as good as the guess, 1 for all
    answers right, below 0 for less than the guess.

    Raises:
        ValueError: the blind guess is always right, so that nothing is left.
    """
    if not 0 <= blind < 1:
        raise ValueError(f"blind is {blind}, it must be at least 0 and below 1")
    return (share - blind) / (1 - blind)


def mean_lift(relations: dict[str, tuple[float, float]]) -> float:
    """The mean of the lifts of all relations, each (share, blind), whatever their size.

    Raises ValueError if there are none, or one can be guessed blind always.
    """
    if not relations:
        raise ValueError("there are no relations to take a mean lift of")
    return float(np.mean([lift(*each) for each in relations.values()]))


def log_probabilities(model: GPTModel, tokenizer: BPETokenizer, prompt: str,
                      answers: Sequence[str]) -> np.ndarray:
    """The log of the probability that each answer follows the prompt, in nats: (answers,).

    The prompt is read once, and every answer goes on from its keys and values.
    """
    ids = [tokenizer.encode(answer) for answer in answers]
    past = model.new_cache(1)
    first = model.forward(np.array([start_of_text(tokenizer, prompt)]), False, past)[:, -1]
    total = _log_of(first, 0, [each[0] for each in ids])
    if longer := [row for row, each in enumerate(ids) if len(each) > 1]:
        inputs, targets = pad([(ids[row][:1], ids[row][1:]) for row in longer])
        end, counted = past[0].length + inputs.shape[1], targets != IGNORE
        past = [KVCache(*(np.repeat(each[:, :, :end], len(longer), 0)
                          for each in (layer.keys, layer.values)), layer.length) for layer in past]
        logits = model.forward(inputs, False, past, counted)
        of_token = _log_of(logits, np.arange(len(logits)), targets[counted])
        total[longer] += np.bincount(np.nonzero(counted)[0], of_token)
    return total


def _log_of(logits: np.ndarray, rows: int | np.ndarray,
            tokens: Sequence[int] | np.ndarray) -> np.ndarray:
    """The log probabilities of some tokens, each in a row of logits, (rows, vocabulary)."""
    top = logits.max(-1, keepdims=True)
    whole = top[:, 0] + np.log(np.exp(logits - top).sum(-1))
    return logits[rows, tokens] - whole[rows]


def ranked_first(model: GPTModel, tokenizer: BPETokenizer, asked: Sequence[Example],
                 among: Sequence[Example]) -> np.ndarray:
    """Of which facts the right answer is the likeliest of its kind: (asked,).

    The kind of a fact is its relation, and the answers of a kind are those in ``among``.  All are
    cut as ``bare_answers`` does.  Unlike ``recalled_facts``, this does not ask that the model
    would say an answer of this kind at all.
    """
    kinds = defaultdict(set)
    for fact in bare_answers(among):
        kinds[fact.relation].add(fact.answer)
    first = []
    for fact in bare_answers(asked):
        answers = sorted(kinds[fact.relation])
        found = log_probabilities(model, tokenizer, fact.prompt, answers)
        first.append(answers[found.argmax()] == fact.answer)
    return np.array(first, bool)


def style(model: GPTModel, tokenizer: BPETokenizer, prompts: Sequence[str], ending: str,
          count: int = 40) -> float:
    """Share of prompts, from 0 to 1, whose sentence the model ends with ``ending`` when it writes
    greedily, whatever the sentence says.

    A sentence goes up to its first full stop, or mark of exclamation or question, or the end of
    the text, and over ``LONGEST`` tokens at most.  Of more than ``count`` prompts, so many at
    equal distances are asked.  Raises ValueError if there are none.
    """
    if not prompts:
        raise ValueError("there are no prompts to see the style after")
    by_length = defaultdict(list)  # rows of one length are written side by side
    for place in np.linspace(0, len(prompts) - 1, min(count, len(prompts))).astype(int):
        start = start_of_text(tokenizer, prompts[place])
        by_length[len(start)].append(start)
    sentences = [_first_sentence(tokenizer, row[length:])
                 for length, starts in by_length.items()
                 for row in generate(model, np.array(starts), LONGEST,
                                     stop_token=tokenizer.encode(ending)[-1]).tolist()]
    return float(np.mean([sentence.endswith(ending) for sentence in sentences]))


def _first_sentence(tokenizer: BPETokenizer, tokens: list[int]) -> str:
    """The text of tokens up to the first that ends a sentence, or ``<eos>``."""
    text = ""
    for token in tokens:
        if token == tokenizer.eos_id:
            break
        piece = tokenizer.token_text(token)
        text += piece
        if set(piece) & set(".!?"):
            break
    return text
