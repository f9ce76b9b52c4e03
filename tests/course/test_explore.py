"""Pictures and sliders in each mode: what is shown, stored and refused."""

from __future__ import annotations

import base64
import html
import json
import re
from html.parser import HTMLParser
from types import ModuleType

import pytest

from lib import explore as module
from lib.explore import explore, show, show_source
from lib.figures.kit import controls, frames, style

PNG = b"\x89PNG\r\n\x1a\n"


@style.styled
def draw(rank, alpha=1, layout="wide"):
    """A figure that shows rank alone: alpha does not change it."""
    fig = style.canvas(layout, 1.0)
    style.heading(fig, f"Rank {rank}")
    return fig


def alt(rank, alpha=1):
    return f'Rank {rank} & alpha "{alpha}" </script>, in words that describe the picture.'


figure = ModuleType("figure")
figure.__file__, figure.draw, figure.alt = __file__, draw, alt


def compute(rank, alpha=1):
    return rank, alpha


class Reader(HTMLParser):
    """The start tags of a piece of HTML, and the text of its script and caption."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        tag = self.tags[-1][0]
        self.texts[tag] = self.texts.get(tag, "") + data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: (data, metadata) of each display."""
    found = []
    monkeypatch.setattr(module, "_display",
                        lambda data, **metadata: found.append((data, metadata)))
    return found


@pytest.fixture
def static(monkeypatch, tmp_path):
    """The mode static, with its folder of frames."""
    monkeypatch.setenv(module.MODE, "static")
    monkeypatch.setenv(frames.STORE, str(tmp_path / "frames"))
    return tmp_path / "frames"


def test_still_stores_one_picture_and_its_words(monkeypatch, shown):
    monkeypatch.setenv(module.MODE, "still")
    explore(figure, compute, start={"rank": 4}, rank=[1, 4], alpha=[2])
    (data, metadata), = shown
    assert data["text/plain"] == alt(4, 2)
    assert base64.b64decode(data["image/png"]).startswith(PNG)
    assert metadata["image/png"]["alt"] == alt(4, 2)


def test_still_gives_the_same_bytes_each_time(monkeypatch, shown):
    monkeypatch.setenv(module.MODE, "still")
    for _ in range(2):
        show(figure, 3)
    assert shown[0] == shown[1]


def test_static_stores_equal_frames_once(static, shown):
    explore(figure, compute, rank=[1, 4, 16], alpha=[1, 2])
    page = Reader(shown[0][0]["text/html"])
    data = json.loads(page.texts["script"].replace("<\\/", "</"))
    assert len(data["frames"]) == len(data["captions"]) == 6
    assert len(data["images"]) == 6, "three ranks in two layouts; alpha changes no picture"
    files = {name.removeprefix(frames.ADDRESS) for name in data["images"]}
    assert {path.name for path in static.glob("*.png")} == files
    assert all((static / name).read_bytes().startswith(PNG) for name in files)
    assert data["captions"][5] == alt(16, 2)


def test_static_starts_where_it_is_told(static, shown):
    explore(figure, compute, start={"rank": 4, "alpha": 2}, labels={"alpha": "α"},
            formats={"rank": "r = {}", "alpha": lambda value: f"<{value}>"}, rank=[1, 4],
            alpha=[1, 2])
    page = Reader(shown[0][0]["text/html"])
    ranks, alphas = page.all("input")
    assert (ranks["value"], ranks["aria-valuetext"]) == ("1", "r = 4")
    assert json.loads(rows_of(page)[1]["data-values"]) == ["<1>", "<2>"]
    assert alphas["aria-valuetext"] == "<2>" and alphas["aria-label"] == "α"
    assert "α" in page.texts["span"]
    image, = page.all("img")
    assert image["alt"] == alt(4, 2)
    assert page.all("figure")[0]["style"] == "--widest: 5ch", "as wide as the widest, 'r = 4'"
    data = json.loads(page.texts["script"].replace("<\\/", "</"))
    assert data["images"][data["frames"][3][0]] == image["src"]


