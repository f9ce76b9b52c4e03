"""The HTML of a figure in the published book: rows of controls, the picture, its caption.

A quantity is a range with a button for one step down and one for up, a choice of names a row of
radio buttons, which the arrow keys move as well. book/_static/explore.js gives them their effect.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

from lib.figures.kit import frames


def are_names(values: Sequence[Any]) -> bool:
    """Tell a choice, of words or of yes and no, from a quantity, which has an order."""
    return all(isinstance(value, str | bool) for value in values)


def row(label: str, written: Sequence[str], at: int, names: bool) -> str:
    """Return one control.

    Args:
        label: What stands before it.
        written: Its values as a reader sees them.
        at: The place of the value that it starts with.
        names: Whether it is a choice of names.
    """
    kind, inner = ("names", _names) if names else ("quantity", _quantity)
    values = html.escape(json.dumps(written, ensure_ascii=False))
    return (f'<div class="explore-row {kind}" data-values="{values}">'
            f"{inner(html.escape(label), [html.escape(each) for each in written], at)}</div>")


def _names(label: str, written: list[str], at: int) -> str:
    # Radio buttons of the same name belong together within a form, so each figure has its own.
    buttons = "".join(
        f'<label><input type="radio" name="{label}" value="{place}"'
        f'{" checked" if place == at else ""}><span>{each}</span></label>'
        for place, each in enumerate(written))
    return (f'<span class="name" aria-hidden="true">{label}</span>'
            f'<div class="choices" role="radiogroup" aria-label="{label}">{buttons}</div>')


def _quantity(label: str, written: list[str], at: int) -> str:
    return (f'<span class="name" aria-hidden="true">{label}</span>'
            f'<output aria-hidden="true">{written[at]}</output>'
            f'<span class="low" aria-hidden="true">{written[0]}</span>'
            f'<button type="button" value="-1" aria-label="{label}, one step back">\u2212</button>'
            f'<input type="range" min="0" max="{len(written) - 1}" step="1" value="{at}" '
            f'aria-label="{label}" aria-valuetext="{written[at]}">'
            f'<button type="button" value="1" aria-label="{label}, one step on">+</button>'
            f'<span class="high" aria-hidden="true">{written[-1]}</span>')


def picture(files: Sequence[str], words: str) -> str:
    """Return a picture from the names of its wide and its narrow file, and its words."""
    wide, narrow = ((frames.ADDRESS + file, *frames.size(file)) for file in files)
    return (f'<picture><source media="(max-width: 680px)" srcset="{narrow[0]}" '
            f'width="{narrow[1]}" height="{narrow[2]}">'
            f'<img class="frame" src="{wide[0]}" width="{wide[1]}" height="{wide[2]}" '
            f'alt="{html.escape(words)}"></picture>')


def page_figure(shown: str, caption: str | None, rows: Sequence[str] = (),
                data: dict[str, Any] | None = None, widest: int = 0) -> str:
    """Return a whole figure; the book's build writes its number before the caption.

    Args:
        shown: The picture.
        caption: One sentence that says what to see, whatever the controls say.
        rows: The controls.
        data: What the script needs to move the picture, by the names ``images``, ``frames`` and
            ``captions``, the last being each frame in words.
        widest: Characters of the longest value, for which room is kept.
    """
    words = f"<figcaption>{html.escape(caption or '')}</figcaption>"
    if data is None:
        return f'<figure class="explore">{shown}{words}</figure>'
    # The picture's text alternative tells the frame. The live region tells it when it changes, and
    # is empty otherwise, so that nobody hears the same sentence twice.
    script = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    return (f'<figure class="explore" style="--widest: {widest}ch"><form>{"".join(rows)}</form>'
            f'{shown}{words}<p class="recital" aria-live="polite"></p>'
            f'<script type="application/json">{script}</script></figure>')
