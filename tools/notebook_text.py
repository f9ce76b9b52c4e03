"""Edit a notebook as a text file.

    python tools/notebook_text.py text chapters/01_tokens.ipynb       writes _text/01_tokens.md
    python tools/notebook_text.py notebook chapters/01_tokens.ipynb   brings the edits back

The text is MyST Markdown: prose as it is, code in ``{code-cell}`` blocks, ``+++`` between cells.
Outputs of unchanged cells are kept; ``tools/refresh.py`` makes the others. Nothing is overwritten
that would lose an edit: neither edited text nor a notebook that changed since its text was written.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import jupytext
import nbformat
from jupytext.combine import combine_inputs_with_outputs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.environment import ROOT
from tools.refresh import normalise, write

FOLDER = ROOT / "_text"
FORMAT = "md:myst"


class EditLost(ValueError):
    """Carrying on would overwrite somebody's edit."""


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return what an editor can change: type, source and tags of every cell."""
    return [(cell.cell_type, cell.source.strip("\n"), tuple(cell.metadata.get("tags", ())))
            for cell in notebook.cells]


def fingerprint(notebook: nbformat.NotebookNode) -> str:
    """Return a digest of the cells without their outputs."""
    return hashlib.sha256(json.dumps(cells(notebook)).encode()).hexdigest()


def text_path(path: Path, folder: Path = FOLDER) -> Path:
    """Return where the notebook's text lies."""
    return folder / f"{path.stem}.md"


def _base(target: Path) -> Path:
    return target.with_suffix(".base")


def to_text(path: Path, folder: Path = FOLDER) -> Path:
    """Write the notebook's cells as text and return the text's path.

    Raises ``EditLost`` when the text holds edits that are not yet in the notebook, and
    ``ValueError`` when the cells can't be written so that they are read back the same.
    """
    notebook = normalise(nbformat.read(path, as_version=4))
    target = text_path(path, folder)
    if target.exists() and _base(target).exists():
        edited = fingerprint(jupytext.read(target, fmt=FORMAT))
        if edited not in (_base(target).read_text().strip(), fingerprint(notebook)):
            raise EditLost(f"{target.name} holds edits that are not in the notebook yet: bring "
                           f"them back (make notebook NB={path.name}) or delete the file")
    text = jupytext.writes(notebook, fmt=FORMAT)
    if cells(jupytext.reads(text, fmt=FORMAT)) != cells(notebook):
        raise ValueError(f"{path.name} has a cell that does not survive the way to text and back: "
                         "look for +++ or a {code-cell} block inside a Markdown cell")
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    _base(target).write_text(fingerprint(notebook) + "\n")
    return target


def to_notebook(path: Path, folder: Path = FOLDER) -> Path:
    """Bring the edited text back into the notebook, or make a new one, and return its path.

    Raises ``FileNotFoundError`` when there is no text and ``EditLost`` when the notebook itself
    was edited since the text was written.
    """
    target = text_path(path, folder)
    edited = jupytext.read(target, fmt=FORMAT)
    if path.exists():
        stored = nbformat.read(path, as_version=4)
        known = _base(target).read_text().strip() if _base(target).exists() else None
        if fingerprint(stored) not in (known, fingerprint(edited)):
            raise EditLost(f"{path.name} was edited since {target.name} was written: keep one of "
                           "the two (delete the text, or restore the notebook) and try again")
        edited = combine_inputs_with_outputs(edited, stored, fmt=FORMAT)
    write(normalise(edited), path)
    _base(target).write_text(fingerprint(edited) + "\n")
    return path


def main(arguments: list[str]) -> int:
    """Run one of the two directions for each notebook named."""
    actions = {"text": to_text, "notebook": to_notebook}
    if len(arguments) < 2 or arguments[0] not in actions:
        print("Name a notebook: make text NB=chapters/01_tokens.ipynb (or make notebook NB=...)",
              file=sys.stderr)
        return 2
    for name in arguments[1:]:
        try:
            done = actions[arguments[0]](ROOT / "chapters" / Path(name).name)
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
        print(f"Wrote {done.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
