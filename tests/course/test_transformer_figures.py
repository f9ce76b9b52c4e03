"""The figures of chapter 4 and of newer blocks show what is computed."""

import numpy as np
import pytest
from helpers import random_config
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text

from lib.figures.gpt import (
    architecture,
    block_pairs,
    expert_layer,
    gelu_curve,
    latent_attention,
    norm_circle,
    parameter_count,
    rows_alike,
    shared_keys,
    text_read,
)
from lib.figures.kit import render, style
from lib.figures.kit.style import LAYOUTS
from lib.layers import gelu
from lib.model import GPTConfig, GPTModel


def live_count(config):
    model = GPTModel(config, np.random.default_rng(0))
    return model, sum(array.size for array in model.parameters().values())


@pytest.mark.parametrize("seed", range(6))
def test_the_boxes_hold_every_parameter(seed):
    model, count = live_count(random_config(np.random.default_rng(seed)))
    parts = architecture.compute(model)
    assert parts.total == count
    d, hidden = model.config.embedding_dimension, model.config.feed_forward_dimension
    assert [part.count for part in parts.block] == [2 * d, 4 * d**2, 2 * d, 2 * d * hidden]
    assert {part.times for part in parts.block} == {model.config.layers}


@pytest.mark.parametrize("d, layers, vocabulary", [(8, 1, 11), (16, 3, 50), (128, 4, 1000)])
def test_the_formula_counts_live_models(d, layers, vocabulary):
    _, count = live_count(GPTConfig(vocabulary, 16, d, layers, 2, 4 * d))
    assert parameter_count.compute(d, layers, vocabulary).total == count


def test_known_models_have_their_published_sizes():
    assert parameter_count.compute(*parameter_count.KNOWN["this model"]).total == 1_044_736
    for name, published in (("GPT-2 XL", 1.5576e9), ("GPT-3", 174.6e9)):
        total = parameter_count.compute(*parameter_count.KNOWN[name]).total
        assert 1 < total / published < 1.06, name


@pytest.mark.parametrize("number, words", [
    (1_044_736, "1.04 million"), (162_167_808, "162 million"), (16.2e6, "16.2 million"),
    (175.2e9, "175 billion"), (900, "900"), (2e12, "2.00 trillion")])
def test_counts_are_written_as_one_says_them(number, words):
    assert parameter_count.rounded(number) == words


