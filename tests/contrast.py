"""How well two colours are told apart by their lightness: WCAG 2.1."""

from collections.abc import Sequence

import numpy as np


def linear(colour: Sequence[float]) -> np.ndarray:
    """Of sRGB in 255ths."""
    parts = np.array(colour) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    darker, lighter = sorted(
        float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other)
    )
    return (lighter + 0.05) / (darker + 0.05)
