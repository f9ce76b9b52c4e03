"""From a figure to a small PNG of fixed size, in which rare colours keep their meaning."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lib.figures.kit.style import DPI, Layout, settings

COLOURS = 128


def pixels(fig: Figure, layout: Layout) -> np.ndarray:
    """Return the picture as bytes: (height, width, 3)."""
    fig.set_dpi(DPI[layout])
    with mpl.rc_context(settings()):
        canvas = FigureCanvasAgg(fig)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def reduce(picture: np.ndarray, colours: int = COLOURS) -> tuple[np.ndarray, np.ndarray]:
    """Keep the most frequent colours exactly and map each other one to its nearest.

    A median cut would move rare colours, such as those of a single letter, to other meanings.
    Returns the palette (colours, 3) and each pixel's index into it (height, width).
    """
    packed = picture.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    codes, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    found = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)
    palette = found[np.argsort(-counts, kind="stable")[:colours]]
    nearest = ((found[:, None] - palette) ** 2).sum(-1).argmin(1).astype(np.uint8)
    return palette, nearest[where].reshape(packed.shape)


def png(fig: Figure, layout: Layout, colours: int = COLOURS) -> bytes:
    """Render a figure as a PNG; the same figure gives the same bytes."""
    palette, index = reduce(pixels(fig, layout), colours)
    image = Image.fromarray(index)
    image.putpalette(palette.astype(np.uint8).ravel().tolist())
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    return file.getvalue()
