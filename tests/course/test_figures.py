"""Every figure can be read: contrast, size, place, words."""

from __future__ import annotations

import importlib
import io
import itertools
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from frames import frames, grid, history, strengths
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from lib.figures.gpt import pretraining
from lib.figures.kit import contrast, labels, render, style
from lib.figures.kit.style import LAYOUTS
from lib.figures.lora import (
    first_twenty,
    gradient_board,
    knobs,
    lora_count,
    matrix_board,
    rank_alpha,
    rate_map,
    scaling,
    starts,
    strength,
)

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book" / "_static"
FRAMES = frames()
SEEN = {"light": to_rgb, "dark": contrast.turned}
#: Their first and last frames are of other models or data sets, or zoom in on what they show.
OTHER_AXES = {"alpha_rate", "arrows", "attention_cost", "tradeoff"}
#: Without sliders: may be taller than a phone's screen.
STILL = {"first_run", "guess_costs_long", "kept_dots", "latent_attention", "merge_places", "rates",
         "serving"}
SUPERSCRIPT = 0.7  # its size, of the formula's that it stands in


FIGURES = sorted(path for path in (ROOT / "lib" / "figures").glob("*/*.py")
                 if path.parent.name != "kit")


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_a_figure_says_what_to_see(path):
    caption = importlib.import_module(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)).CAPTION
    assert 60 <= len(caption) <= 150 and caption.endswith(".")
    assert caption.count(". ") <= 1, "a sentence, or two"


def texts(fig: Figure) -> list[tuple[Text, Bbox]]:
    """Return all words that are drawn, with their boxes in pixels."""
    with mpl.rc_context(style.settings()):
        canvas = FigureCanvasAgg(fig)
        fig.draw_without_rendering()
        found = [text for text in fig.findobj(Text) if text.get_text().strip()
                 and text.get_visible()]
        # Ticks outside the limits of their axis exist, but are not drawn.
        drawn = {id(tick) for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)
                 for tick in axis.get_ticklabels() if tick.get_text()
                 and axis.get_view_interval().min() <= tick.get_position()[axis is ax.yaxis]
                 <= axis.get_view_interval().max()}
        ticks = {id(tick) for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)
                 for which in (True, False) for tick in axis.get_ticklabels(minor=which)}
        shown = [text for text in found if id(text) in drawn or id(text) not in ticks]
        return [(text, Text.get_window_extent(text, canvas.get_renderer())) for text in shown]


@pytest.fixture(scope="module", params=FRAMES, ids=str)
def frame_list(request):
    """All frames of one figure."""
    return FRAMES[request.param]


@pytest.fixture(scope="module", params=LAYOUTS)
def drawn(request, frame_list):
    """The first and the last frame of a figure in one layout, with the boxes of their words."""
    result = []
    for frame in frame_list[:1] + frame_list[1:][-1:]:
        fig = frame.draw(request.param)
        fig.set_dpi(style.DPI[request.param])
        result.append((request.param, fig, texts(fig)))
    return result


@pytest.mark.parametrize("name", style.MEANINGS)
@pytest.mark.parametrize("way", SEEN)
def test_each_tone_stands_out_on_its_page(name, way):
    tone, see = style.MEANINGS[name], SEEN[way]
    assert contrast.contrast(see(tone.ink), see(style.PAPER)) >= 4.5
    assert contrast.contrast(see(tone.mark), see(style.PAPER)) >= 3


@pytest.mark.parametrize("tone", [*style.MEANINGS.values(), style.DATA], ids=str)
@pytest.mark.parametrize("page", SEEN.values(), ids=SEEN)
def test_words_stand_out_on_fills(tone, page):
    assert contrast.contrast(page(style.INK), page(tone.tint)) >= 4.5
    assert contrast.contrast(page(style.PAPER), page(tone.ink)) >= 4.5
    for grey in (style.MUTED, style.INK):
        assert contrast.contrast(page(grey), page(style.WASH)) >= 4.5


@pytest.mark.parametrize("page", SEEN.values(), ids=SEEN)
def test_ink_stands_out_on_every_score(page):
    for share in np.linspace(0, 1, 41):
        assert contrast.contrast(page(style.INK), page(style.SCORE(share)[:3])) >= 4.5


def test_the_dark_page_turns_white_into_the_page():
    assert np.allclose(contrast.turned(style.PAPER), to_rgb(contrast.DARK_PAGE), atol=0.004)


def test_the_filter_is_that_of_the_pages():
    css = (STATIC / "explore.css").read_text()
    assert "invert(1) hue-rotate(180deg) saturate(.85)" in css
    assert contrast.SATURATION == 0.85


def test_frames_have_the_layouts_width_and_one_place_for_everything(request, drawn):
    still = request.node.callspec.params["frame_list"] in STILL
    for layout, fig, _ in drawn:
        width, height = fig.get_size_inches()
        assert width == style.WIDTH[layout]
        # at 358 px, what a phone of 390 px leaves, beside two or three sliders of 36 px
        assert layout == "wide" or still or 358 * height / width <= 620
    places = {(tuple(fig.get_size_inches()),
               *(tuple(np.round(ax.get_position().bounds, 6)) for ax in fig.axes))
              for _, fig, _ in drawn}
    assert len(places) == 1