@pytest.mark.parametrize("stretch", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_shift_and_stretch_leave_the_output_alone(stretch, shift):
    data, plain = norm_circle.compute(stretch, shift), norm_circle.compute()
    assert np.allclose(data.x.mean(), shift) and np.isclose(data.x.std(), stretch)
    assert np.allclose(data.x_hat, plain.x_hat, atol=1e-4)
    assert np.isclose(np.linalg.norm(data.x_hat), 3**0.5, atol=1e-4)
    assert np.isclose(data.length, plain.length / stretch, rtol=1e-4) and data.length > 0.4
    assert abs(data.dx.sum()) < 1e-9 and abs(data.dx @ data.x_hat) < 1e-3
    # what was taken out is the part along the output and the part along (1, 1, 1)
    rest = data.upstream - data.along - data.dx * stretch
    assert np.allclose(rest, rest.mean(), atol=1e-3)


def test_the_curve_has_the_slope_of_its_values():
    data = gelu_curve.compute()
    assert np.array_equal(data.y, gelu(data.x))
    assert np.allclose(np.gradient(data.y, data.x)[1:-1], data.slope[1:-1], atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_cosines_are_those_of_the_rows_that_are_picked(seed):
    """A map's squares are cosines, whatever the rows' lengths; the mean leaves the diagonal out."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((3, 1, 5, 8))
    data = rows_alike.compute("abcde", {"one": rows, "other": 7 * rows[::-1]},
                              {"one": [1, 2, 3], "other": [4, 5, 6]}, 1)
    x = rows[1, 0]
    told = [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in x] for a in x]
    assert np.allclose(data.cosines, told) and data.means == {"one": 2, "other": 5}
    assert np.isclose(rows_alike.mean_cosine(rows[1]), (np.sum(told) - 5) / 20)
    assert np.isclose(rows_alike.mean_cosine(np.tile(rows[1, :, :1], (1, 5, 1))), 1)


@pytest.mark.parametrize("call, words", [
    (lambda: rows_alike.compute("a", {"one": np.ones((3, 1, 1, 2))}, {}, 3), "blocks is 3"),
    (lambda: norm_circle.compute(0.0), "stretch is 0.0"),
    (lambda: parameter_count.compute(0, 4, 1000), "d_model is 0"),
    (lambda: parameter_count.compute(8, 4, -1), "vocabulary is -1")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_router_picks_the_highest_scores_and_their_weights_are_a_softmax():
    scores = np.array([0.5, -1.0, 2.0, 0.0])
    data = expert_layer.compute(scores, 2)
    assert data.picked == [1, 3] and np.isclose(sum(data.weights), 1)
    assert np.isclose(data.weights[2] / data.weights[0], np.exp(2.0 - 0.5))
    words = expert_layer.alt(data)
    assert "2 of 4 experts: expert 1 with weight 0.18 and expert 3 with weight 0.82" in words
    assert expert_layer.compute(scores, 4).picked == [1, 2, 3, 4]
    for top in (0, 5):
        with pytest.raises(ValueError, match=f"top is {top}; allowed are 1 to 4"):
            expert_layer.compute(scores, top)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_experts_at_work_are_filled_and_have_a_weight(layout):
    data = expert_layer.compute()
    fig = expert_layer.draw(data, layout)
    said = [text.get_text() for text in fig.findobj(Text)]
    for k, weight in enumerate(data.weights, 1):
        assert f"expert {k}" in said and (f"× {weight:.2f}" in said) == (k in data.picked)
    assert said.count("A") == said.count("B") == len(data.weights) + 1  # the shared one
    assert said.count("shared") == 1
    filled = [each for each in fig.findobj(Polygon) if each.get_facecolor() != (1, 1, 1, 1)]
    tints = [to_hex(each.get_facecolor()) for each in filled]
    for tone in (style.A, style.B):
        assert tints.count(tone.tint) == len(data.picked) + 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("keys", [32, 8, 1])
def test_the_small_b_keeps_its_colour_where_many_queries_share_a_key(keys, layout):
    """Its pixels are few, and the stored picture has 128 colours."""
    data = shared_keys.compute(keys)
    palette, index = render.reduce(render.pixels(shared_keys.draw(data, layout), layout))
    place, = np.flatnonzero((palette == np.rint(255 * np.array(to_rgb(style.B.mark)))).all(1))
    assert (index == place).sum() > 10
    assert ("over 1 head of keys and values, with 32" in shared_keys.alt(data)) == (keys == 1)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rank", [4, 8])
def test_each_pair_is_as_long_as_its_matrix(rank, layout):
    """Beside W lie an A of its width and a B of its height, to scale where the page says so."""
    blocks = block_pairs.compute(rank)
    fig = block_pairs.draw(blocks, layout)
    for block, ax in zip(blocks, fig.axes, strict=True):
        sizes = {tone: [(each.get_width(), each.get_height()) for each in ax.findobj(Rectangle)
                        if to_hex(each.get_facecolor()) == colour.lower()]
                 for tone, colour in (("W", style.FROZEN.tint), ("A", style.A.mark),
                                      ("B", style.B.mark))}
        unit = block_pairs.UNIT[layout] / block.width
        np.testing.assert_allclose(sizes["W"], np.array([*block.shapes.values()]) * unit)
        assert [a[0] for a in sizes["A"]] == [w[0] for w in sizes["W"]]
        assert [b[1] for b in sizes["B"]] == [w[1] for w in sizes["W"]]
        thick = {*(a[1] for a in sizes["A"]), *(b[0] for b in sizes["B"])}
        assert thick == {block_pairs.UNIT[layout] * rank / blocks[0].width}
        said = [text.get_text() for text in ax.findobj(Text)]
        assert said.count("4") == 2 * block.gated and said.count("2") == block.gated
        assert f"{block.adapter:,} numbers" in block_pairs.alt([block])
    with pytest.raises(ValueError, match="rank is 129; allowed are 1 to 128"):
        block_pairs.compute(129)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sizes", [(7168, 512, 64, 128, 128, 1536),
                                   (1024, 96, 20, 12, 48, 80)])
def test_what_is_kept_is_squeezed_and_turned_and_every_head_has_both(sizes, layout):
    width, squeezed, turned, heads, size, queries = sizes
    data = latent_attention.compute(*sizes)
    stored = np.zeros((heads, size)), np.zeros((heads, turned)), np.zeros((heads, size))
    assert data.kept == squeezed + turned and data.whole == sum(each.size for each in stored)
    fig = latent_attention.draw(data, layout)
    said = [text.get_text() for text in fig.findobj(Text)]
    assert f"{width:,} numbers" in said and f"head {heads}" in said
    assert said.count(f"{turned}") == 1 + 3 + 1 and said.count(f"$c$\n{squeezed:,}") == 1
    # above, in three heads a key and a value, and one query; below, a query and the head's output
    assert said.count(f"{size}") == 2 * 3 + 1 + 2
    # the query that has passed W_k, and the mean of what is stored
    assert said.count(f"{squeezed:,}") == 2
    assert [said.count(f"$c_{k}$") for k in (1, 4, 5)] == [1, 1, 0]
    assert said.count("$W_k$") == said.count("$W_v$") == 2  # the shortcut's, and the long way's
    assert said.count(f"{queries:,}") == 1
    colours = [to_hex(each.get_facecolor()) for each in fig.findobj(Rectangle)]
    for tone in (style.A, style.B):  # beside each of four matrices
        assert colours.count(tone.mark) == 4
    assert any(f"{data.kept:,} numbers are stored" in words for words in said)
    assert f"These {data.kept:,} are stored" in latent_attention.alt(data)


def test_the_shortcut_has_a_token_for_each_of_its_columns():
    data = latent_attention.compute(tokens=3)
    said = [text.get_text() for text in latent_attention.draw(data).findobj(Text)]
    assert {"$c_3$", "3 keys", "3 values"} <= {*said} and "$c_4$" not in said
    assert "each of 3 stored c" in latent_attention.alt(data)
    with pytest.raises(ValueError, match="tokens is 5; allowed are 1 to 4"):
        latent_attention.compute(tokens=5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_of_each_way_what_is_read_is_filled(layout):
    data = text_read.compute(tokens=10, window=3, chosen=(1, 4))
    fig = text_read.draw(data, layout)
    rows: dict[float, list[bool]] = {}
    for square in fig.findobj(Rectangle):
        if square.get_linestyle() in ("-", ":") and square.get_width() < 0.29:
            rows.setdefault(round(square.get_y(), 3), []).append(
                to_hex(square.get_facecolor()) == style.DATA.mark.lower())
    read = [[place for place, filled in enumerate(row) if filled] for row in rows.values()
            if len(row) == 10]
    assert read == [list(range(10)), [7, 8, 9], [1, 4], []]


def test_a_window_and_a_choice_lie_in_the_text():
    with pytest.raises(ValueError, match="window is 17; allowed are 1 to 16"):
        text_read.compute(window=17)
    with pytest.raises(ValueError, match="chosen holds 16; allowed are 0 to 15"):
        text_read.compute(chosen=(3, 16))


def test_numbers_that_are_turned_two_by_two_are_even():
    with pytest.raises(ValueError, match="turned is 63; it must be even"):
        latent_attention.compute(turned=63)
