"""One side of a comparison: the content of a report, checked."""

from dataclasses import dataclass, field
from typing import Any

from induction.config.errors import show
from induction.report.compare.measures import CellValues, Estimate, estimate, mapping, printed
from induction.report.compare.paired import PerSequence

# By path of a file: the stage that made it, and hashes of its code, params and versions.
Provenances = dict[str, dict[str, Any]]
COMPARED = ("code", "params", "versions")


@dataclass(frozen=True)
class ReportedClaim:
    """A claim as claims.json has it."""

    text: str
    kind: str
    rule: str
    verdict: str
    value: Estimate | None


@dataclass(frozen=True)
class Side:
    """The report called `name`; `what` says where it lies. None stands for what it lacks.

    `provenances` are those of the report and of every file it was made of; `text` is the sha256 of
    the study's text, `sequences` the measures of every evaluation sequence by cell. `files` are
    the bytes that all this was read from.
    """

    name: str
    what: str
    cells: dict[str, CellValues]
    claims: dict[str, ReportedClaim] | None
    params: dict[str, Any] | None
    provenances: Provenances | None
    text: str | None
    sequences: dict[str, PerSequence] | None = field(repr=False)
    files: dict[str, bytes] = field(repr=False)


def claims(content: Any) -> dict[str, ReportedClaim]:
    """Those of claims.json by their names, in its order. Raises ValueError for other content."""
    if not isinstance(content, list):
        raise ValueError(f"found {show(content)}, expected a list of claims")
    claims = {}
    for place, claim in enumerate(content):
        where = f"claim {place}"
        texts = {
            key: mapping(claim, where).get(key, "")
            for key in ("claim", "text", "kind", "rule", "verdict")
        }
        for key, value in texts.items():
            if not isinstance(value, str):
                raise ValueError(f"{where}: {key}: found {show(value)}, expected text")
        value, low, high = (claim.get(key) for key in ("value", "low", "high"))
        shown = {key: printed(text) for key, text in texts.items()}
        name = shown.pop("claim")
        claims[name] = ReportedClaim(**shown, value=estimate(value, low, high, where))
    return claims


def provenances(content: Any) -> Provenances:
    """Those of provenance.json. Raises ValueError for other content."""
    entries = mapping(content, "its content")
    files = mapping(entries.get("inputs", {}), "inputs")
    files = files | {"the report": entries.get("report", {})}
    return {
        printed(path): {key: mapping(entry, printed(path)).get(key) for key in ("stage", *COMPARED)}
        for path, entry in files.items()
    }


def param(params: dict | None, *keys: str) -> Any:
    """The value below these keys, or None."""
    value: Any = params
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
