"""Sphinx extension of the book: pages that need no kernel and no network.

Notebooks come from where the tests' run left them, sliders are files drawn beforehand, and MathJax
comes from an installed package.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
from functools import cache
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pybtex.plugin
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for autodoc too

import lab_panels

from tools import environment, executed, tolerance

ROOT = environment.ROOT
LIB = ROOT / "lib"
LOG = logging.getLogger(__name__)

MATHJAX = "sphinx-mathjax-offline"
#: The full component: with a smaller one, a single rare command leaves a page's formulas raw.
MATHJAX_START = "tex-chtml-full.js"
MATHJAX_PARTS = (MATHJAX_START, "output/chtml/fonts/woff-v2", "a11y", "sre/mathmaps/base.json",
                 "sre/mathmaps/en.json")

#: A table's empty head, and an empty cell of a head: no headings for a screen reader.
EMPTY_CELL = re.compile(r'<th class="head">(?:<p>\s*</p>)?\s*</th>')
EMPTY_HEAD = re.compile(rf'<thead>\s*<tr[^>]*>\s*(?:{EMPTY_CELL.pattern}\s*)+</tr>\s*</thead>')

FRAMES = "_static/frames"
FRAME = re.compile(r"course-frames:([0-9a-f]{16}\.png)")
KEPT_CACHES = 3  # of earlier states of lib, for those who go to and fro


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything; the kernels inherit the environment that is set here."""
    environment.prepare(environment.FRAMES)
    # sphinxcontrib-bibtex asks for each citation, and pybtex then reads all packages' metadata.
    pybtex.plugin.find_plugin = cache(pybtex.plugin.find_plugin)
    app.setup_extension("course_pages")
    app.setup_extension("course_exercises")
    app.setup_extension("course_claims")
    app.connect("config-inited", configure, priority=900)
    app.connect("builder-inited", lend_html_nodes)
    app.connect("autodoc-process-docstring", keep_colons, priority=100)
    app.connect("doctree-read", note_frames)
    app.connect("doctree-read", note_tolerances)
    app.connect("env-purge-doc", forget_frames)
    app.connect("env-merge-info", merge_frames)
    app.connect("env-updated", write_side_by_side)
    app.connect("html-page-context", lab_panels.lend_scripts, priority=800)
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", copy_assets)
    app.add_js_file("explore.js", loading_method="defer")
    app.add_js_file("folds.js", loading_method="defer")
    app.add_js_file("search.js", loading_method="defer")
    app.add_js_file("tips.js", loading_method="defer")
    for sheet in ("type", "explore", "course", "landing", "print"):
        app.add_css_file(f"{sheet}.css", priority=900)  # after those of other extensions
    return {"version": "1", "env_version": 1, "parallel_read_safe": True,
            "parallel_write_safe": True}


