"""One side of a comparison: what a report says, as it is compared."""

from dataclasses import dataclass, field
from typing import Any

from induction.config.errors import show
from induction.report.compare.measures import Estimate, Found, estimate, mapping, printed
from induction.report.compare.paired import PerSequence

Made = dict[str, dict[str, Any]]
MADE = ("code", "params", "versions")


@dataclass(frozen=True)
class Claim:
    text: str
    kind: str
    rule: str
    verdict: str
    value: Estimate | None


@dataclass(frozen=True)
class Side:
    """`name` is what was asked for, `what` where it was found. None: the report lacks it.

    `made` says of every file that the report was made of, and of itself, who made it; `text` is
    the sha256 of the study's text, `sequences` the measures of every evaluation sequence by cell.
    `files` are the bytes that all this was read from.
    """

    name: str
    what: str
    cells: dict[str, Found]
    claims: dict[str, Claim] | None
    params: dict[str, Any] | None
    made: Made | None
    text: str | None
    sequences: dict[str, PerSequence] | None = field(repr=False)
    files: dict[str, bytes] = field(repr=False)


def claims(found: Any) -> dict[str, Claim]:
    """Those of claims.json by their names, in its order. Raises ValueError for what is none."""
    if not isinstance(found, list):
        raise ValueError(f"found {show(found)}, expected a list of claims")
    every = {}
    for place, own in enumerate(found):
        where = f"claim {place}"
        texts = {
            key: mapping(own, where).get(key, "")
            for key in ("claim", "text", "kind", "rule", "verdict")
        }
        for key, value in texts.items():
            if not isinstance(value, str):
                raise ValueError(f"{where}: {key}: found {show(value)}, expected text")
        name, *rest = map(printed, texts.values())
        ends = (own.get(key) for key in ("value", "low", "high"))
        every[name] = Claim(*rest, estimate(*ends, where))
    return every


def made(found: Any) -> Made:
    """Of provenance.json: who made what, by its path. Raises ValueError for what is none."""
    own = mapping(found, "its content")
    files = mapping(own.get("inputs", {}), "inputs") | {"the report": own.get("report", {})}
    return {
        printed(path): {key: mapping(by, printed(path)).get(key) for key in ("stage", *MADE)}
        for path, by in files.items()
    }


def at(params: dict | None, *keys: str) -> Any:
    """What stands there, or None."""
    value: Any = params
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
