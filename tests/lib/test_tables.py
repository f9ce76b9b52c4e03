"""Tables of results: the same entries in every form, and refusals in words."""

import re

import pytest

from lib.tables import table

HEADS = ["start", "facts kept", "answers"]
ROWS = [("B = 0", "99.2%", 96), ("both zero", "−3.0", 0)]


def test_text_has_one_line_a_row_with_numbers_to_the_right():
    assert repr(table(HEADS, ROWS)).split("\n") == [
        "start      facts kept  answers", "B = 0           99.2%       96",
        "both zero        −3.0        0"]


def test_html_has_the_same_entries_in_the_same_order_and_names_its_rows():
    page = table(HEADS, ROWS)._repr_html_()
    entries = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", page)
    assert entries == [*HEADS, *(str(entry) for row in ROWS for entry in row)]
    assert page.count('scope="row"') == 2 and page.count('scope="col"') == 3
    assert 'class="strong"' not in page


def test_a_row_to_look_at_is_marked_and_no_other():
    rows = table(HEADS, ROWS, strong=1)._repr_html_().split("<tr")
    assert ['class="strong"' in row for row in rows] == [False, False, False, True]


def test_cells_to_look_at_are_marked_and_no_others():
    page = table(HEADS, ROWS, strong={(0, 1), (1, 0)})._repr_html_()
    marked = re.findall(r'<t[hdr][^>]*class="(?:number )?strong"[^>]*>([^<]*)<', page)
    assert marked == ["99.2%", "both zero"]
    assert repr(table(HEADS, ROWS, strong={(0, 1)})) == repr(table(HEADS, ROWS))


def test_what_html_could_mistake_is_escaped():
    assert "&lt;eos&gt;" in table(["token", "n"], [("<eos>", 1)])._repr_html_()


def test_an_empty_heading_is_none():
    page = table(["", "n"], [("", 1), ("a", 2)])._repr_html_()
    assert page.count("<td></td>") == 2 and page.count("<th") == 3


def test_a_column_of_words_stays_left():
    assert table(["a", "b"], [("x", "yes"), ("y", "3 of 4")]).numeric == [False, False]
    assert table(["a"], []).numeric == [False]
    assert table(["a", "b"], [("–", ""), ("0.5", "")]).numeric == [True, False]


@pytest.mark.parametrize("call, words", {
    "short": (lambda: table(HEADS, [("B", 1)]), "row 0 has 2 entries"),
    "no headings": (lambda: table([], []), "headings are"),
    "one text": (lambda: table("start", []), "headings are 'start'"),
    "no such row": (lambda: table(HEADS, ROWS, strong=2), "strong is 2"),
    "no such cell": (lambda: table(HEADS, ROWS, strong={(0, 3)}), r"strong has \(0, 3\)"),
}.values())
def test_refusals_name_the_value(call, words):
    with pytest.raises(ValueError, match=words):
        call()