def test_limits_are_the_same_in_all_frames(request, drawn):
    if request.node.callspec.params["frame_list"] in OTHER_AXES:
        return
    limits = {tuple((ax.get_xlim(), ax.get_ylim()) for ax in fig.axes) for _, fig, _ in drawn}
    assert len(limits) == 1


def test_every_frame_has_words_of_its_own(frame_list):
    words = [frame.words() for frame in frame_list]
    for each in words:
        assert len(each) >= 40 and each[-1] in ".'", each
        assert not re.search(r"\bnan\b|\binf\b|None", each)
    assert len(set(words)) == len(words)


def test_words_are_at_least_11_px_and_stay_inside(drawn):
    for _, fig, words in drawn:
        width, height = fig.get_size_inches() * fig.dpi
        for text, box in words:
            formula = "$" in text.get_text() and text.get_parse_math()
            small = SUPERSCRIPT if formula and "^" in text.get_text() else 1
            assert small * text.get_size() >= style.SMALL, text.get_text()
            assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, \
                f"{text.get_text()!r} leaves the picture"


def test_words_never_overlap(drawn):
    for _, _, words in drawn:
        for (one, box), (two, other) in itertools.combinations(words, 2):
            overlap = Bbox.intersection(box.padded(-1.5), other.padded(-1.5))
            assert overlap is None, f"{one.get_text()!r}, {two.get_text()!r}"


def test_a_frame_has_always_the_same_bytes():
    frame, other = FRAMES["strength"][:2]
    raw = render.png(frame.draw("wide"), "wide")
    assert render.png(other.draw("wide"), "wide") != raw  # drawn where the first one was
    assert render.png(frame.draw("wide"), "wide") == raw


def test_a_picture_stays_when_another_is_drawn():
    frame, other = FRAMES["strength"][:2]
    picture = render.pixels(frame.draw("wide"), "wide")
    before = picture.copy()
    render.pixels(other.draw("wide"), "wide")
    assert (picture == before).all()


def test_a_picture_has_the_layouts_pixels_and_its_figures_colours():
    fig = style.canvas("narrow", 1.005)  # 201 pixels, which floats may miss
    ax = style.bare(style.place(fig, 0, 0, 1, 0.5))
    ax.set(facecolor=style.B.mark)
    raw = render.png(fig, "narrow")
    picture = np.asarray(Image.open(io.BytesIO(raw)).convert("RGB"))
    assert picture.shape == (201, 720, 3)
    assert tuple(picture[50, 100]) == tuple(bytes.fromhex(style.B.mark[1:]))
    assert tuple(picture[150, 100]) == (255, 255, 255)


def test_rare_colours_keep_their_meaning():
    picture = np.full((40, 40, 4), 255, np.uint8)
    picture[0, :, :3] = np.arange(40)[:, None] * 6
    picture[5, 5:8, :3] = [int(style.B.mark[k:k + 2], 16) for k in (1, 3, 5)]
    colours, index = render.reduce(picture, 4)
    assert (colours[index[5, 6]] == picture[5, 6, :3]).all()
    assert len(colours) == 4 and index.shape == (40, 40)
    distances = ((picture[..., None, :3].astype(int) - colours) ** 2).sum(-1)
    assert (np.take_along_axis(distances, index[..., None], -1)[..., 0] == distances.min(-1)).all()


def test_wrapping_loses_nothing_and_keeps_to_the_width():
    words = "one two three four five six seven eight nine ten"
    lines = labels.wrap(words, 1.0, style.BASE, 20)
    assert " ".join(lines) == words
    assert all(labels.measure(line, style.BASE) <= 1.0 for line in lines)


def test_wrapping_ends_what_is_too_long_and_breaks_what_is_too_wide():
    lines = labels.wrap("word " * 100, 1.0, style.BASE, 2)
    assert len(lines) == 2 and lines[1].endswith("…")
    lines = labels.wrap("x" * 60, 1.0, style.BASE, 30)
    assert "".join(lines) == "x" * 60 and len(lines) > 1
    assert labels.wrap("", 1.0, style.BASE, 2) == [""]


@pytest.mark.parametrize("text, shown", [
    (" Lima", "·Lima"), ("\n", "¶"), ("<eos>", "end of text"), ("\ufffd", "?"), ("\x07", "?")])
def test_tokens_are_visible(text, shown):
    assert labels.token(text) == shown


@pytest.mark.parametrize("number, digits, text", [
    (-0.48, 2, "−.48"), (0.0004, 3, "0"), (-0.0004, 3, "0"), (10, 2, "10"), (100.0, 0, "100"),
    (-1.05, 2, "−1.05"), (0.999, 2, "1"), (20.05, 2, "20.05"), (-10.5, 1, "−10.5")])
