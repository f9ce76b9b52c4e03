"""Pictures with sliders that work with a kernel and, in the published book, without one.

``explore`` draws one frame for each combination of values, ``show`` a single picture. The variable
``COURSE_EXPLORE`` says how: ``live`` (the default; a kernel redraws as a slider moves), ``static``
(the book's build; every frame is drawn beforehand and stored as a file) or ``still`` (stored
notebooks; one picture and its words).
"""

from __future__ import annotations

import base64
import functools
import html
import inspect
import itertools
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lib.figures.kit import controls, frames
from lib.figures.kit.frames import Frame
from lib.figures.kit.render import png
from lib.figures.kit.style import WIDTH

__all__ = ["explore", "show", "show_source"]

MODE = "COURSE_EXPLORE"
#: Width in CSS pixels at which a wide picture is shown.
SHOWN = int(WIDTH["wide"] * 100)
#: Hides from the eye what a screen reader says.
UNSEEN = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)"


def explore(figure: Any, compute: Callable[..., Any], *, start: Mapping[str, Any] | None = None,
            labels: Mapping[str, str] | None = None,
            formats: Mapping[str, str | Callable[[Any], str]] | None = None,
            caption: str | None = None, narrow: bool = False,
            **choices: Sequence[Any]) -> None:
    """Show a figure under one control for each keyword that holds a list of values.

    Numbers become a slider, and names a row of buttons.

    Args:
        figure: A module of ``lib.figures``: its ``draw(data, layout=...)`` returns the matplotlib
            figure for the layout ``"wide"`` or ``"narrow"``, its ``alt(data)`` the frame in words,
            which are its text alternative.
        compute: Called once a frame as ``compute(**values)`` with one value of each slider; returns
            the data, or a tuple of what ``draw`` and ``alt`` take.
        start: First value of some sliders; by default the first choice.
        labels: What to write before a slider instead of its keyword, as in ``{"alpha": "α"}``.
        formats: How to write a slider's values: a format such as ``"{:.1f}"``, or a function.
        caption: A sentence under the picture that says what to see in it, whatever the frame; by
            default the figure's own ``CAPTION``. The published book writes the figure's number
            before it. A stored notebook has no place for it.
        narrow: Whether to show the narrow layout in the published book on wide screens too, as a
            column beside text wants it.
        **choices: The values of each slider, in their order.

    Raises:
        ValueError: A slider has no values, or ``start``, ``labels`` or ``formats`` name a value or
            a slider that there is not.
    """
    sliders = {name: list(values) for name, values in choices.items()}
    if not sliders:
        raise ValueError("explore needs at least one slider, as in explore(..., rank=[1, 2, 4])")
    for name, values in sliders.items():
        if not values:
            raise ValueError(f"the slider {name!r} has no values; at least one is needed")
    for what, given in (("start", start), ("labels", labels), ("formats", formats)):
        unknown = set(given or ()) - set(sliders)
        if unknown:
            raise ValueError(f"{what} names {', '.join(sorted(unknown))}; "
                             f"the sliders are {', '.join(sliders)}")
    first = {name: values[0] for name, values in sliders.items()} | dict(start or {})
    for name, value in first.items():
        if value not in sliders[name]:
            raise ValueError(f"{name} starts at {value!r}; allowed are {sliders[name]}")
    rows = {name: ((labels or {}).get(name, name),
                   [_written((formats or {}).get(name, "{}"), value) for value in values])
            for name, values in sliders.items()}
    caption = _caption(figure, caption)
    mode = _mode()
    if mode == "still":
        _still(Frame(figure, compute(**first)))
    elif mode == "static":
        _static(figure, compute, sliders, first, rows, caption, narrow)
    else:
        _live(figure, compute, sliders, first, rows, caption)


def show(figure: Any, data: Any = (), *, alt: str | None = None, caption: str | None = None,
         narrow: bool = False) -> None:
    """Show one picture without sliders.

    Args:
        figure: A module of ``lib.figures``, or a function ``draw(layout=...)`` of the reader's own.
        data: What the figure's ``draw`` and ``alt`` take; a tuple stands for several arguments.
        alt: The picture in words; by default the figure's own.
        caption: As for ``explore``.
        narrow: As for ``explore``.
    """
    frame = Frame(figure, data, alt)
    if _mode() != "static":
        _still(frame)
        return
    files, words = frames.stored(frame)
    picture = controls.picture(_layouts(files, narrow), words)
    _display({"text/html": controls.page_figure(picture, _caption(figure, caption)),
              "text/plain": words})


