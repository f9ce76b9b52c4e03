"""What the extension adds to pages: folds, figure numbers, exercises, explained terms."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes

from lib.figures.kit import contrast, style

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book" / "_static"


@pytest.fixture
def pages(monkeypatch):
    """The extension's module for pages."""
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    yield importlib.import_module("course_pages")
    for name in ("course_pages", "course_exercises"):
        sys.modules.pop(name, None)


@pytest.fixture
def exercises(pages):
    """The extension's module for exercises."""
    pytest.importorskip("sphinx_exercise")
    return importlib.import_module("course_exercises")


def application(docname: str = "chapters/03_attention") -> SimpleNamespace:
    return SimpleNamespace(env=SimpleNamespace(docname=docname), config=SimpleNamespace(
        nb_code_prompt_show="Show", nb_code_prompt_hide="Hide"))


def cell(code: str, shown: str = "", tags: tuple[str, ...] = (), **attributes) -> nodes.container:
    block = nodes.literal_block(code, code, language="python")
    made = nodes.container("", nodes.container("", block, nb_element="cell_code_source"),
                           nb_element="cell_code", cell_metadata={"tags": tags}, **attributes)
    if shown:
        made += nodes.container("", nodes.literal_block(shown, shown, language="python"),
                                nb_element="cell_code_output")
    return made


LONG = "\n".join(f"x = {k}" for k in range(16))
CHECK = "def check_double(f):\n    assert f(2) == 4"


@pytest.mark.parametrize("made, mode", [
    (("import numpy as np\nfrom lib import model",), "input"), (("assert 1 + 1 == 2",), "input"),
    ((CHECK,), "input"), ((LONG,), "input"), (("x = 1\nimport numpy",), None), (("x = 1",), None),
    ((f"{CHECK}\ncheck_double(f)",), None), (("",), None), (("%timeit f()",), None),
    ((LONG, "", ("keep-open",)), None), ((LONG, "", ("exercise",)), None),
    ((LONG, "", ("solution",)), None), (("show_source(f)", "a\n" * 16), "output"),
    (("show_source(f)", "a\n" * 3), None), (("print(f)", "a\n" * 16), None)])
def test_code_that_is_no_part_of_the_story_is_folded(pages, made, mode):
    page = nodes.container("", cell(*made))
    pages.fold_cells(application(), page)
    assert page[0].get("hide_mode") == mode
    assert page[0].get("prompt_show") == (mode and "Show")


@pytest.mark.parametrize("before, after", [
    ("input", "input+output"), ("output", "output"), ("all", "all")])
def test_a_cell_stays_as_folded_as_its_tags_say(pages, before, after):
    page = nodes.container("", cell("show_source(f)", "a\n" * 16, hide_mode=before))
    pages.fold_cells(application(), page)
    assert page[0]["hide_mode"] == after


@pytest.mark.parametrize("made, bars", [
    ([("a = 1", ""), ("b = 1", ""), ("c = 1", "3")], ["a = 1\nb = 1\nc = 1"]),
    ([("a = 1", "3"), ("b = 1", "")], ["a = 1", "b = 1"]),
    ([("a = 1", ""), None, ("b = 1", "")], ["a = 1", "b = 1"])])
def test_neighbouring_folds_become_one_if_the_first_shows_nothing(pages, made, bars):
    page = nodes.container("", *(nodes.paragraph() if each is None
                                 else cell(*each, hide_mode="input") for each in made))
    pages.fold_cells(application(), page)
    assert [pages.code_of(each) for each in pages.cells(page)] == bars


def test_code_in_sight_stays_out_of_the_fold_behind_it(pages):
    page = nodes.container("", cell("a = 1"), cell("b = 1", hide_mode="input"), cell("c = 1"))
    pages.fold_cells(application(), page)
    assert [pages.code_of(each) for each in pages.cells(page)] == ["a = 1", "b = 1", "c = 1"]


FIGURE = ('<figure class="explore"><img class="frame" src="course-frames:{}.png">'
          "<figcaption>{}</figcaption></figure>")