def test_short_numbers(number, digits, text):
    assert style.short(number, digits) == text


@pytest.mark.parametrize("share, text", [
    (0, "0%"), (1, "100%"), (0.996, ">99%"), (0.004, "<1%"), (0.974, "97%")])
def test_percentages_do_not_round_to_all_or_nothing(share, text):
    assert style.percent(share) == text


def test_the_matrix_board_has_the_examples_numbers():
    data = matrix_board.compute()
    assert np.allclose(data.frozen, [0.71, 0.16, -0.48, 0.08])
    assert np.allclose(data.squeezed, [-0.02, 0.17])
    assert np.allclose(data.update, [-0.023, 0.064, 0.036, 0.014])
    assert np.allclose(data.y, [0.664, 0.288, -0.408, 0.108])
    assert (matrix_board.compute(training=0).y == data.frozen).all()


def test_the_gradient_board_agrees_with_differences():
    """Move each number of A and B a little: the loss dy . y moves by the gradient."""
    data, step = gradient_board.compute(alpha=3.0), 1e-6
    for name, gradient in (("A", data.dA), ("B", data.dB)):
        for at in np.ndindex(*gradient.shape):
            losses = []
            for sign in (1, -1):
                parts = {part: getattr(data.inputs, part).copy() for part in ("x", "W", "A", "B")}
                parts[name][at] += sign * step
                moved = matrix_board.compute(3.0, 1.0, matrix_board.Example(**parts))
                losses.append(data.dy @ moved.y)
            assert np.isclose((losses[0] - losses[1]) / (2 * step), gradient[at], atol=1e-8)


def test_the_rate_map_compares_rates_over_the_seeds_that_all_have():
    """Seed 2, an easy one, ran at one rate alone, and one rank has a rate more."""
    lines = [{"run": {"rank": rank, "alpha": 16.0, "rule": rule, "learning_rate": rate,
                      "seed": seed},
              "answers": score - rate, "dev_answers": score}
             for rank, rates in ((8, (0.001, 0.003)), (64, (0.001, 0.003, 0.01)))
             for rule in ("alpha/r", "alpha/sqrt(r)") for rate in rates
             for seed, score in ((0, 0.9 - 9 * rate), (1, 0.9 - 9 * rate), (2, 1.0))
             if seed < 2 or rate == 0.001]
    lines += [dict(line, run={**line["run"], "alpha": 2.0 * line["run"]["rank"]}) for line in lines
              if line["run"]["rule"] == "alpha/r" and line["run"]["rank"] != 8]
    data = rate_map.compute(lines)
    for rule in rate_map.RULES:
        assert np.allclose(data.dev[rule][0], 0.891) and np.isnan(data.dev[rule][2, 0])
        assert data.largest(rule) == [0.003, 0.003]
        assert data.at_edge(rule) == [True, False]
    assert ("α = 16, α/r: 0.003, the highest tried, at rank 8, 0.003 at rank 64"
            in rate_map.alt(data))


@pytest.mark.parametrize("call, words", [
    (lambda: style.canvas("huge", 2), "huge"),
    (lambda: matrix_board.draw(matrix_board.compute(), 6), "step is 6"),
    (lambda: matrix_board.compute(training=2), "training is 2"),
    (lambda: gradient_board.compute(np.ones(3)), "shape"),
    (lambda: first_twenty.compute({4.0: np.ones((21, 3))}, 2.0), "alpha is 2.0"),
    (lambda: strength.compute(strengths(), "Peru", 7), "strength is 7"),
    (lambda: strength.compute(strengths(), "Atlantis", 1), "Atlantis"),
    (lambda: rank_alpha.compute(grid(), 3, 8), r"\(3, 8\)"),
    (lambda: pretraining.compute(history(), 5), "step is 5"),
    (lambda: pretraining.compute(history(), 100, seed=7), "seed is 7"),
    (lambda: pretraining.compute(history(), 100, prompts=["Mars is"]), "'Mars is'"),
    (lambda: lora_count.compute(129, 128, 512), "rank is 129"),
    (lambda: scaling.factor(8, 8, "alpha/r²"), "rule is 'alpha/r²'"),
    (lambda: scaling.compute({}, 8), "nothing was measured at rank and factor of any kind"),
    (lambda: scaling.compute({(8, 1.0): ([0.1], [4.0, 3.0])}, 8), "factor 8 and 8, 8 and 2.8284"),
    (lambda: scaling.compute({(1, 8.0): ([0.1], [4.0, 3.0])}, 8, 2), "step is 2; measured are 1"),
    (lambda: scaling.compute({}, 8, 1, ("alpha/r",)), "shown are alpha/r; they must be alpha and"),
    (lambda: starts.compute({"B = 0": (0, 1)}, {}, 0.002), "no run of the start 'B = 0'"),
    (lambda: knobs.compute({(16, 1, 0.1, 0.1): [1.0]}, (8, 1, 0.1, 0.1)), "was not run"),
    (lambda: rate_map.compute([]), "no runs")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
