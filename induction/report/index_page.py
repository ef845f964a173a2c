"""What index.html shows beside sentences and figures, and what its script reads.

The script's part is JSON: every number that it shows, and the rows that charts offer as CSV.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any

from induction.report.figures.figure import Figure
from induction.report.figures.model_table import FRAME
from induction.report.figures.pca_paths import plane
from induction.report.findings import CellFindings
from induction.report.formatting import short
from induction.report.rendering import encode
from induction.report.rows import Results, Rows
from induction.report.sparkline import Sparkline, sparkline, stretch
from induction.text.token_display import display_tokens, show_invisible

# Digits in a CSV of the page; the tables have all.
DIGITS = 6
# The sparklines of each head: title, query, column, and the rows that count.
SPARKLINES = (
    ("prefix matching", "heads", "prefix_matching", {}),
    ("previous token", "heads", "previous_token", {}),
    ("ΔICL, patterns held", "ablations", "delta_icl", {"mode": "pattern"}),
    ("ΔICL, full", "ablations", "delta_icl", {"mode": "full"}),
)


def tables(results: Results, queries: Iterable[str]) -> dict[str, dict[str, list]]:
    """The rows of some queries, column by column."""
    return {
        name: {key: [short(row[key], DIGITS) for row in results[name]] for key in results[name][0]}
        for name in dict.fromkeys(queries)
        if results.get(name)
    }


def columns(cells: list[CellFindings]) -> list[dict[str, Any]]:
    """The columns of the model analysis table: a panel, and the cell of its lowest seed."""
    first: dict[str, str] = {}
    for cell in cells:
        first.setdefault(cell.panel, cell.name)
    return [{"panel": panel, "cell": name} for panel, name in first.items()]


def head_sparklines(
    results: Results, cell: str, end: int
) -> list[tuple[str, dict[str, tuple[Sparkline, float]]]]:
    """By title, and by the name of each head of a cell: its line, and its last value."""
    titled = []
    for title, query, column, where in SPARKLINES:
        of_head: dict[str, Rows] = {}
        for row in results[query]:
            if row["cell"] == cell and where.items() <= row.items():
                of_head.setdefault(row["name"], []).append(row)
        if not of_head:
            continue
        values = [row[column] for rows in of_head.values() for row in rows]
        low, high = (0.0, 1.0) if query == "heads" else (min(0.0, *values), max(0.1, *values))
        lines = {
            name: (
                sparkline([r["tokens"] for r in rows], [r[column] for r in rows], end, low, high),
                rows[-1][column],
            )
            for name, rows in of_head.items()
        }
        titled.append((title, lines))
    return titled


def windows(cells: list[CellFindings], end: int) -> dict[str, tuple[float, float]]:
    """Where the window of every cell that changes lies behind its sparklines."""
    return {
        cell.name: stretch(cell.window["start_tokens"], cell.window["end_tokens"], end)
        for cell in cells
        if cell.changed
    }


def token_changes(results: Results, end: int) -> dict[str, dict[str, Rows]]:
    """By cell the tokens that gained and that lost most, the largest change first: with the text
    before them, and their loss over training."""
    losses_of = {(r["cell"], r["seq"], r["pos"]): r["losses"] for r in results["token_losses"]}
    steps = _checkpoints(results)
    changes: dict[str, dict[str, Rows]] = {}
    for row in results["token_changes"]:
        *before, token = display_tokens(row["tokens"])
        losses = losses_of[row["cell"], row["seq"], row["pos"]]
        change = row | {
            "document": show_invisible(row["document"]),
            "text": "".join(before),
            "token": token,
            "sparkline": sparkline(steps[row["cell"]], losses, end, 0.0, max(losses)),
        }
        kind = "gained" if row["change"] < 0 else "lost"
        changes.setdefault(row["cell"], {"gained": [], "lost": []})[kind].append(change)
    for kinds in changes.values():
        kinds["lost"].reverse()
    return changes


def passages(results: Results) -> Rows:
    """The passages shown, with every token as text."""
    names = ("gains most", "the middle one", "gains least")
    rows = results["passages"]
    return [
        {
            "seq": row["seq"],
            "document": show_invisible(row["document"]),
            "start": row["start"],
            "name": names[i] if len(rows) == len(names) else f"passage {i + 1}",
            "tokens": display_tokens(row["tokens"]),
        }
        for i, row in enumerate(rows)
    ]


def first_passage(results: Results, cell: str) -> list[tuple[str, str]]:
    """Tokens of the first passage with the class of their colour in a cell; none if the cell is
    evaluated on another text. The first token is not predicted."""
    moment = next((row for row in results["moments"] if row["cell"] == cell), None)
    if moment is None:
        return []
    passage = results["passages"][0]
    (row,) = (
        row
        for row in results["passage_losses"]
        if (row["cell"], row["seq"]) == (cell, passage["seq"])
    )
    size = len(row["losses"]) // len(row["steps"])

    def losses_at(step: int) -> list[int]:
        i = row["steps"].index(step)
        return row["losses"][i * size : (i + 1) * size]

    pairs = zip(losses_at(moment["before"]), losses_at(moment["after"]), strict=True)
    changes = [None, *((after - before) / 1000 for before, after in pairs)]
    tokens = display_tokens(passage["tokens"])
    return [(token, shade(change)) for token, change in zip(tokens, changes, strict=False)]


def shade(change: float | None) -> str:
    """The class of a token's colour: g1 … g8 where its loss fell, l1 … l8 where it rose, by half
    nats. The script has the same rule."""
    if change is None or abs(change) < 0.25:
        return ""
    # round() takes halves to even numbers, the script takes them up.
    return f"{'g' if change < 0 else 'l'}{min(8, int(2 * abs(change) + 0.5))}"


def script_data(results: Results, figures: list[Figure], cells: list[CellFindings]) -> dict:
    """All that the script of the page reads; `figures` are those of the page."""
    steps = sorted({row["tokens"] for row in results["curves"]})
    return {
        "frame": FRAME,
        "end": steps[-1],
        "steps": steps,
        "plane": plane(results["trajectories"]) if results["trajectories"] else None,
        "columns": columns(cells),
        "tableRows": [
            {"name": figure.name, "query": figure.query}
            | {key: getattr(figure.row, key) for key in ("value", "lines", "where")}
            for figure in figures
            if figure.row
        ],
        "queries": {figure.name: figure.query for figure in figures if not figure.row},
        "tables": tables(results, [figure.query for figure in figures]),
        "heads": patterns(results),
        "checkpoints": _checkpoints(results),
        "passages": passages(results),
        "losses": packed_losses(results),
        "moments": {
            row["cell"]: [row["before_tokens"], row["after_tokens"]] for row in results["moments"]
        },
    }


def packed_losses(results: Results) -> dict[str, dict[str, str]]:
    """By cell and sequence the losses of the passages: two bytes each, the smaller first."""
    packed: dict[str, dict[str, str]] = {}
    for row in results["passage_losses"]:
        data = struct.pack(f"<{len(row['losses'])}H", *row["losses"])
        packed.setdefault(row["cell"], {})[str(row["seq"])] = encode(data)
    return packed


def readings(
    results: Results, display: Callable[[list[str]], list[str]], *columns: str
) -> dict[str, dict]:
    """By cell shown in detail: the tokens of both probes, and the checkpoints read."""
    cells: dict[str, dict] = {}
    for row in results["circuit_readings"]:
        if row["is_detailed"]:
            cell = cells.setdefault(row["cell"], {"shown": {}, "readings": []})
            cell["readings"].append({key: row[key] for key in columns})
    for row in results["circuit_shown"]:
        cells[row["cell"]]["shown"][row["probe"]] = display(row["tokens"])
    return cells


def patterns(results: Results) -> dict[str, dict]:
    """By cell: the tokens of both probes, the checkpoints read, and every head's attention at each
    as the lower triangle, row by row, in 255ths."""
    cells = readings(results, display_tokens, "step", "tokens", "at")
    for cell in cells.values():
        cell["heads"] = {}
    for row in results["circuit_attention"]:
        head = cells[row["cell"]]["heads"].setdefault(f"L{row['layer']}H{row['head']}", {})
        head.setdefault(row["probe"], []).append(encode(bytes(row["weights"])))
    return cells


def _checkpoints(results: Results) -> dict[str, list[int]]:
    """Tokens read at the checkpoints of every cell."""
    tokens: dict[str, list[int]] = {}
    for row in results["curves"]:
        tokens.setdefault(row["cell"], []).append(row["tokens"])
    return tokens