def test_figures_are_numbered_within_their_chapter(pages):
    page = nodes.container("", *(nodes.raw("", FIGURE.format(k, "See."), format="html")
                                 for k in "ab"), nodes.raw("", "<b>no figure</b>", format="html"))
    pages.number_figures(application(), page)
    first, second, other = (node.astext() for node in page.children)
    assert '<figure class="explore" id="figure-3-1">' in first
    assert "<figcaption><b>Figure 3.2</b> See.</figcaption>" in second
    assert other == "<b>no figure</b>"


@pytest.mark.parametrize("docname, number", [
    ("chapters/A2_capital", "<b>Figure A2.1</b> "), ("book/guide", "<b>Figure 1</b> "),
    ("book/lab", "")])
def test_figures_of_other_pages_have_a_number_where_a_page_counts_them(pages, docname, number):
    page = nodes.container("", nodes.raw("", FIGURE.format("a", "See."), format="html"))
    pages.number_figures(application(docname), page)
    assert f"<figcaption>{number}See.</figcaption>" in page[0].astext()


def test_colours_of_words_are_the_figures_and_can_be_read(pages):
    sheet = pages.palette()
    light, dark = (dict(re.findall(r"--ink-(\w+): (#[0-9a-f]{6});", line))
                   for line in sheet.splitlines()[:2])
    assert light["lora"] == style.LORA.ink and light.keys() == dark.keys()
    assert all(contrast.contrast(each, "#ffffff") >= 4.5 for each in light.values())
    assert all(contrast.contrast(each, contrast.DARK_PAGE) >= 4.5 for each in dark.values())


def test_a_link_to_a_term_explains_it(pages):
    definition = nodes.definition("", nodes.paragraph(
        "", "", nodes.Text("The number "), nodes.math("", r"\alpha"),
        nodes.Text(" of LoRA (chapter 11). It scales. " + "Long. " * 60)))
    term = nodes.term("", "alpha", ids=["term-alpha"])
    glossary = nodes.definition_list("", nodes.definition_list_item("", term, definition))
    app = application("book/glossary")
    pages.note_terms(app, nodes.container("", glossary))
    link = nodes.reference("", "", nodes.inline("", "alpha", classes=["std-term"]),
                           refuri="glossary.html#term-alpha")
    plain = nodes.reference("", "", nodes.inline("", "a"), refuri="glossary.html#term-alpha")
    pages.explain_terms(app, nodes.container("", link, plain), "book/x")
    assert link["reftitle"].startswith("The number α of LoRA. It scales. Long.")
    assert len(link["reftitle"]) <= pages.TIP and "reftitle" not in plain
    pages.forget(app, app.env, "book/glossary")
    assert app.env.course_terms == {}


def test_exercises_are_numbered_within_their_chapter(exercises):
    env = SimpleNamespace(toc_fignumbers={
        "chapters/03_attention": {"exercise": {"a": (7,), "b": (8,)}, "figure": {"f": (1,)}},
        "book/questions": {"exercise": {"c": (9,)}}, "book/intro": {}})
    assert exercises.number_exercises(None, env) == []
    assert env.toc_fignumbers == {
        "chapters/03_attention": {"exercise": {"a": ("3", 1), "b": ("3", 2)},
                                  "figure": {"f": (1,)}},
        "book/questions": {"exercise": {"c": (1,)}}, "book/intro": {}}


def title(*inner: nodes.Node) -> nodes.title:
    return nodes.title("", "", nodes.Text(" ("), *inner, nodes.Text(")"))


def test_a_title_shows_its_level_as_a_badge(exercises):
    made = title(nodes.math("", "W"), nodes.Text("'s shadows (hard)"))
    exercises.mend_title(made)
    assert [each.astext() for each in made.children] == ["W", "'s shadows", "hard"]
    assert made[-1]["classes"] == ["level"]
    made = title(nodes.Text("Half (and half)"))
    exercises.mend_title(made)
    assert made.astext() == "Half (and half)"
    made = nodes.title("", "", nodes.Text("A (b)"))
    exercises.mend_title(made)
    assert made.astext() == "A (b)"


def test_the_check_of_an_exercise_stands_in_its_solution(exercises):
    exercise = exercises.exercise_enumerable_node("", label="ex-a")
    solution = exercises.solution_node("", nodes.title(), nodes.section("", cell("f = 1")),
                                       target_label="ex-a")
    page = nodes.section("", cell(CHECK, hide_mode="input"), exercise, solution, cell(CHECK))
    exercises.gather_checks(None, page)
    assert page.children[:2] == [exercise, solution] and len(page) == 3
    assert exercises.code_of(solution[1][0]) == CHECK and "hide_mode" not in solution[1][0]


