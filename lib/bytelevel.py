"""Byte-level BPE as GPT-2 and SmolLM2 have it: a byte alphabet, special tokens, a chat template."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lib.tokenizer import BYTES, BPETokenizer

#: Bytes that GPT-2's alphabet shows as the character of their number; each of the others, such as
#: the space, as a character from 256 on.  Radford et al. 2019, section 2.2, and their encoder.py.
SHOWN = (*range(33, 127), *range(161, 173), *range(174, 256))
BYTE_OF = {chr(byte): byte for byte in SHOWN} | {
    chr(BYTES + n): byte for n, byte in enumerate(sorted(set(range(BYTES)) - set(SHOWN)))}

#: GPT-2's pieces of a text without numbers: endings, words and runs of punctuation take one space
#: before them along; the last space of several goes to the word after them.  A space is what
#: Unicode calls one, which Python's ``\s`` is not for four control characters.
SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
PIECES = re.compile(rf"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W_]+| ?(?:[^{SPACE}\w]|_)+"
                    rf"|[{SPACE}]+(?![^{SPACE}])|[{SPACE}]+")

#: A type of token in GGUF's list: not made of bytes, but a sign of its own.
CONTROL = 3


class ByteLevelTokenizer:
    """What BPETokenizer is to the GPT, from a list of tokens and merges such as a GGUF file's.

    Each number of a text stands alone.  Ids are places in the list.  A special token's name
    in a text is that token.

    Raises:
        ValueError: a token or merge that the others don't make up, or a place out of range.
    """

    def __init__(self, tokens: Sequence[str], merges: Sequence[str], special: Iterable[str],
                 eos_id: int) -> None:
        self.special = {token: tokens.index(token) for token in special}
        if not 0 <= eos_id < len(tokens):
            raise ValueError(f"eos_id is {eos_id}, ids go from 0 to {len(tokens) - 1}")
        self.eos_id = eos_id
        self.pieces = [token.encode() if token in self.special else _to_bytes(token)
                       for token in tokens]
        self._bpe = BPETokenizer(list(_pairs(merges)))
        ids = {piece: place for place, piece in enumerate(self.pieces)
               if tokens[place] not in self.special}
        missing = [piece for piece in self._bpe.pieces[BYTES:] if piece not in ids]
        if missing:
            raise ValueError(f"{len(missing)} merges make no token, the first of them "
                             f"{missing[0]!r}")
        self._ids = [ids.get(piece) for piece in self._bpe.pieces]
        names = "|".join(re.escape(token) for token in sorted(self.special, key=len, reverse=True))
        self._special = re.compile(f"({names})" if names else "(?!)")
        self._encode_known_piece = functools.lru_cache(2**14)(self.encode_piece)

    @classmethod
    def from_gguf(cls, metadata: dict[str, Any]) -> ByteLevelTokenizer:
        """The tokenizer in a GGUF file.  Raises ValueError if it is of another kind."""
        kind = tuple(metadata.get(f"tokenizer.ggml.{name}") for name in ("model", "pre"))
        if kind != ("gpt2", "smollm"):
            raise ValueError(f"the tokenizer is of kind {kind}, only ('gpt2', 'smollm') is read")
        try:
            tokens, kinds, merges, eos = (metadata[f"tokenizer.ggml.{name}"] for name in (
                "tokens", "token_type", "merges", "eos_token_id"))
        except KeyError as error:
            raise ValueError(f"the metadata lacks {error}") from error
        special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL]
        return cls(tokens, merges, special, eos)

    @property
    def vocabulary_size(self) -> int:
        return len(self.pieces)

    def start(self, prompt: str) -> list[int]:
        """How a text begins: with the prompt, and where that is empty with the end of another."""
        return self.encode(prompt) or [self.eos_id]

    def encode(self, text: str) -> list[int]:
        """Text to ids.

        Raises:
            ValueError: half of a surrogate pair, or a byte that no token stands for.  SmolLM2
                lacks six control characters, and what Unicode has not assigned yet.
        """
        ids: list[int] = []
        for part in self._special.split(text):
            if part in self.special:
                ids.append(self.special[part])
                continue
            for piece in _pieces(part):
                ids += self._encode_known_piece(piece)
        return ids

    def encode_piece(self, piece: str) -> list[int]:
        """A piece's bytes to ids, as ``BPETokenizer.encode_piece`` joins them."""
        found = [self._ids[token] for token in self._bpe.encode_piece(piece)]
        if None in found:
            raise ValueError(f"{piece!r} cannot be encoded: no token stands for one of its bytes")
        return found

    def decode(self, ids: Iterable[int]) -> str:
        """Ids to text; bytes that are no whole character become the replacement character.

        Raises:
            ValueError: an id is out of range.
        """
        found = []
        for i in ids:
            if not 0 <= i < len(self.pieces):
                raise ValueError(f"token id {i} is out of range: ids go from 0 to "
                                 f"{len(self.pieces) - 1}")
            found.append(self.pieces[i])
        return b"".join(found).decode(errors="replace")


class ChatTokenizer(ByteLevelTokenizer):
    """Reads every prompt as a user's message, so that what the model writes next is its answer."""

    def start(self, prompt: str) -> list[int]:
        """The chat that the message opens, up to where the answer begins."""
        return self.encode(chat([{"role": "user", "content": prompt}]))


SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def chat(messages: Sequence[dict[str, str]]) -> str:
    """Messages, each of ``role`` and ``content``, as SmolLM2 was trained to read them.

    Unless the first is the system's, SYSTEM comes before it.  The text ends where the next answer
    begins.
    """
    if not messages or messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM}, *messages]
    said = "".join(f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n"
                   for message in messages)
    return f"{said}<|im_start|>assistant\n"


def _to_bytes(token: str) -> bytes:
    try:
        return bytes(BYTE_OF[character] for character in token)
    except KeyError as error:
        raise ValueError(f"token {token!r}: {error} is not in the byte alphabet") from error


def _pairs(merges: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Merges such as "Ġ t" to pairs of ids as BPETokenizer counts them: bytes, then merges."""
    ids = {bytes([byte]): byte for byte in range(BYTES)}
    for merge in merges:
        parts = [_to_bytes(part) for part in merge.split(" ")]
        joined = b"".join(parts)
        if len(parts) != 2 or not all(part in ids for part in parts) or joined in ids:
            raise ValueError(f"merge {merge!r} does not make one new token of two known ones")
        yield ids[parts[0]], ids[parts[1]]
        ids[joined] = len(ids)


def _pieces(text: str) -> Iterator[str]:
    """The text cut where merges must not cross: each number by itself, and between them PIECES."""
    start = 0
    for place, character in enumerate(text):
        if unicodedata.category(character)[0] == "N":
            yield from PIECES.findall(text[start:place])
            yield character
            start = place + 1
    yield from PIECES.findall(text[start:])
