"""The figures of prompts and of merges in a word: they show what the tokenizer and the model do."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from lib.figures.gpt import chances, lone_space, merge_steps, prompt_tokens
from lib.model import GPTConfig, GPTModel
from lib.tokenizer import BPETokenizer

TOKENIZER = BPETokenizer.train(["The capital of Africa is in Africa, the capital."] * 2, 275)
MODEL = GPTModel(GPTConfig(vocabulary_size=275), np.random.default_rng(0))
PROMPTS = ("The capital", "The capital ", "The capital of")


def dark(fig):
    """The cells that are filled with ink, in the order in which they were drawn."""
    return [patch for patch in fig.axes[0].patches if isinstance(patch, Rectangle)
            and patch.get_facecolor()[:3] < (0.3, 0.3, 0.3)]


def test_a_prompt_is_its_tokens_and_ids():
    data = prompt_tokens.compute(MODEL, TOKENIZER, PROMPTS)
    for asked, prompt in zip(data.asked, PROMPTS):
        assert "".join(asked.tokens) == prompt and list(asked.ids) == TOKENIZER.encode(prompt)
        assert prompt_tokens.alt(data).count(f"{', '.join(map(str, asked.ids))};") == 1


def test_what_all_prompts_begin_with_is_shared_and_the_rest_dark():
    data = prompt_tokens.compute(MODEL, TOKENIZER, PROMPTS)
    assert data.shared == len(TOKENIZER.encode("The capital"))
    own = sum(len(asked.ids) - data.shared for asked in data.asked)
    assert len(dark(prompt_tokens.draw(data))) == own > 1
    alone = prompt_tokens.compute(MODEL, TOKENIZER, PROMPTS[:1])
    assert alone.shared == len(alone.asked[0].ids) and not dark(prompt_tokens.draw(alone))
    apart = prompt_tokens.compute(MODEL, TOKENIZER, ("The", "Africa"))
    assert apart.shared == 0


@pytest.mark.parametrize("piece", [" capital", " of", "C\u00f4te", "x"])
def test_a_word_goes_from_its_bytes_to_its_tokens_one_merge_a_step(piece):
    steps = merge_steps.compute(TOKENIZER, piece).steps
    assert steps[0].tokens == tuple(bytes([value]) for value in piece.encode())
    assert [TOKENIZER.pieces.index(each) for each in steps[-1].tokens] == TOKENIZER.encode(piece)
    merges = [step.merge for step in steps]
    assert merges == sorted(set(merges)) and merges[0] == 0
    for before, step in zip(steps, steps[1:]):
        assert step.joined == TOKENIZER.pieces[255 + step.merge]
        assert step.joined in step.tokens and len(step.tokens) < len(before.tokens)


def test_each_row_shows_its_new_token_dark_over_its_bytes():
    data = merge_steps.compute(TOKENIZER, " capital")
    cells = dark(merge_steps.draw(data))
    assert len(cells) == len(data.steps) - 1 > 2
    byte = cells[0].get_width() + 0.04
    assert np.allclose([cell.get_width() + 0.04 for cell in cells],
                       [byte / 2 * len(step.joined) for step in data.steps[1:]])
    assert merge_steps.alt(data).endswith(f"after merge {data.steps[-1].merge}  capital.")
    assert "no merge applies" in merge_steps.alt(merge_steps.compute(TOKENIZER, "x"))


def test_what_follows_a_lone_space_is_counted_by_kind():
    words = {" Qatar": 3, " Quito": 2, " the": 50, " x": 4, " (": 1, "Q": 9,
             **{f" {letter}": 1 for letter in "bdghjklmn"}}
    data = lone_space.compute(TOKENIZER, words)
    assert data.kinds["uppercase letters"] == {"Q": 5} and data.kinds["signs"] == {"(": 1}
    small, (more, times) = data.kinds["lowercase letters"], data.others["lowercase letters"]
    assert small["x"] == 4 and "the" not in small and len(small) == lone_space.SHOWN
    assert more == times > 0 and data.total == 5 + 1 + sum(small.values()) + times
    assert len(dark(lone_space.draw(data))) == 1
    assert "Uppercase letters: Q 5; lowercase letters: x 4" in lone_space.alt(data)


def test_nothing_to_show_is_named():
    with pytest.raises(ValueError, match="no prompts"):
        prompt_tokens.compute(MODEL, TOKENIZER, ())
    with pytest.raises(ValueError, match="piece is empty"):
        merge_steps.compute(TOKENIZER, "")
    with pytest.raises(ValueError, match="no word begins with a lone space"):
        lone_space.compute(TOKENIZER, {"Africa": 1, " ": 2})


def test_probabilities_are_sorted_into_ranges_with_their_share_of_the_loss():
    data = chances.compute({"one": np.array([0.9, 0.5, 0.1, 0.001]), "two": np.array([1.0, 1e-4])})
    assert np.allclose(data.tokens, [[0.25, 0.25, 0.25, 0.25, 0], [0.5, 0, 0, 0, 0.5]])
    assert np.allclose(data.losses.sum(1), 1) and data.losses[1, 4] == 1
    assert np.allclose(data.medians, (0.3, 0.50005))
    assert "two: median 50.0%; 90% or more 50.0%" in chances.alt(data)
    with pytest.raises(ValueError, match="allowed are two"):
        chances.compute({"one": np.array([0.5])})
    with pytest.raises(ValueError, match="probabilities in"):
        chances.compute({"one": np.array([0.5]), "two": np.array([0.0])})