def test_a_solution_is_one_bar(exercises):
    def starttag(node, tag):
        return f"<{tag} class={' '.join(node['classes'])}>"
    writer = SimpleNamespace(body=[], starttag=starttag)
    node = exercises.solution_node("", nodes.title("", "Solution"), nodes.section(),
                                   classes=["solution", "dropdown"])
    exercises.visit_solution(writer, node)
    exercises.depart_solution(writer, node)
    assert "".join(writer.body) == ("<details class=solution><summary>Show the solution</summary>"
                                    "\n</details>\n")
    assert [type(each) for each in node.children] == [nodes.section]


def test_a_page_loads_faces_from_its_own_folder():
    sheets = {path.name: path.read_text(encoding="utf-8") for path in STATIC.glob("*.css")}
    named = {name for sheet in sheets.values() for name in re.findall(r"url\(([^)]+)\)", sheet)}
    assert {f"fonts/{path.name}" for path in (STATIC / "fonts").glob("*.woff2")} == named
    assert all((STATIC / name).read_bytes()[:4] == b"wOF2" for name in named)
    assert "Reserved Font Name" in (STATIC / "fonts" / "OFL.txt").read_text(encoding="utf-8")


@pytest.fixture
def claims(pages):
    """The extension's module for claims."""
    yield importlib.import_module("course_claims")
    sys.modules.pop("course_claims", None)


def row(name: str, figure: str, verdict: str, cell: str) -> nodes.row:
    made = nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in (
        name, "It learns.", "Hu", "", verdict, "")))
    made[3][0] += nodes.literal("", figure) if figure else nodes.Text("none")
    made[5][0] += nodes.reference("", cell, refid="claim") if cell else nodes.Text("none")
    return made


def claims_page(module, monkeypatch, tmp_path, words: str) -> nodes.container:
    monkeypatch.setattr(module, "WORDS", tmp_path / "words.yml")
    module.WORDS.write_text(words, encoding="utf-8")
    body = nodes.tbody("", row("S1", "a   0.96", "holds, over all seeds", "7"),
                       row("S2", "0.5  1", "holds here only when small", "14"),
                       row("S3", "", "not tested: too large", ""))
    table = nodes.table("", nodes.tgroup("", body))
    page = nodes.container("", nodes.container("", classes=["claims-summary"]),
                           nodes.container("", table, classes=["claims"]))
    app = application("book/claims")
    app.env.note_dependency = lambda path: None
    module.make_cards(app, page)
    return page


def test_each_claim_is_a_card_with_its_verdict(claims, monkeypatch, tmp_path):
    page = claims_page(claims, monkeypatch, tmp_path, "S2: It is `0.5  1` here.")
    html = "".join(each.astext() for each in page.findall(nodes.raw))
    assert re.findall(r'id="(row-\w+)" data-verdict="([^"]+)" data-chapters="(\d*)"', html) == [
        ("row-s1", "holds", "7"), ("row-s2", "partly", "14"), ("row-s3", "not tested", "")]
    assert html.count("<details>") == html.count("</details></article>") == 3
    shown = [each.astext() for each in page.findall(nodes.paragraph)]
    assert "Holds, over all seeds." in shown and "It is 0.5 1 here." in shown
    assert "Verdict: holds here only when small" in shown and "Measured: a · 0.96" in shown
    assert "Chapter 7" in shown and not list(page.findall(nodes.table))


def test_the_tally_counts_the_cards(claims, monkeypatch, tmp_path):
    page = claims_page(claims, monkeypatch, tmp_path, "{}")
    html = page[0].astext()
    assert ("Of 3 claims <b>1</b> hold, <b>1</b> hold partly, <b>0</b> do not hold here, and "
            "<b>1</b> were not tested.") in html
    assert "partly (1)" in html and "does not hold here (" not in html
    assert re.findall(r'name="chapter" value="(\d*)"', html) == ["", "7", "14"]
    assert '<form class="claims-filter" hidden>' in html
