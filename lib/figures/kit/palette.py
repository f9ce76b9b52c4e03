"""The palette on one sheet: on a light page, on a dark one, and as colour-blind readers see it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import MEANINGS, Layout, Tone

Colour = tuple[float, float, float]

#: What an eye without one kind of cone sees, on linear RGB: Machado et al. 2009, severity 1.
EYES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
                   (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
                     (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
                   (0.004733, 0.691367, 0.303900)),
}

#: The dark page, and the filter of course.css there: hue-rotate(180deg), then saturate(SATURATION).
DARK_PAGE = "#121212"
HALF_TURN = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])
GREY = np.array([0.213, 0.715, 0.072])
SATURATION = 0.85


def linear(channels: np.ndarray) -> np.ndarray:
    """Return the light of sRGB channels (IEC 61966-2-1)."""
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def seen(colour: str, eye: str) -> Colour:
    """Return a colour as the named eye sees it; ``eye`` is a key of ``EYES``."""
    light = np.clip(np.array(EYES[eye]) @ linear(np.array(to_rgb(colour))), 0, 1)
    return tuple(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055))


def turned(colour: str) -> Colour:
    """Return a colour as the dark page's filter and its screen blending show it."""
    channels = np.clip(HALF_TURN @ (1 - np.array(to_rgb(colour))), 0, 1)
    grey = GREY @ channels
    channels = np.clip(grey + SATURATION * (channels - grey), 0, 1)
    return tuple(1 - (1 - channels) * (1 - np.array(to_rgb(DARK_PAGE))))


def contrast(first: str | Colour, second: str | Colour) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2): from 1 to 21."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    dark, light = sorted(float(weights @ linear(np.array(to_rgb(colour))))
                         for colour in (first, second))
    return (light + 0.05) / (dark + 0.05)


def on(colour: str | Colour) -> str:
    """Return ink or paper, whichever reads better on a colour."""
    return max((style.INK, style.PAPER), key=lambda words: contrast(words, colour))


def compute() -> dict[str, dict[str, Tone]]:
    """Return every meaning's tone as each kind of page and eye shows it."""
    ways = {"light page": to_rgb, "dark page": turned}
    ways |= {eye: lambda colour, eye=eye: seen(colour, eye) for eye in EYES}
    return {way: {name: Tone(see(tone.mark), see(tone.ink), see(tone.tint))
                  for name, tone in MEANINGS.items()} for way, see in ways.items()}


def _swatches(ax: Axes, left: float, top: float, tone: Tone, scale: float) -> None:
    for part, start, width in (("mark", 0, 0.42), ("ink", 0.44, 0.22), ("tint", 0.68, 0.22)):
        ax.add_patch(Rectangle((left + start * scale, top), width * scale, 0.24, lw=0,
                               fc=getattr(tone, part)))


@style.styled
def draw(data: dict[str, dict[str, Tone]], layout: Layout = "wide") -> Figure:
    """Draw every meaning as mark, ink and tint; the narrow layout keeps the two pages."""
    wide = layout == "wide"
    ways = list(data)[:5 if wide else 2]
    start, step = (1.72, 1.1) if wide else (1.66, 1.0)
    fig = style.canvas(layout, 3.1)
    ax = style.board(fig)
    ax.add_patch(Rectangle((start + step - 0.1, 0.1), step - 0.04, 2.9, fc=DARK_PAGE, lw=0))
    for j, way in enumerate(ways):
        left = start + step * j
        ax.text(left, 0.3, way, size=style.SMALL,
                color=turned(style.MUTED) if way == "dark page" else style.MUTED)
        for i, tone in enumerate(data[way].values()):
            _swatches(ax, left, 0.48 + 0.36 * i, tone, step - 0.2)
    for i, (name, tone) in enumerate(MEANINGS.items()):
        ax.text(style.MARGIN, 0.6 + 0.36 * i, name, color=tone.ink, va="center", weight=600)
    return fig


def alt(data: dict[str, dict[str, Tone]]) -> str:
    """Return the figure in words."""
    return (f"The book's colours: {', '.join(MEANINGS)}; each as shapes, words and fills on "
            f"{len(data)} kinds of page and eye.")
