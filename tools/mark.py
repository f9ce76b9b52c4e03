"""The book's mark: a tall B and a wide A form an L, and their product fills the square between.

Pure SVG. ``python -m tools.mark FOLDER`` writes the files of ``FILES`` into a folder.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

from lib.figures.kit import style

TITLE = "Fine-tuning from scratch"

#: How much of its colour each of the three cells of a strip has, from the corner outwards.
SHARES = (1.0, 0.68, 0.4)


def blend(low: str, high: str, share: float) -> str:
    """Return the colour that lies ``share`` of the way from one colour to another."""
    pairs = zip(bytes.fromhex(low[1:]), bytes.fromhex(high[1:]))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _cell(left: float, top: float, wide: float, high: float, colour: str, radius: float) -> str:
    return (f'<rect x="{left:g}" y="{top:g}" width="{wide:g}" height="{high:g}" '
            f'rx="{radius:g}" fill="{colour}"/>')


def _svg(width: float, height: float, words: str, cells: list[str]) -> str:
    body = "\n".join(cells)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'role="img" aria-label="{words}">\n<title>{words}</title>\n{body}\n</svg>\n')


def logo() -> str:
    """Return the mark for the header, 32 pixels and up."""
    cells = []
    for i, b in enumerate(reversed(SHARES)):
        top = 1.5 + 7.5 * i
        cells.append(_cell(1.5, top, 4.5, 6.5, blend("#eda98b", style.B.mark, b), 1))
        for j, a in enumerate(SHARES):
            cells.append(_cell(8.5 + 7.5 * j, top, 6.5, 6.5,
                               blend("#e6cfe8", style.LORA.mark, a * b), 1))
    cells += [_cell(8.5 + 7.5 * j, 26, 6.5, 4.5, blend("#93c0e8", style.A.mark, a), 1)
              for j, a in enumerate(SHARES)]
    return _svg(32, 32, TITLE, cells)


def favicon() -> str:
    """Return three shapes only, for the 16 pixels of a tab."""
    return _svg(16, 16, TITLE, [_cell(1, 1, 3, 10, style.B.mark, 0.6),
                                _cell(5, 1, 10, 10, style.LORA.mark, 0.6),
                                _cell(5, 12, 10, 3, style.A.mark, 0.6)])


def hero(rows: int = 12, columns: int = 34, step: float = 15.0) -> str:
    """Return the picture of the front page: two strips of numbers move a whole field of them."""
    inner, edge, gap = step - 2.5, 4.0, 10.0
    b = [0.5 + 0.5 * math.cos(0.5 * (rows - 1 - i)) for i in range(rows)]
    a = [0.5 + 0.5 * math.cos(0.43 * j) * math.cos(0.021 * j * j) for j in range(columns)]
    left, low = edge + step + gap, edge + rows * step + gap
    cells = []
    for i in range(rows):
        top = edge + i * step
        cells.append(_cell(edge, top, inner, inner, blend("#f6d3c3", style.B.mark, b[i]), 2.5))
        cells += [_cell(round(left + j * step, 1), top, inner, inner,
                        blend(style.FROZEN.tint, style.LORA.mark, b[i] * a[j]), 2.5)
                  for j in range(columns)]
    cells += [_cell(round(left + j * step, 1), low, inner, inner,
                    blend("#c9dff3", style.A.mark, a[j]), 2.5) for j in range(columns)]
    return _svg(left + columns * step + edge - 2.5, low + step + edge - 2.5,
                "A tall strip of numbers, B, and a wide one, A, fill a large grid: their product",
                cells)


FILES: dict[str, Callable[[], str]] = {"logo.svg": logo, "favicon.svg": favicon, "hero.svg": hero}


def write(folder: Path) -> None:
    """Write every file of the mark into ``folder``."""
    for name, make in FILES.items():
        (folder / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
