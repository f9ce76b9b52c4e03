"""Byte-pair encoding on bytes: any text to whole numbers and back, without loss."""

from __future__ import annotations

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lib.checkpoint import check_arrays, load_arrays, save_arrays

EOS = "<eos>"
BYTES = 256

#: Words, single digits and runs of punctuation take one space before them along; any other
#: space stands alone.  Merges never cross a piece's edge.
PIECES = re.compile(r" ?[A-Za-z]+| ?[0-9]| ?[^A-Za-z0-9 \n\r\t]+|[ \n\r\t]")


class BPETokenizer:
    """Ids 0 to 255 are the bytes, then one id a merge, last the end of a text, ``<eos>``.

    merges: (vocabulary_size - 257, 2), pairs of ids in the order learnt.  Sennrich et al. 2016,
    algorithm 1, on bytes as in Radford et al. 2019.
    """

    def __init__(self, merges: np.ndarray) -> None:
        self.merges = np.asarray(merges, np.int64).reshape(-1, 2)
        self.pieces = [bytes([value]) for value in range(BYTES)]
        for left, right in self.merges.tolist():
            if not 0 <= min(left, right) <= max(left, right) < len(self.pieces):
                raise ValueError(f"merge {len(self.pieces) - BYTES} joins {left} and {right}, but "
                                 f"ids so far go from 0 to {len(self.pieces) - 1}")
            self.pieces.append(self.pieces[left] + self.pieces[right])
        self.eos_id = len(self.pieces)
        self._new_id = {(left, right): BYTES + k
                        for k, (left, right) in enumerate(self.merges.tolist())}
        self._encode_known_piece = functools.lru_cache(2**14)(self.encode_piece)

    @property
    def vocabulary_size(self) -> int:
        return self.eos_id + 1

    @classmethod
    def train(cls, texts: Iterable[str], vocabulary_size: int = 1000) -> BPETokenizer:
        """Join the most frequent pair of neighbours into a new token, again and again.

        Among equally frequent pairs the one with the smaller ids comes first.

        Raises:
            ValueError: the size leaves no room for bytes and ``<eos>``, or the texts are too
                few to give so many merges.
        """
        if vocabulary_size < BYTES + 1:
            raise ValueError(f"vocabulary_size is {vocabulary_size}, it must be at least "
                             f"{BYTES + 1}: the bytes and {EOS}")
        counts = Counter(piece for text in texts for piece in PIECES.findall(text))
        words = [list(piece.encode()) for piece in counts]
        weights = list(counts.values())
        pairs: Counter[tuple[int, int]] = Counter()
        where = defaultdict(set)      # in which words a pair stands: only those change
        for index, word in enumerate(words):
            _count_pairs(index, word, weights[index], pairs, where)
        merges = []
        for new_id in range(BYTES, vocabulary_size - 1):
            pair = min(pairs, key=lambda p: (-pairs[p], p), default=None)
            if pair is None or pairs[pair] < 1:
                raise ValueError(f"the texts give only {len(merges)} merges, a vocabulary of "
                                 f"{vocabulary_size} needs {vocabulary_size - 1 - BYTES}")
            merges.append(pair)
            for index in list(where[pair]):
                _count_pairs(index, words[index], -weights[index], pairs, where)
                words[index] = _join(words[index], pair, new_id)
                _count_pairs(index, words[index], weights[index], pairs, where)
        return cls(np.array(merges, np.int64))

    def encode(self, text: str) -> list[int]:
        """Text to ids.  ``<eos>`` in the text is five characters like any others.

        Raises:
            ValueError: the text holds half of a surrogate pair, which no bytes stand for.
        """
        try:
            return [token for piece in PIECES.findall(text)
                    for token in self._encode_known_piece(piece)]
        except UnicodeEncodeError as error:
            raise ValueError(f"character {error.object[error.start]!r} is half of a surrogate "
                             f"pair: it cannot be encoded as UTF-8") from error

    def encode_piece(self, piece: str) -> tuple[int, ...]:
        """A piece's text to ids."""
        return self.encode_bytes(piece.encode())

    def encode_bytes(self, data: bytes) -> tuple[int, ...]:
        """A piece's bytes to ids: its pairs are joined in the order in which they were learnt."""
        ids = list(data)
        while len(ids) > 1:
            pairs = zip(ids, ids[1:], strict=False)
            first = min(pairs, key=lambda pair: self._new_id.get(pair, self.eos_id))
            if first not in self._new_id:
                break
            ids = _join(ids, first, self._new_id[first])
        return tuple(ids)

    def decode(self, ids: Iterable[int]) -> str:
        """Ids to text; bytes that are no whole character become the replacement character.

        Raises:
            ValueError: an id is out of range.
        """
        found = []
        for i in ids:
            if not 0 <= i < self.vocabulary_size:
                raise ValueError(f"token id {i} is out of range: ids go from 0 to {self.eos_id}")
            found.append(EOS.encode() if i == self.eos_id else self.pieces[i])
        return b"".join(found).decode(errors="replace")

    def token_text(self, token: int) -> str:
        """One token as text, for tables and figures."""
        return self.decode([token])

    def save(self, path: str | Path) -> None:
        """Write the merges to an .npz file."""
        save_arrays(path, {"merges": self.merges}, {"kind": "tokenizer"})

    @classmethod
    def load(cls, path: str | Path) -> BPETokenizer:
        """Read what ``save`` wrote.  Raises ValueError on a damaged or foreign file."""
        arrays, _, _ = load_arrays(path, "tokenizer")
        merges = arrays.get("merges", np.empty(0))
        check_arrays(path, arrays, {"merges": ((merges.size // 2, 2), np.dtype(np.int64))})
        try:
            return cls(merges)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _count_pairs(index: int, word: list[int], weight: int, pairs: Counter, where: dict) -> None:
    for pair in zip(word, word[1:], strict=False):
        pairs[pair] += weight
        where[pair].add(index)


def _join(word: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    """Replace the pair, from left to right, wherever it stands."""
    out, at = [], 0
    while at < len(word):
        if tuple(word[at:at + 2]) == pair:
            out.append(new_id)
            at += 2
        else:
            out.append(word[at])
            at += 1
    return out
