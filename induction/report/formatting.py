"""Numbers and text as readers see them; what is not defined is a dash."""

from typing import Any

NONE = "–"
MINUS = "−"


def signed(number: str) -> str:
    """With a minus sign, and none before zero."""
    return number.lstrip("-") if not number.strip("-0.") else number.replace("-", MINUS)


def fixed(value: float | None, form: str = "%.3f") -> str:
    """A number in a printf form."""
    return NONE if value is None else signed(form % value)


def millions(tokens: float | int | None) -> str:
    return NONE if tokens is None else f"{tokens / 1e6:.2f} M"


def duration(seconds: int) -> str:
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def significant(value: float | None) -> str:
    """Three digits, or all that stand before the point."""
    if value is None:
        return NONE
    return signed(f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}")


def between(low: float | None, high: float | None, form: str = "") -> str:
    """An interval in brackets, by a printf form or else three digits; empty if there is none."""
    if low is None or high is None:
        return ""
    ends = [fixed(end, form) if form else significant(end) for end in (low, high)]
    return f" [{', '.join(ends)}]"


def short(value: Any, digits: int) -> Any:
    """Floats, also those of a list, to so many significant digits; the rest as it is."""
    if isinstance(value, list):
        return [short(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def escape_pipes(text: str) -> str:
    """Text for a cell of a Markdown table, which a pipe or a line break would end."""
    return text.replace("|", "\\|").replace("\n", " ")


def listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def with_visible_spaces(token: str) -> str:
    """A token of the byte-level alphabet; its spaces and line ends have signs."""
    return token.replace("Ġ", "␣").replace("Ċ", "↵")


def part_name(layer: int, part: str) -> str:
    """A part of the residual stream: L0H1, L0MLP, or what has no layer as it is called."""
    return f"L{layer}{part.upper()}" if part.startswith("h") or part == "mlp" else part
