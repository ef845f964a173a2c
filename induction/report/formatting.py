"""Numbers and text as the page spells them; what is not defined is a dash."""

from typing import Any

NONE = "–"


def fixed(value: float | None, form: str = "%.3f") -> str:
    """In a printf form."""
    return NONE if value is None else form % value


def millions(tokens: float | int | None) -> str:
    return NONE if tokens is None else f"{tokens / 1e6:.2f} M"


def significant(value: float | None) -> str:
    """Three digits, or all that stand before the point."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def between(low: float | None, high: float | None, form: str = "") -> str:
    """An interval in brackets, by a printf form or else three digits; empty if there is none."""
    if low is None or high is None:
        return ""
    ends = [form % end if form else significant(end) for end in (low, high)]
    return f" [{', '.join(ends)}]"


def short(value: Any, digits: int) -> Any:
    """Floats, also those of a list, to so many significant digits; the rest as it is."""
    if isinstance(value, list):
        return [short(own, digits) for own in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def piped(text: str) -> str:
    """For a cell of a table in Markdown, which a pipe or a line break would end."""
    return text.replace("|", "\\|").replace("\n", " ")
