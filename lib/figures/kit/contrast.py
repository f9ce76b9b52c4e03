"""How colours look on a light page and on a dark one, and what can be read on them."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from lib.figures.kit import style

Colour = tuple[float, float, float]

#: The dark page, and explore.css's filter there: hue-rotate(180deg), then saturate(SATURATION).
DARK_PAGE = "#121212"
HALF_TURN = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])
GREY = np.array([0.213, 0.715, 0.072])
SATURATION = 0.85


def linear(channels: np.ndarray) -> np.ndarray:
    """Return the light of sRGB channels (IEC 61966-2-1)."""
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


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
