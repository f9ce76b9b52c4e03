"""The drawings of chapters 10 and 12: what they compute, whatever signs a machine chose."""

from __future__ import annotations

import numpy as np
import pytest

from lib.figures.lora import (
    arrows,
    capacity,
    enough,
    knobs,
    low_rank,
    outer_products,
    product_orders,
    reach,
    split,
    starts,
    step_cost,
    two_paths,
)

SCORES = {rank: {"answers": rank / 8, "pretraining": 0.7 + rank / 100,
                 "samples": {"Q: Which?": " Lima."}} for rank in (0, 2, 8)}


def matrices() -> tuple[np.ndarray, np.ndarray]:
    """Return weights and a change, (12, 8) each."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((12, 8)), rng.standard_normal((12, 8))


def test_a_cut_is_the_nearest_matrix_of_its_rank():
    weights, change = matrices()
    data = low_rank.compute("Query", weights, change, 2, SCORES)
    values = np.linalg.svd(change, compute_uv=False)
    assert np.linalg.matrix_rank(data.cut) == 2
    assert np.isclose(((change - data.cut)**2).sum(), (values[2:]**2).sum())
    assert np.isclose(data.energy, (values[:2]**2).sum() / (change**2).sum())
    assert data.numbers == 2 * (12 + 8)
    assert np.allclose(low_rank.compute("Query", weights, change, 8, SCORES).cut, change)
    assert not low_rank.compute("Query", weights, change, 0, SCORES).cut.any()


def test_what_a_cut_drops_is_the_rest():
    weights, change = matrices()
    data, rest = (low_rank.compute("Query", weights, change, 2, SCORES, SCORES, kept)
                  for kept in low_rank.KEPT)
    assert np.allclose(data.cut + rest.cut, change)
    assert np.isclose(data.energy + rest.energy, 1)
    assert "without its first 2 directions" in low_rank.alt(rest)


def test_the_pictures_do_not_hang_on_the_signs_of_singular_vectors(monkeypatch):
    data = low_rank.compute("Query", *matrices(), 2, SCORES)
    before, svd = low_rank._sorted(data), np.linalg.svd

    def turned(matrix, **options):
        u, values, vt = svd(matrix, **options)
        return -u, values, -vt

    monkeypatch.setattr(np.linalg, "svd", turned)
    for one, other in zip(before, low_rank._sorted(data), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(np.sort(before[0], axis=None), np.sort(data.change, axis=None))


def test_a_large_matrix_is_shown_by_evenly_chosen_rows():
    change = np.random.default_rng(0).standard_normal((300, 128))
    for picture in low_rank._sorted(low_rank.compute("Up", change, change, 2, SCORES)):
        assert picture.shape == (low_rank.SIDE, low_rank.SIDE)


def test_outer_products_add_up():
    data = outer_products.compute([[1, 0], [2, 1], [0, 3]], [[1, 2], [3, 4]])
    assert np.array_equal(sum(data.terms), data.total)
    assert np.array_equal(data.total, [[1, 2], [5, 8], [9, 12]])
    assert "6 numbers, made from 10" in outer_products.alt(data)


def test_a_split_adds_up_and_does_not_hang_on_signs(monkeypatch):
    matrix, svd = matrices()[0], np.linalg.svd
    data = split.compute(matrix)
    assert np.allclose(data.term(0) + data.term(1) + data.rest, matrix)
    assert np.isclose((data.rest**2).sum(), (data.values[2:]**2).sum())
    assert f"of 6 more with sizes {data.values[2]:.2f}, " in split.alt(data)

    def turned(matrix, **options):
        u, values, vt = svd(matrix, **options)
        return -u, values, -vt

    monkeypatch.setattr(np.linalg, "svd", turned)
    again = split.compute(matrix)
    assert np.array_equal(again.u, data.u) and np.array_equal(again.vt, data.vt)
    with pytest.raises(ValueError, match="at least three rows"):
        split.compute(matrix[:2])


def test_a_cut_is_scored_by_the_mean_of_its_seeds():
    data = enough.compute({"questions": {1: [0, 0], 8: [0.7, 0.9], 128: [1.0, 0.6]}})
    assert np.allclose([data.mean("questions", rank) for rank in (1, 8, 128)], [0, 0.8, 0.8])
    assert "questions: 0.00 at rank 1, 0.80 at rank 8" in enough.alt(data)
    with pytest.raises(ValueError, match="128, the whole change"):
        enough.compute({"questions": {1: [0], 8: [1]}})
    with pytest.raises(ValueError, match="the rank 0, the least to be drawn is 1"):
        enough.compute({"questions": {0: [0], 128: [1]}})
    with pytest.raises(ValueError, match="0 tasks"):
        enough.compute({})
    answers = enough.compute({"questions": {8: [0.7, 0.9], 128: [1.0, 0.6]}}, "answers", "Eight")
    assert (data.title, answers.title) == ("How many directions are enough?", "Eight")
    assert "questions: 80% at rank 8, 80% at rank 128" in enough.alt(answers)
    with pytest.raises(ValueError, match="allowed are lift, answers"):
        enough.compute({"questions": {128: [1]}}, "loss")


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_outputs_stay_in_what_the_rank_reaches(rank):
    data = reach.compute(rank)
    assert data.rank == data.directions == len(data.reached) == rank
    assert np.allclose(np.linalg.norm(data.x, axis=1), 1)
    assert np.allclose(data.y[7], sum(b * (a @ data.x[7]) for a, b in zip(data.A, data.B.T)))
    assert np.allclose(data.y, data.y @ data.reached.T @ data.reached)
    assert data.silent.shape == (3 - rank, 3)
    assert np.allclose(data.B @ data.A @ data.silent.T, 0)
    assert f"lie in {rank} of 3 directions" in reach.alt(data)


def test_turning_the_view_leaves_lengths_alone():
    points = reach.ball(20)
    for turn in reach.TURNS:
        assert np.allclose(np.linalg.norm(reach.seen(points, turn), axis=1), 1)


def lines() -> list[list[dict]]:
    """Return settings of three seeds: two ranks and full fine-tuning, few examples or all."""
    return [[{"run": {"method": method, "rank": rank, "examples": examples, "seed": seed},
              "loss": (examples or 1) / 10 + rank / 100 + seed / 1000, "answers": 0.5}
             for seed in range(3)]
            for examples in (3, None) for method, rank in (("lora", 1), ("lora", 64), ("full", 4))]


def test_capacity_keeps_sizes_and_methods_apart():
    data = capacity.compute(lines(), "Questions", 3, 900)
    assert data.ranks == [1, 64] and data.examples == 3
    assert np.allclose(data.scores["loss"][64], [0.94, 0.941, 0.942])
    assert np.allclose(data.scores["loss"][None], [0.34, 0.341, 0.342])
    every = capacity.compute(lines(), "Questions", None, 900)
    assert every.examples == 900 and np.allclose(every.scores["loss"][1], [0.11, 0.111, 0.112])
    assert "0.31 nats at rank 1, 0.94 at rank 64, and 0.34 after" in capacity.alt(data)
    assert "edge" not in capacity.alt(data)


def test_capacity_says_which_rates_are_at_an_edge():
    data = capacity.compute(lines(), "Questions", 3, 900, {None, 64})
    assert "(at the edge of those tried: rank 64, full fine-tuning)" in capacity.alt(data)
    ticks = [tick.get_text() for tick in capacity.draw(data).axes[-1].get_xticklabels()]
    assert ticks == ["1", "64*", "full*"]


@pytest.mark.parametrize("call, words", [
    (lambda: low_rank.compute("Query", *matrices(), 3, SCORES), "rank is 3; allowed are 0, 2, 8"),
    (lambda: low_rank.compute("Query", *matrices(), 2, SCORES, kept="all others"),
     "kept is 'all others'; there are scores for the first r"),
    (lambda: low_rank.compute("Query", np.ones((2, 3)), np.ones((3, 2)), 2, SCORES),
     r"\(2, 3\) and \(3, 2\)"),
    (lambda: reach.compute(4), "rank is 4; allowed are 1, 2, 3"),
    (lambda: outer_products.compute(np.ones((3, 3)), np.ones((3, 3))), r"\(3, 3\) and \(3, 3\)"),
    (lambda: capacity.compute(lines(), "Questions", 7, 900), "examples is 7; allowed are ")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_both_paths_have_the_sizes_of_the_layer():
    data = two_paths.compute(4, 3, 2)
    assert data.adapter == 14 and "4 inputs and 3 outputs" in two_paths.alt(data)
    assert "none for W" in two_paths.alt(two_paths.compute(4, 3, 2, back=True))
    with pytest.raises(ValueError, match="rank is 9; allowed are 1 to 2"):
        two_paths.compute(4, 4, 9)


def test_products_of_the_three_orders_are_counted():
    data = product_orders.compute(264, 8, 128, 128)
    assert list(data.added.values()) == [540_672, 4_456_448, 131_072]
    assert [round(data.share(order), 3) for order in data.added] == [0.125, 1.030, 0.030]
    assert "into W first 131,072, or 3.0%" in product_orders.alt(data)
    # each area over the block of x W^T is what was counted
    areas = [patch.get_width() * patch.get_height()
             for patch in product_orders.draw(data).axes[0].patches or
             product_orders.draw(data).axes[0].artists]
    for order, parts in zip(data.added, ((1, 2), (4, 5), (7,)), strict=True):
        assert np.isclose(sum(areas[k] for k in parts) / areas[0], data.share(order))
    with pytest.raises(ValueError, match="7 tokens at rank 8"):
        product_orders.compute(7, 8, 128, 128)


def test_a_step_and_its_memory_are_counted():
    data = step_cost.compute(16, 264)
    assert np.isclose(data.into_W, 1 + 8 / 264)
    assert "BA, dA and dB: 1.03 with 264 tokens at width 128" in step_cost.alt(data)
    assert np.isclose(data.work, 2 / 3 + 2 * 8 / 128) and data.memory == 0.375
    assert "rank 8 at width 128, 256 at width 4,096" in step_cost.alt(data)
    even = step_cost.compute(6, 264)
    assert np.isclose(even.work, 1) and even.ranks == "rank 21.3 at width 128, 682.7 at width 4,096"
    assert step_cost.compute(7, 264).work < 1 < step_cost.compute(5, 264).work
    with pytest.raises(ValueError, match="parts is 1, it must be 2 or more"):
        step_cost.compute(1, 264)
    with pytest.raises(ValueError, match="tokens is 64, it must be 128 or more"):
        step_cost.compute(16, 64)


def unit_of(changes):
    """The root mean square of their lengths."""
    return np.sqrt((changes**2).sum(1).mean())


def test_arrows_end_to_end_have_their_true_lengths():
    rng = np.random.default_rng(0)
    way = np.eye(9)[0]
    changes = rng.standard_normal((6, 9)) + 0.5 * way
    data = arrows.compute(changes @ changes.T, changes @ way, 4)
    total = changes[:4].sum(0) / unit_of(changes)
    assert np.isclose(data.size, np.linalg.norm(total)) and np.isclose(data.ends[0], total[0])
    assert np.isclose(data.aim, total[0] / np.linalg.norm(total))
    assert np.isclose(data.ends[1], np.linalg.norm(total[1:]))
    # from above: each end as far from the middle as the sum, each change as long and as turned
    rests = np.cumsum(changes[:, 1:], 0) / unit_of(changes)
    assert np.allclose(np.linalg.norm(data.chain[1:], axis=1), np.linalg.norm(rests, axis=1))
    assert np.allclose(np.linalg.norm(np.diff(data.chain, axis=0), axis=1),
                       np.linalg.norm(changes[:, 1:], axis=1) / unit_of(changes))
    cosine = rests[0] @ changes[1, 1:] / np.linalg.norm(rests[0]) / np.linalg.norm(changes[1, 1:])
    assert np.isclose(np.cos(np.radians(data.turns[0])), cosine) and len(data.turns) == 3
    with pytest.raises(ValueError, match="rank is 7, it must be from 1 to 6"):
        arrows.compute(changes @ changes.T, changes @ way, 7)


def test_arrows_at_right_angles_reach_the_root_of_their_number():
    data = arrows.compute(np.eye(4), np.full(4, 0.1), 4)
    assert np.isclose(data.size, 2) and np.isclose(data.aim, 0.2)
    assert arrows.alt(data).startswith("The sum of 4 changes of W")
    level = arrows.compute(np.eye(4), np.zeros(4), 4)
    assert np.allclose(level.turns, 90) and np.isclose(np.linalg.norm(level.chain[-1]), 2)
    assert "at a right angle, to within 0.0 degrees" in arrows.alt(level)
    assert "of 1 change of W" in arrows.alt(arrows.compute(np.eye(4), np.full(4, 0.1), 1))


@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_the_sum_shown_fills_the_width_and_both_its_lengths_have_one_unit(layout):
    for rank in (1, 2, 16):
        data = arrows.compute(np.eye(64), np.full(64, 0.05), rank)
        fig = arrows.draw(data, layout)
        ax, above = fig.axes[1:]
        assert np.isclose(ax.get_xlim()[1], data.ends[1])
        assert np.isclose(np.ptp(above.get_xlim()), np.ptp(above.get_ylim()))
        box, wide, high = ax.get_position(), *fig.get_size_inches()
        assert np.isclose(box.width * wide / ax.get_xlim()[1], box.height * high / ax.get_ylim()[1])
        named = [text.get_text() for text in ax.texts]
        assert [name for name in named if name.isdigit()] == [
            f"{2**power}" for power in range(5) if 2**power < rank]
        said = [text.get_text() for text in fig.axes[0].texts]
        assert ("to the sum so far (dotted)" in said) == any(
            line.get_linestyle() == "--" for line in above.lines)


def test_the_view_from_above_names_its_greys():
    for rank, said in ((1, "Grey: the only change"), (2, "to the sum so far"),
                       (4, "to the sum so far (dotted)"), (64, "to the sum so far")):
        assert said in arrows.note(rank)


def test_settings_with_both_products_are_alike():
    ran = {(16, 1, 0.002, 0.002): [4.0, 2.0], (64, 1, 0.002, 0.0005): [4.0, 2.0],
           (16, 4, 0.002, 0.002): [4.0, 1.0]}
    data = knobs.compute(ran, (64, 1, 0.002, 0.0005))
    assert data.alike() == [(16, 1, 0.002, 0.002), (64, 1, 0.002, 0.0005)]
    assert np.allclose(knobs.products((16, 4, 0.008, 0.0005)), (0.032, 0.002))
    assert "1 other setting of 3 with both products" in knobs.alt(data)
    assert "no other settings of 3" in knobs.alt(knobs.compute(ran, (16, 4, 0.002, 0.002)))


def test_starts_stand_in_their_order_at_one_rate():
    runs = {(name, rate): [{"answers": answers, "facts": 1.0},
                           {"answers": answers - rate, "facts": 0.5}]
            for name, answers in (("B = 0", 0.9), ("A = 0", 0.8)) for rate in (0.1, 0.2)}
    data = starts.compute({"A = 0": (0.0, 1.0), "B = 0": (0.5, 0.2)}, runs, 0.2)
    assert list(data.answers) == ["A = 0", "B = 0"]
    assert ("A = 0: 0.0% added, 100.0% of the facts known and 75.0% after training, "
            "70.0% answers right") in starts.alt(data)
    key = starts.draw(data).axes[1].texts[-2:]  # under the ring and the dots of the facts
    assert [text.get_text() for text in key] == ["start", "end"]
    assert "4. Why divided by r?" in two_paths.alt(two_paths.compute(4, 3, 2, asked=True))
