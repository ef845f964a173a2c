"""The numbers of a text, and those that stand in none of the files that they should be from."""

import re
from bisect import bisect_left

# In prose: a sign makes no difference, since a fall may be said as a positive number.
IN_PROSE = re.compile(r"(?<![\w.,])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?:\u202f| )?(%|M\b)?(?!\w)")
IN_FILES = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:[,_]\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?(?![\w]|\.\d)"
)
UNITS = {"": 1.0, "%": 0.01, "M": 1e6}


def known_numbers(text: str) -> list[float]:
    """The numbers of a file, without their signs."""
    return [float(number.replace(",", "").replace("_", "")) for number in IN_FILES.findall(text)]


def stray_numbers(text: str, known: list[float]) -> set[str]:
    """The numbers of Markdown that are none of `known`, at the precision that they are given with.

    Code, comments and the targets of links are left out; minutes and seconds count as seconds.
    """
    for skipped in (r"^```.*?^```", r"<!--.*?-->", r"`[^`\n]*`", r"\]\([^)]*\)"):
        text = re.sub(skipped, " ", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"(\d+) min (\d+) s", lambda took: f"{60 * int(took[1]) + int(took[2])} s", text)
    ordered = sorted(known)
    return {
        whole + decimals
        for whole, decimals, unit in IN_PROSE.findall(text)
        # Files that are read by people have the same units.
        if not any(
            _stands(float(whole.replace(",", "") + decimals), decimals, one, ordered)
            for one in {UNITS[unit], 1.0}
        )
    }


def _stands(number: float, decimals: str, unit: float, ordered: list[float]) -> bool:
    """Whether one of `ordered` is the number when it is rounded to as many decimals."""
    slack = 0.5 * 10.0 ** -max(len(decimals) - 1, 0) * (1 + 1e-9) * unit
    place = bisect_left(ordered, number * unit - slack)
    return place < len(ordered) and ordered[place] <= number * unit + slack