def state_of_lib() -> str:
    """Return a name for all that the notebooks' outputs depend on besides their own cells."""
    digest = hashlib.sha256()
    for name in ("numpy", "matplotlib", "pillow"):
        digest.update(f"{name} {version(name)} ".encode())
    digest.update(platform.python_version().encode())
    for path in sorted(LIB.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md":
            digest.update(f"{path.relative_to(LIB).as_posix()} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def configure(app: Sphinx, config: Any) -> None:
    """Choose the cache of executed notebooks, fill it with those that were run, and MathJax."""
    config.mathjax_path = f"mathjax/{MATHJAX_START}"
    # jupyter-cache looks at a notebook's cells alone, so each state of lib has a cache of its own.
    if not config.nb_execution_cache_path:
        caches = Path(app.outdir).parent / ".jupyter_cache"
        cache = caches / state_of_lib()
        cache.mkdir(parents=True, exist_ok=True)
        os.utime(cache)
        for old in sorted(caches.iterdir(), key=lambda path: -path.stat().st_mtime)[KEPT_CACHES:]:
            if old.is_dir():
                shutil.rmtree(old)
        config.nb_execution_cache_path = str(cache)
        for path in executed.lend(cache, sorted((ROOT / "chapters").glob("*.ipynb"))):
            LOG.info("%s was not run yet by make book or make test: it is run now", path.name)


def write_side_by_side(app: Sphinx, env: Any) -> None:
    """Let several processes write the pages, for which Jupyter Book has no option.

    Not before all are read: sphinx-proof cannot bring together what several processes read.
    """
    if sys.platform == "linux":  # elsewhere libraries may not survive a fork
        app.parallel = environment.workers()


def lend_html_nodes(app: Sphinx) -> None:
    """Give other HTML builders the nodes that extensions registered for ``html``.

    sphinx-exercise registers some for ``singlehtml``, which hides those of all other extensions.
    """
    handlers = app.registry.translation_handlers
    for name in ("singlehtml", "dirhtml"):
        if name in handlers:
            handlers[name] = {**handlers["html"], **handlers[name]}


def keep_colons(app: Sphinx, what: str, name: str, obj: Any, options: Any,
                lines: list[str]) -> None:
    """Save a constant's first line from napoleon, to which a colon ends the name of a type."""
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # an empty comment


def frames_of(app_or_env: Any) -> dict[str, set[str]]:
    """Return which frames each page shows; Sphinx keeps it with its environment."""
    env = getattr(app_or_env, "env", app_or_env)
    if not hasattr(env, "course_frames"):
        env.course_frames = {}
    return env.course_frames


def note_frames(app: Sphinx, doctree: nodes.document) -> None:
    """Note the frames of a page that was read."""
    names = {name for node in doctree.findall(nodes.raw) for name in FRAME.findall(node.astext())}
    if names:
        frames_of(app)[app.env.docname] = names


def note_tolerances(app: Sphinx, doctree: nodes.document) -> None:
    """Say under an output by how much its numbers may differ on another machine."""
    for cell in doctree.findall(nodes.container):
        allowed = cell.get("cell_metadata", {}).get("tolerance")
        for output in cell.children if allowed else ():
            if output.get("nb_element") == "cell_code_output":
                words = tolerance.note(allowed)
                output.append(nodes.paragraph(words, words, classes=["tolerance"]))


def forget_frames(app: Sphinx, env: Any, docname: str) -> None:
    """Forget the frames of a page that is read anew or is gone."""
    frames_of(env).pop(docname, None)


def merge_frames(app: Sphinx, env: Any, docnames: list[str], other: Any) -> None:
    """Take over what another process noted."""
    frames_of(env).update({name: each for name, each in frames_of(other).items()
                           if name in docnames})


def mended(body: str) -> str:
    """Return a page without headings that head nothing, and with roles that are allowed."""
    body = EMPTY_CELL.sub("<td></td>", EMPTY_HEAD.sub("", body))
    # Docutils gives an entry of a list of sources a role that is withdrawn, and allowed in no list.
    return body.replace('role="doc-biblioentry"', 'role="listitem"')


def finish_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any],
                doctree: nodes.document | None) -> None:
    """Give the frames their addresses, mend what screen readers stumble over, leave thebe out.

    Thebe would need a content network and a public server, and throws an error on every page.
    """
    if "body" in context:
        folder = context["pathto"](FRAMES, resource=True)
        context["body"] = mended(FRAME.sub(rf"{folder}/\1", context["body"]))
    for kind in ("script_files", "css_files"):
        seen, kept = set(), []
        for each in context.get(kind, []):
            body = getattr(each, "attributes", {}).get("body") or ""
            key = f"{getattr(each, 'filename', each)} {body}"
            if "thebe" not in key.lower() and key not in seen:
                seen.add(key)
                kept.append(each)
        context[kind] = kept


def copy_assets(app: Sphinx, error: Exception | None) -> None:
    """Put frames, MathJax and the data of the model in the page beside the pages."""
    if app._warncount:
        # Otherwise the next build would read nothing again, hence warn of nothing, and pass.
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    copy_frames(app, Path(app.outdir) / FRAMES)
    lab_panels.write_data(app)
    with as_file(files(MATHJAX) / "static" / "mathjax") as source:
        for part in MATHJAX_PARTS:
            target = static / "mathjax" / part
            if (source / part).is_dir():
                shutil.copytree(source / part, target, dirs_exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / part, target)
    for extra in static.rglob("*.map"):
        extra.unlink()


def copy_frames(app: Sphinx, target: Path) -> None:
    """Make the book's frames those that its pages show."""
    used = set().union(*frames_of(app).values()) if frames_of(app) else set()
    target.mkdir(parents=True, exist_ok=True)
    for path in target.iterdir():
        if path.name not in used:
            path.unlink()
    for name in sorted(used):
        if not (environment.FRAMES / name).exists():
            LOG.warning("the picture %s is gone from %s; make clean, then build again", name,
                        environment.FRAMES)
        elif not (target / name).exists():
            shutil.copyfile(environment.FRAMES / name, target / name)
