"""What the page holds: its tables, the panels of the model analysis, and what its script asks for.

The script's part is JSON: every number it shows, and what each chart offers as CSV.
"""

import base64
import struct
from collections.abc import Iterable
from typing import Any

from induction.report.answer import Found
from induction.report.explorer import explored
from induction.report.figures.analysis import FRAME, Measure, plane
from induction.report.formatting import short
from induction.report.sparkline import Spark, spark, stretch
from induction.text.token_display import display_tokens, show_invisible

Rows = list[dict]
# Digits in a CSV of the page; the tables have all.
DIGITS = 6
# Small lines of each head over training: title, query, column, and the rows that count.
SPARKS = (
    ("prefix matching", "heads", "prefix_matching", {}),
    ("previous token", "heads", "previous_token", {}),
    ("ΔICL, patterns held", "ablations", "delta_icl", {"mode": "pattern"}),
    ("ΔICL, full", "ablations", "delta_icl", {"mode": "full"}),
)
# Which rows each figure draws, beside those of the model analysis.
DRAWN = {
    "answer": "answer",
    "learning": "curves",
    "phases": "phases",
    "gates": "heads",
    "circuit": "final_heads",
    "repeats": "repeats",
    "interventions": "interventions",
}
# The same of the page of circuits; attention has its numbers beside every map.
CIRCUITS_DRAWN = {
    "circuit_paths": "circuit_paths",
    "circuit_edges": "circuit_edges",
    "circuit_graph": "circuit_edges",
    "circuit_compositions": "circuit_compositions",
    "circuit_attention": "",
    "circuit_positions": "circuit_heads",
    "circuit_offsets": "circuit_offsets",
    "circuit_eigenvalues": "circuit_eigenvalues",
    "circuit_parts": "circuit_attribution",
    "circuit_orders": "circuit_orders",
    "circuit_direct": "circuit_direct",
    "circuit_trigrams": "circuit_trigrams",
}


def tables(found: dict[str, Rows], names: Iterable[str]) -> dict[str, dict[str, list]]:
    """The rows of some queries, column by column."""
    return {
        name: {key: [short(row[key], DIGITS) for row in found[name]] for key in found[name][0]}
        for name in dict.fromkeys(names)
        if found.get(name)
    }


def columns(cells: list[Found]) -> list[dict[str, Any]]:
    """Of the model analysis: a panel, and the cell of its lowest seed."""
    first: dict[str, Found] = {}
    for own in cells:
        first.setdefault(own.panel, own)
    return [{"panel": panel, "cell": own.name} for panel, own in first.items()]


def sparks(
    found: dict[str, Rows], cell: str, end: int
) -> list[tuple[str, dict[str, tuple[Spark, float]]]]:
    """By title, and by the name of each head of a cell: its line, and where it ends."""
    result = []
    for title, query, column, where in SPARKS:
        rows = [row for row in found[query] if row["cell"] == cell and where.items() <= row.items()]
        if not rows:
            continue
        values = [row[column] for row in rows]
        low, high = (0.0, 1.0) if query == "heads" else (min(0.0, *values), max(0.1, *values))
        lines = {}
        for name in dict.fromkeys(row["name"] for row in rows):
            own = [row for row in rows if row["name"] == name]
            line = spark([r["tokens"] for r in own], [r[column] for r in own], end, low, high)
            lines[name] = (line, own[-1][column])
        result.append((title, lines))
    return result


def windows(cells: list[Found], end: int) -> dict[str, tuple[float, float]]:
    """Of every cell that changes, where its window lies behind a small line."""
    return {
        own.name: stretch(own.window["start_tokens"], own.window["end_tokens"], end)
        for own in cells
        if own.changed
    }


def changes(found: dict[str, Rows], end: int) -> dict[str, dict[str, Rows]]:
    """By cell the tokens that gained and that lost most: with the text before them, the token
    itself last, and their loss over training."""
    lines = {(r["cell"], r["seq"], r["pos"]): r["losses"] for r in found["token_losses"]}
    steps = _checkpoints(found)
    result: dict[str, dict[str, Rows]] = {}
    for row in found["token_changes"]:
        *before, token = display_tokens(row["tokens"])
        losses = lines[row["cell"], row["seq"], row["pos"]]
        own = row | {
            "document": show_invisible(row["document"]),
            "text": "".join(before),
            "token": token,
            "spark": spark(steps[row["cell"]], losses, end, 0.0, max(losses)),
        }
        kind = "gained" if row["change"] < 0 else "lost"
        result.setdefault(row["cell"], {"gained": [], "lost": []})[kind].append(own)
    for own in result.values():
        own["lost"].reverse()
    return result


def passages(found: dict[str, Rows]) -> Rows:
    """The passages shown, with every token as text."""
    names = ("gains most", "the middle one", "gains least")
    kept = found["passages"]
    return [
        {
            "seq": row["seq"],
            "document": show_invisible(row["document"]),
            "start": row["start"],
            "name": names[i] if len(kept) == len(names) else f"passage {i + 1}",
            "tokens": display_tokens(row["tokens"]),
        }
        for i, row in enumerate(kept)
    ]