def rows_of(page):
    return [each for each in page.all("div") if "explore-row" in each.get("class", "")]


def test_a_choice_of_names_is_a_row_of_radio_buttons_and_a_quantity_a_range(static, shown):
    explore(figure, compute, start={"rank": "some"}, rank=["few", "some", "all"], alpha=[1, 2])
    page = Reader(shown[0][0]["text/html"])
    radios, (slider,) = page.all("input")[:3], page.all("input")[3:]
    assert [each["type"] for each in radios] == ["radio"] * 3 and slider["type"] == "range"
    assert ["checked" in each for each in radios] == [False, True, False]
    assert {each["name"] for each in radios} == {"rank"} and len(page.all("form")) == 1
    group, = (each for each in page.all("div") if each.get("role") == "radiogroup")
    assert group["aria-label"] == "rank"
    assert [each["value"] for each in page.all("button")] == ["-1", "1"]


@pytest.mark.parametrize("values, names", [
    (["a", "b"], True), ([False, True], True), ([1, 2], False), ([0.5], False), (["a", 1], False)])
def test_names_have_no_order(values, names):
    assert controls.are_names(values) == names


def test_the_caption_stays_and_the_frame_is_recited_as_it_changes(static, shown):
    explore(figure, compute, caption="See <it> shrink.", rank=[1, 4])
    page = Reader(shown[0][0]["text/html"])
    assert page.texts["figcaption"] == "See <it> shrink."
    live, = (each for each in page.all("p") if each.get("aria-live") == "polite")
    assert live["class"] == "recital" and "p" not in page.texts, "empty until something moves"
    show(figure, 2, caption="Look.")
    assert Reader(shown[1][0]["text/html"]).texts["figcaption"] == "Look."


def test_a_figure_may_bring_its_caption(static, shown, monkeypatch):
    monkeypatch.setattr(figure, "CAPTION", "Its own.", raising=False)
    explore(figure, compute, rank=[1, 4])
    show(figure, 2)
    show(figure, 2, caption="Another.")
    assert [Reader(data["text/html"]).texts["figcaption"] for data, _ in shown] == [
        "Its own.", "Its own.", "Another."]


def test_a_narrow_figure_has_one_layout(static, shown):
    explore(figure, compute, narrow=True, rank=[1, 4])
    show(figure, 1, narrow=True)
    for data, _ in shown:
        page = Reader(data["text/html"])
        assert page.all("img")[0]["src"] == page.all("source")[0]["srcset"]
        assert page.all("img")[0]["width"] == "720"
    data = json.loads(Reader(shown[0][0]["text/html"]).texts["script"])
    assert len(data["images"]) == 2 and all(wide == narrow for wide, narrow in data["frames"])


def test_static_gives_both_layouts_with_their_size(static, shown):
    show(figure, 2)
    page = Reader(shown[0][0]["text/html"])
    source, image = page.all("source")[0], page.all("img")[0]
    assert source["media"] == "(max-width: 680px)"
    assert (image["width"], source["width"]) == ("1080", "720")
    assert image["src"] != source["srcset"]
    assert shown[0][0]["text/plain"] == alt(2)


def test_static_ends_no_script_early(static, shown):
    explore(figure, compute, rank=[1])
    text = shown[0][0]["text/html"]
    assert text.count("</script>") == 1
    assert html.escape(alt(1)) in text


def test_static_needs_its_folder(monkeypatch):
    monkeypatch.setenv(module.MODE, "static")
    monkeypatch.delenv(frames.STORE, raising=False)
    with pytest.raises(ValueError, match=frames.STORE):
        show(figure, 1)


