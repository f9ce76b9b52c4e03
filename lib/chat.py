"""Talking with a model that was trained to answer: its tokenizer, its template, its replies."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from lib.generation import generate
from lib.gguf import GGUF
from lib.model import GPTModel
from lib.tokenizer import BYTES, BPETokenizer

#: GPT-2's alphabet shows every byte as a character that can be seen: 188 stand for themselves, the
#: others for those from 256 on.  Radford et al. 2019 (encoder.py of their code).
VISIBLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTE_OF = {chr(value): value for value in VISIBLE} | {
    chr(256 + place): value for place, value in enumerate(sorted({*range(BYTES)} - {*VISIBLE}))}

SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
#: As GPT-2 cuts a text that has no digits: endings of English, words, runs of other characters,
#: each with one space before it, and spaces.
PIECES = re.compile(rf"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W_]+| ?(?:[^{SPACE}\w]|_)+|"
                    rf"[{SPACE}]+(?![^{SPACE}])|[{SPACE}]+")
SPECIAL = 3  # GGUF's number for a token that stands for no text
#: What the published template puts before a conversation that has no system turn of its own.
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


@functools.cache
def number_pattern() -> re.Pattern[str]:
    """One character of any script that Unicode calls a number, such as 7, ² or Ⅷ."""
    numbers = (chr(code) for code in range(0x110000)
               if unicodedata.category(chr(code)).startswith("N"))
    return re.compile(f"([{''.join(numbers)}])")


class ChatTokenizer:
    """SmolLM2's tokenizer: our byte-pair encoding with its pieces, its ids and special tokens.

    tokens: the text of each id, in GPT-2's alphabet;  merges: such as "t he", in the order learnt;
    special: the ids of tokens that stand for no text;  eos_id: the one that ends a turn.

    Raises:
        ValueError: a token or a merge that no such tokenizer can have.
    """

    def __init__(self, tokens: Sequence[str], merges: Sequence[str], special: Iterable[int],
                 eos_id: int) -> None:
        special = set(special)
        self.special = {tokens[i]: i for i in sorted(special)}
        self.eos_id, self.vocabulary_size = eos_id, len(tokens)
        try:
            self.pieces = [token.encode() if i in special else _bytes_of(token)
                           for i, token in enumerate(tokens)]
            ours = {bytes([value]): value for value in range(BYTES)}
            pairs = []
            for merge in merges:
                left, right = map(_bytes_of, merge.split(" "))
                pairs.append((ours[left], ours[right]))
                ours[left + right] = BYTES + len(pairs) - 1
        except (KeyError, ValueError) as error:
            raise ValueError(f"the tokenizer has a token or merge that is not of GPT-2's kind: "
                             f"{error!r}") from error
        self.bpe = BPETokenizer(np.array(pairs, np.int64))
        theirs = {piece: i for i, piece in enumerate(self.pieces) if i not in special}
        self._id = [theirs.get(piece, -1) for piece in self.bpe.pieces]
        #: Bytes without a token, which are left out of texts: in SmolLM2 six control characters,
        #: and bytes that hardly any text in UTF-8 has.
        self.missing = bytes(value for value in range(BYTES) if self._id[value] < 0)
        self._encode_known_piece = functools.lru_cache(2**14)(self._encode_piece)
        self._cut = re.compile(f"({'|'.join(map(re.escape, self.special)) or '(?!)'})")

    @classmethod
    def of(cls, gguf: GGUF) -> ChatTokenizer:
        """The tokenizer that a file holds.  Raises ValueError if it is of another kind."""
        kind = gguf.setting("tokenizer.ggml.model"), gguf.setting("tokenizer.ggml.pre")
        if kind != ("gpt2", "smollm"):
            raise ValueError(f"{gguf.path} holds a tokenizer of the kind {kind}, only "
                             f"('gpt2', 'smollm') is read")
        kinds = gguf.setting("tokenizer.ggml.token_type")
        return cls(gguf.setting("tokenizer.ggml.tokens"), gguf.setting("tokenizer.ggml.merges"),
                   [i for i, kind in enumerate(kinds) if kind == SPECIAL],
                   gguf.setting("tokenizer.ggml.eos_token_id"))

    def encode(self, text: str, special: bool = True) -> list[int]:
        """Text to ids.  A special token's name in the text is that token, or with ``special=False``
        characters like any others.

        Raises:
            ValueError: the text holds half of a surrogate pair, which no bytes stand for.
        """
        if not special:
            return self._encode_plain(text)
        ids = []
        for part in self._cut.split(text):
            ids += [self.special[part]] if part in self.special else self._encode_plain(part)
        return ids

    def _encode_plain(self, text: str) -> list[int]:
        try:
            # Every digit stands alone, before the rest is cut into pieces.
            return [token for run in number_pattern().split(text)
                    for piece in (PIECES.findall(run) if len(run) > 1 else [run])
                    for token in self._encode_known_piece(piece)]
        except UnicodeEncodeError as error:
            raise ValueError(f"character {error.object[error.start]!r} is half of a surrogate "
                             f"pair: it cannot be encoded as UTF-8") from error

    def _encode_piece(self, piece: str) -> list[int]:
        data = piece.encode().translate(None, self.missing)
        return [self._id[token] for token in self.bpe.encode_bytes(data)]

    def decode(self, ids: Iterable[int]) -> str:
        """Ids to text; bytes that are no whole character become the replacement character.

        Raises:
            ValueError: an id is out of range.
        """
        found = []
        for i in ids:
            if not 0 <= i < self.vocabulary_size:
                raise ValueError(f"token id {i} is out of range: ids go from 0 to "
                                 f"{self.vocabulary_size - 1}")
            found.append(self.pieces[i])
        return b"".join(found).decode(errors="replace")

    def token_text(self, token: int) -> str:
        """One token as text, for tables and figures."""
        return self.decode([token])


def _bytes_of(token: str) -> bytes:
    return bytes(BYTE_OF[character] for character in token)


def chat_prompt(tokenizer: ChatTokenizer, question: str,
                system: str | None = SYSTEM) -> list[int]:
    """The ids of a question in the model's template: what it writes next is its answer.

    Names of special tokens in the question are plain characters, so that nobody can end the turn
    from within.  ``system`` says before it who answers and how: by default what transformers'
    ``apply_chat_template`` inserts too.  With None there is no such turn.
    """
    start, end = (tokenizer.encode(f"<|im_{word}|>") for word in ("start", "end"))
    line = tokenizer.encode("\n")

    def turn(who: str, text: str) -> list[int]:
        return [*start, *tokenizer.encode(f"{who}\n"), *tokenizer.encode(text, special=False), *end,
                *line]

    return [*(turn("system", system) if system is not None else []), *turn("user", question),
            *start, *tokenizer.encode("assistant\n")]


def chat_examples(tokenizer: ChatTokenizer, pairs: Iterable[tuple[str, str]],
                  context: int | None = None, *, system: str | None = SYSTEM,
                  end: bool = True) -> list[tuple[list[int], list[int]]]:
    """(question, answer) texts to (prompt, answer) ids, as ``lib.training.pad`` takes them: only
    the answer and, if ``end``, the token that ends its turn carry a loss.

    Raises:
        ValueError: a pair, whose number is named (from 1), has an empty answer or more tokens than
            ``context`` allows.
    """
    examples = []
    for number, (question, answer) in enumerate(pairs, 1):
        prompt = chat_prompt(tokenizer, question, system)
        ids = tokenizer.encode(answer, special=False)
        if not ids:
            raise ValueError(f"example {number} has an empty answer")
        ids += [tokenizer.eos_id] if end else []
        if context is not None and len(prompt) + len(ids) - 1 > context:
            raise ValueError(f"example {number} has {len(prompt) + len(ids)} tokens, more than the "
                             f"context of {context} and its last one")
        examples.append((prompt, ids))
    return examples


def reply(model: GPTModel, tokenizer: ChatTokenizer, question: str, tokens: int = 64, *,
          system: str | None = SYSTEM, **settings) -> str:
    """What the model answers, in at most so many tokens.  ``settings`` are generate's.

    Raises:
        ValueError: the question and the answer do not fit the context.
    """
    return replies(model, tokenizer, [question], tokens, system=system, **settings)[0]


def replies(model: GPTModel, tokenizer: ChatTokenizer, questions: Sequence[str],
            tokens: int = 64, *, system: str | None = SYSTEM, batch: int = 16,
            **settings) -> list[str]:
    """The answers to several questions; those whose prompts are equally long are written together.
    """
    prompts = [chat_prompt(tokenizer, question, system) for question in questions]
    by_length, answers = defaultdict(list), [""] * len(prompts)
    for place, prompt in enumerate(prompts):
        by_length[len(prompt)].append(place)
    for length, places in sorted(by_length.items()):
        for at in range(0, len(places), batch):
            chosen = places[at:at + batch]
            written = generate(model, np.array([prompts[place] for place in chosen]), tokens,
                               stop_token=tokenizer.eos_id, **settings)
            for place, ids in zip(chosen, written[:, length:].tolist(), strict=True):
                stop = ids.index(tokenizer.eos_id) if tokenizer.eos_id in ids else len(ids)
                answers[place] = tokenizer.decode(ids[:stop])
    return answers
