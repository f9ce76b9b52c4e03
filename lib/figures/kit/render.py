"""From a figure to a small PNG of fixed size, in which rare colours keep their meaning."""

from __future__ import annotations

import functools
import io

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from PIL import Image

from lib.figures.kit.style import DPI, Layout, settings

COLOURS = 128

#: zlib's effort: one less than the most takes less than half the time and 1% more bytes.
EFFORT = 8

#: One a size of picture: matplotlib keeps the measures of words with the renderer that took them.
_renderer = functools.lru_cache(8)(RendererAgg)


def pixels(fig: Figure, layout: Layout) -> np.ndarray:
    """Return the picture as bytes: (height, width, 4), all opaque."""
    fig.set_dpi(DPI[layout])
    renderer = _renderer(*fig.canvas.get_width_height(physical=True), fig.dpi)
    renderer.clear()
    with mpl.rc_context(settings()):
        fig.draw(renderer)
    return np.array(renderer.buffer_rgba())  # a copy: the next figure is drawn over this one


def reduce(picture: np.ndarray, colours: int = COLOURS) -> tuple[np.ndarray, np.ndarray]:
    """Keep the most frequent colours exactly and map each other one to its nearest.

    A median cut would move rare colours, such as those of a single letter, to other meanings.
    ``picture`` is (height, width, 4) bytes. Returns the palette (colours, 3) and each pixel's index
    into it (height, width).
    """
    flat = np.ascontiguousarray(picture).view(">u4").ravel()
    # Pictures are flat: runs of one colour are twenty times fewer than pixels.
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(starts, append=flat.size)
    codes, where = np.unique(flat[starts], return_inverse=True)
    counts = np.bincount(where, lengths)
    found = np.stack([codes >> 24, codes >> 16 & 255, codes >> 8 & 255], 1).astype(np.int32)
    palette = found[np.argsort(-counts, kind="stable")[:colours]]
    nearest = ((found[:, None] - palette) ** 2).sum(-1).argmin(1).astype(np.uint8)
    return palette, np.repeat(nearest[where], lengths).reshape(picture.shape[:2])


def png(fig: Figure, layout: Layout, colours: int = COLOURS) -> bytes:
    """Render a figure as a PNG; the same figure gives the same bytes."""
    palette, index = reduce(pixels(fig, layout), colours)
    image = Image.fromarray(index)
    image.putpalette(palette.astype(np.uint8).ravel().tolist())
    file = io.BytesIO()
    image.save(file, "png", compress_level=EFFORT)
    return file.getvalue()