def test_live_redraws_as_a_slider_moves(monkeypatch):
    widgets = pytest.importorskip("ipywidgets")
    monkeypatch.delenv(module.MODE, raising=False)
    boxes = []
    monkeypatch.setattr("IPython.display.display", boxes.append)
    explore(figure, compute, labels={"rank": "r"}, start={"rank": 4}, caption="R & alpha",
            rank=[1, 4], alpha=[1, 2])
    rank, alpha, picture, below, recital = boxes[0].children
    assert isinstance(rank, widgets.SelectionSlider) and rank.description == "r"
    assert rank.value == 4 and html.escape(alt(4, 1)) in recital.value
    assert below.value == "R &amp; alpha"
    before = picture.value
    rank.value = 1
    assert html.escape(alt(1, 1)) in recital.value and picture.value != before
    alpha.value = 2
    assert html.escape(alt(1, 2)) in picture.value
    assert re.match(r'<img src="data:image/png;base64,', picture.value)
    assert 'width="720"' in picture.value and "max-width: 100%" in picture.value


def test_live_gives_names_buttons(monkeypatch):
    widgets = pytest.importorskip("ipywidgets")
    monkeypatch.delenv(module.MODE, raising=False)
    boxes = []
    monkeypatch.setattr("IPython.display.display", boxes.append)
    explore(figure, compute, start={"rank": "all"}, rank=["few", "all"])
    buttons, picture, *_ = boxes[0].children
    assert isinstance(buttons, widgets.ToggleButtons) and buttons.value == "all"
    buttons.value = "few"
    assert html.escape(alt("few")) in picture.value


def test_live_computes_a_frame_once(monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.delenv(module.MODE, raising=False)
    boxes, computed = [], []
    monkeypatch.setattr("IPython.display.display", boxes.append)
    explore(figure, lambda rank: computed.append(rank) or (rank,), rank=[1, 4])
    for at in (4, 1, 4):
        boxes[0].children[0].value = at
    assert computed == [1, 4]


def test_static_computes_a_frame_once(static, shown):
    computed = []
    explore(figure, lambda rank: computed.append(rank) or (rank,), rank=[1, 4])
    assert computed == [1, 4]


def test_a_drawing_of_ones_own_brings_its_words(monkeypatch, shown):
    monkeypatch.setenv(module.MODE, "still")
    show(lambda layout: draw(5, layout=layout), alt="Rank 5.")
    assert shown[0][0]["text/plain"] == "Rank 5."
    with pytest.raises(ValueError, match="needs words"):
        show(lambda layout: draw(5, layout=layout))


def test_words_given_replace_the_figures(static, shown):
    show(figure, 2)
    show(figure, 2, alt="Of my own.")
    assert [data["text/plain"] for data, _ in shown] == [alt(2), "Of my own."]


def test_show_source_shows_every_object(shown):
    class Inner:
        def method(self):
            return "dedented"

    show_source(compute, Inner.method)
    code = shown[0][0]["text/plain"]
    assert code.startswith("def compute(") and "\ndef method(self):" in code
    assert shown[0][0]["text/markdown"] == f"```python\n{code}\n```"


@pytest.mark.parametrize("arguments, words", [
    ({}, "at least one slider"),
    ({"rank": []}, "'rank' has no values"),
    ({"rank": [1, 2], "start": {"rank": 3}}, "rank starts at 3"),
    ({"rank": [1], "start": {"alpha": 1}}, "start names alpha"),
    ({"rank": [1], "labels": {"r": "r"}}, "labels names r"),
    ({"rank": [1], "formats": {"r": "r"}}, "formats names r")])
def test_explore_names_what_is_wrong(arguments, words, shown):
    with pytest.raises(ValueError, match=words):
        explore(figure, compute, **arguments)
    assert not shown


def test_an_unknown_mode_is_named(monkeypatch):
    monkeypatch.setenv(module.MODE, "loud")
    with pytest.raises(ValueError, match="'loud'; allowed are live, static, still"):
        show(figure, 1)