def show_source(*objects: Any) -> None:
    """Show the source of functions or classes as it stands in the library, docstrings and all."""
    code = "\n".join(textwrap.dedent(inspect.getsource(each)) for each in objects).rstrip()
    _display({"text/markdown": f"```python\n{code}\n```", "text/plain": code})


def _mode() -> str:
    mode = os.environ.get(MODE, "live")
    if mode not in ("live", "static", "still"):
        raise ValueError(f"{MODE} is {mode!r}; allowed are live, static, still")
    return mode


def _caption(figure: Any, given: str | None) -> str | None:
    return getattr(figure, "CAPTION", None) if given is None else given


def _written(form: str | Callable[[Any], str], value: Any) -> str:
    return form(value) if callable(form) else form.format(value)


def _display(data: dict[str, Any], **metadata: Any) -> None:
    from IPython.display import display
    display(data, metadata=metadata, raw=True)


def _inline(frame: Frame) -> str:
    return base64.b64encode(png(frame.draw("wide"), "wide")).decode()


def _still(frame: Frame) -> None:
    # The words are the output's text, so that comparing stored outputs compares them.
    words = frame.words()
    _display({"image/png": _inline(frame), "text/plain": words},
             **{"image/png": {"alt": words, "width": SHOWN}})


def _live(figure: Any, compute: Callable[..., Any], sliders: dict[str, list[Any]],
          first: dict[str, Any], rows: dict[str, tuple[str, list[str]]],
          caption: str | None) -> None:
    import ipywidgets as widgets
    from IPython.display import display
    moved = {name: (widgets.ToggleButtons if controls.are_names(values)
                    else widgets.SelectionSlider)(
        options=list(zip(rows[name][1], values)), index=values.index(first[name]),
        description=rows[name][0]) for name, values in sliders.items()}
    picture, recital = widgets.HTML(), widgets.HTML()
    below = widgets.HTML(html.escape(caption or ""))

    @functools.cache
    def shown(*positions: int) -> tuple[str, str]:
        now = {name: values[at] for (name, values), at in zip(sliders.items(), positions)}
        frame = Frame(figure, compute(**now))
        words = html.escape(frame.words())
        return (f'<img src="data:image/png;base64,{_inline(frame)}" alt="{words}" width="{SHOWN}" '
                f'style="max-width: 100%; height: auto; background: #fff">', words)

    def redraw(_: Any = None) -> None:
        picture.value, words = shown(*(slider.index for slider in moved.values()))
        recital.value = f'<div aria-live="polite" style="{UNSEEN}">{words}</div>'

    for slider in moved.values():
        slider.observe(redraw, "index")
    redraw()
    display(widgets.VBox([*moved.values(), picture, below, recital]))


def _static(figure: Any, compute: Callable[..., Any], sliders: dict[str, list[Any]],
            first: dict[str, Any], rows: dict[str, tuple[str, list[str]]],
            caption: str | None, narrow: bool) -> None:
    names: dict[str, int] = {}
    shown, recitals, begin = [], [], 0
    for values in itertools.product(*sliders.values()):
        now = dict(zip(sliders, values))
        begin = len(shown) if now == first else begin
        files, words = frames.stored(Frame(figure, compute(**now)))
        shown.append([names.setdefault(name, len(names)) for name in _layouts(files, narrow)])
        recitals.append(words)
    picture = controls.picture([list(names)[at] for at in shown[begin]], recitals[begin])
    data = {"images": [frames.ADDRESS + name for name in names], "frames": shown,
            "captions": recitals}
    lines = [controls.row(label, written, sliders[name].index(first[name]),
                          controls.are_names(sliders[name]))
             for name, (label, written) in rows.items()]
    widest = max(len(each) for _, written in rows.values() for each in written)
    _display({"text/html": controls.page_figure(picture, caption, lines, data, widest),
              "text/plain": recitals[begin]})


def _layouts(files: Sequence[str], narrow: bool) -> list[str]:
    """The files for a wide screen and for a narrow one."""
    return [files[-1]] * len(files) if narrow else list(files)
