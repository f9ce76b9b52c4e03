"""Exercises: numbered within their chapter, with their level, and one bar that opens the solution.

Part of the Sphinx extension ``course``; changes what sphinx-exercise makes.
"""

from __future__ import annotations

import re
from typing import Any

from course_pages import cells, chapter, code_of, is_check
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import exercise_enumerable_node, is_exercise_node, solution_node

KIND = "exercise"
LEVEL = re.compile(r"\s*\((easy|medium|hard|project)\)$")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the numbers, the titles and the bar."""
    app.setup_extension("sphinx_exercise")
    app.connect("doctree-read", gather_checks)
    app.connect("env-get-updated", number_exercises, priority=900)  # after Sphinx has counted
    app.add_post_transform(ExerciseTitles)
    visitors = (visit_solution, depart_solution)
    app.add_node(solution_node, override=True, html=visitors, singlehtml=visitors)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def number_exercises(app: Sphinx, env: Any) -> list[str]:
    """Count each chapter's exercises from one: 13.4 is the fourth of chapter 13."""
    for docname, kinds in env.toc_fignumbers.items():
        for count, name in enumerate(kinds.get(KIND, ()), start=1):
            kinds[KIND][name] = (chapter(docname), count) if chapter(docname) else (count,)
    return []  # no page has to be written for this that would not be anyway


def gather_checks(app: Sphinx, doctree: nodes.document) -> None:
    """Move the cell that checks an answer from before the exercise into its solution."""
    solutions = {node["target_label"]: node for node in doctree.findall(solution_node)}
    for check in [cell for cell in cells(doctree) if is_check(code_of(cell))]:
        exercise = check.next_node(siblings=True, descend=False)
        solution = solutions.get(exercise.get("label")) if is_exercise_node(exercise) else None
        if solution is None:
            continue
        check.parent.remove(check)
        check.attributes.pop("hide_mode", None)
        solution.children[-1].insert(0, check)


class ExerciseTitles(SphinxPostTransform):
    """Write a title without the brackets of sphinx-exercise, and its level as a badge."""

    default_priority = 25  # after sphinx-exercise has written the titles

    def run(self, **options: Any) -> None:
        """Change the titles of one page."""
        for exercise in self.document.findall(exercise_enumerable_node):
            mend_title(exercise.children[0])


def mend_title(title: nodes.Element) -> None:
    """Take the brackets round a title away, and write its level behind it as a badge."""
    texts = [node for node in title.children if isinstance(node, nodes.Text)]
    if len(texts) < 3 or (texts[0], texts[-1]) != (" (", ")"):
        return
    # sphinx-exercise puts each bracket into a text of its own, around the title's nodes.
    title.remove(texts[0])
    title.remove(texts[-1])
    level = LEVEL.search(texts[-2])
    if level:
        title.replace(texts[-2], nodes.Text(texts[-2][:level.start()]))
        title += nodes.inline("", level[1], classes=["level"])


def visit_solution(self: Any, node: nodes.Element) -> None:
    """Begin a solution: one bar, without a link in it."""
    # Of the class dropdown another script would make a second bar.
    node["classes"] = [name for name in node["classes"] if name != "dropdown"]
    self.body.append(self.starttag(node, "details"))
    self.body.append("<summary>Show the solution</summary>\n")
    node.children = node.children[1:]  # without its title, which repeats the exercise's


def depart_solution(self: Any, node: nodes.Element) -> None:
    """End it."""
    self.body.append("</details>\n")