def first_passage(found: dict[str, Rows], cell: str) -> list[tuple[str, str]]:
    """Tokens of the first passage with the class of their colour in a cell, or no passage if the
    cell reads another text; the first token is not predicted."""
    moment = next((row for row in found["moments"] if row["cell"] == cell), None)
    if moment is None:
        return []
    own = found["passages"][0]
    (row,) = (r for r in found["passage_losses"] if r["cell"] == cell and r["seq"] == own["seq"])
    size = len(row["losses"]) // len(row["steps"])

    def at(step: int) -> list[int]:
        i = row["steps"].index(step)
        return row["losses"][i * size : (i + 1) * size]

    pairs = zip(at(moment["before"]), at(moment["after"]), strict=True)
    change = [None, *((after - before) / 1000 for before, after in pairs)]
    return [
        (token, tint(own))
        for token, own in zip(display_tokens(own["tokens"]), change, strict=False)
    ]


def tint(change: float | None) -> str:
    """The class of a token's colour: g1 … g8 where its loss fell, l1 … l8 where it rose, by half
    nats. The script has the same rule."""
    if change is None or abs(change) < 0.25:
        return ""
    # Not round(), which takes halves to even numbers: the script takes them up.
    return f"{'g' if change < 0 else 'l'}{min(8, int(2 * abs(change) + 0.5))}"


def by_claim(evidence: Rows) -> dict[str, Rows]:
    """What each verdict rests on."""
    result: dict[str, Rows] = {}
    for row in evidence:
        result.setdefault(row["claim"], []).append(row)
    return result


def keys(measure: Measure, windows: Rows) -> list[dict[str, Any]]:
    """What the colours of a measure's lines mean."""
    if measure.lines == "head":
        values = sorted({row["layer"] for row in measure.rows})
        return [{"text": f"layer {own}", "colour": own % 6} for own in values]
    if measure.lines == "seed":
        seeds = sorted({row["seed"] for row in windows})
        return [{"text": f"seed {own}", "colour": i % 6} for i, own in enumerate(seeds)]
    return []


def script(found: dict[str, Rows], measures: list[Measure], cells: list[Found], end: int) -> dict:
    """All that the page's script needs."""
    steps = sorted({row["tokens"] for row in found["curves"]})
    return {
        "frame": FRAME,
        "end": end,
        "steps": steps,
        "plane": plane(found["trajectories"]) if found["trajectories"] else None,
        "columns": columns(cells),
        "measures": [
            {key: getattr(own, key) for key in ("name", "query", "value", "lines", "where")}
            for own in measures
        ],
        "drawn": DRAWN,
        "tables": tables(found, [*(own.query for own in measures), *DRAWN.values()]),
        "heads": patterns(found),
        "checkpoints": _checkpoints(found),
        "passages": passages(found),
        "losses": packed(found),
        "moments": {
            row["cell"]: [row["before_tokens"], row["after_tokens"]] for row in found["moments"]
        },
    }


def packed(found: dict[str, Rows]) -> dict[str, dict[str, str]]:
    """By cell and sequence the losses of the passages: two bytes each, the smaller first."""
    result: dict[str, dict[str, str]] = {}
    for row in found["passage_losses"]:
        own = struct.pack(f"<{len(row['losses'])}H", *row["losses"])
        result.setdefault(row["cell"], {})[str(row["seq"])] = base64.b64encode(own).decode()
    return result


def circuits(found: dict[str, Rows]) -> dict[str, Any]:
    """All that the script of the page of circuits needs."""
    return {
        "cells": explored(found),
        "drawn": CIRCUITS_DRAWN,
        "tables": tables(found, [own for own in CIRCUITS_DRAWN.values() if own]),
    }


def patterns(found: dict[str, Rows]) -> dict[str, dict]:
    """By cell: the tokens of both probes, the checkpoints read, and every head's attention at each
    as the lower triangle, row by row, in 255ths."""
    result: dict[str, dict] = {}
    for row in found["circuit_readings"]:
        if row["is_detailed"]:
            own = result.setdefault(row["cell"], {"shown": {}, "readings": [], "heads": {}})
            own["readings"].append({key: row[key] for key in ("step", "tokens", "at")})
    for row in found["circuit_shown"]:
        result[row["cell"]]["shown"][row["probe"]] = display_tokens(row["tokens"])
    for row in found["circuit_attention"]:
        head = result[row["cell"]]["heads"].setdefault(f"L{row['layer']}H{row['head']}", {})
        encoded = base64.b64encode(bytes(row["weights"])).decode()
        head.setdefault(row["probe"], []).append(encoded)
    return result


def _checkpoints(found: dict[str, Rows]) -> dict[str, list[int]]:
    """Tokens read at the checkpoints of every cell."""
    result: dict[str, list[int]] = {}
    for row in found["curves"]:
        result.setdefault(row["cell"], []).append(row["tokens"])
    return result
