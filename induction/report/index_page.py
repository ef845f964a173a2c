"""What index.html shows beside sentences and figures, and what its script reads.

The script's part is JSON: every number that it shows, and the rows that charts offer as CSV.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from induction.report.figures.figure import Figure
from induction.report.figures.model_table import FRAME
from induction.report.figures.pca_paths import plane
from induction.report.findings import CellFindings
from induction.report.formatting import short
from induction.report.rows import Results, Rows
from induction.report.sparkline import Sparkline, sparkline, stretch
from induction.report.wording import Described, kind_of_model, plural
from induction.text.token_display import display_tokens, show_invisible

# Digits in a CSV of the page; the tables have all.
DIGITS = 4
# Counts as text, a letter each: it packs better than numbers or bytes would. The last letter stands
# for as many as there are before it, and goes on. Nothing in it is escaped in JSON or HTML.
LETTERS = "".join(chr(code) for code in range(35, 127) if chr(code) not in "&<>\\")
# Panels of the model analysis table before anyone chooses.
PANELS = 3
# The sparklines of each head: name, query, column, and the rows that count.
SPARKLINES = (
    ("prefix_matching", "heads", "prefix_matching", {}),
    ("previous_token", "heads", "previous_token", {}),
    ("full", "ablations", "delta_icl", {"mode": "full"}),
    ("pattern", "ablations", "delta_icl", {"mode": "pattern"}),
)


@dataclass(frozen=True)
class Column:
    """A column of the model analysis table: a panel, the cell of its lowest seed, what the model is
    (`kind`, or `name` with its seeds and its variation), and whether it is shown at first."""

    panel: str
    cell: str
    kind: str
    name: str
    is_detailed: bool
    is_shown: bool


def tables(results: Results, queries: Iterable[str]) -> dict[str, dict[str, list]]:
    """The rows of some queries, column by column."""
    return {
        name: {key: [short(row[key], DIGITS) for row in results[name]] for key in results[name][0]}
        for name in dict.fromkeys(queries)
        if results.get(name)
    }


def columns(
    cells: list[CellFindings], models: Mapping[str, Described], variations: Mapping[str, str]
) -> list[Column]:
    """The columns of the model analysis table; `models` and `variations` are by cell."""
    first: dict[str, CellFindings] = {}
    for cell in cells:
        first.setdefault(cell.panel, cell)
    seeds = Counter(cell.panel for cell in cells)
    kinds = {panel: kind_of_model(models[cell.name]) for panel, cell in first.items()}
    named = {
        panel: (plural(kinds[panel]) if seeds[panel] > 1 else kinds[panel])
        + (f", {variation}" if (variation := variations[cell.name]) else "")
        for panel, cell in first.items()
    }
    taken = Counter(named.values())
    code = {panel: f" ({panel})" if taken[named[panel]] > 1 else "" for panel in first}
    shown = shown_first(list(first.values()), models)
    return [
        Column(
            panel,
            cell.name,
            kind=kinds[panel] + code[panel],
            name=named[panel] + code[panel],
            is_detailed=cell.scores["is_detailed"],
            is_shown=panel in shown,
        )
        for panel, cell in first.items()
    ]


def titles(columns: list[Column]) -> dict[str, str]:
    """What stands above a picture of a panel or of a cell, by either's name."""
    named = {column.cell: column.kind for column in columns}
    named |= {column.panel: column.name for column in columns}
    return {name: text[:1].upper() + text[1:] for name, text in named.items()}


def shown(columns: list[Column]) -> set[str]:
    """The panels and cells that are shown at first."""
    return {name for each in columns if each.is_shown for name in (each.panel, each.cell)}


def shown_first(cells: list[CellFindings], models: Mapping[str, Described]) -> set[str]:
    """The panels that answer the question best: layers of attention alone that go through the
    change, one such layer, which has nothing to compose, and smeared keys, which mend that. What is
    missing of these is made up for by the next panels. `cells` are the first of each panel."""

    def depth(cell: CellFindings) -> tuple[bool, bool, int]:
        return not cell.scores["is_detailed"], not cell.changed, models[cell.name].n_layers

    smeared = [cell for cell in cells if models[cell.name].smeared_keys]
    plain = [cell for cell in cells if cell not in smeared and not models[cell.name].mlp]
    single = [cell for cell in plain if models[cell.name].n_layers == 1]
    several = [cell for cell in plain if cell not in single]
    best = [min(group, key=depth).panel for group in (several, single, smeared) if group]
    return {*list(dict.fromkeys([*best, *(cell.panel for cell in cells)]))[:PANELS]}


def head_sparklines(results: Results, cell: str, end: int) -> dict[str, dict[str, Sparkline]]:
    """By score, and by the name of each head of a cell: its line."""
    titled = {}
    for title, query, column, where in SPARKLINES:
        of_head: dict[str, Rows] = {}
        for row in results[query]:
            if row["cell"] == cell and where.items() <= row.items():
                of_head.setdefault(row["name"], []).append(row)
        if not of_head:
            continue
        values = [row[column] for rows in of_head.values() for row in rows]
        low, high = (0.0, 1.0) if query == "heads" else (min(0.0, *values), max(0.1, *values))
        titled[title] = {
            name: sparkline([r["tokens"] for r in rows], [r[column] for r in rows], end, low, high)
            for name, rows in of_head.items()
        }
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
    changes = [None, *((after - before) / 20 for before, after in pairs)]
    tokens = display_tokens(passage["tokens"])
    return [(token, shade(change)) for token, change in zip(tokens, changes, strict=False)]


def shade(change: float | None) -> str:
    """The class of a token's colour: g1 … g8 where its loss fell, l1 … l8 where it rose, by half
    nats. The script has the same rule."""
    if change is None or abs(change) < 0.25:
        return ""
    # round() takes halves to even numbers, the script takes them up.
    return f"{'g' if change < 0 else 'l'}{min(8, int(2 * abs(change) + 0.5))}"


def script_data(results: Results, figures: list[Figure], columns: list[Column]) -> dict:
    """All that the script of the page reads; `figures` are those of the page."""
    steps = sorted({row["tokens"] for row in results["curves"]})
    return {
        "frame": FRAME,
        "end": steps[-1],
        "steps": steps,
        "plane": plane(results["trajectories"]) if results["trajectories"] else None,
        "columns": [asdict(column) for column in columns],
        "tableRows": [
            {"name": figure.name, "query": figure.query}
            | {key: getattr(figure.row, key) for key in ("value", "lines", "where")}
            for figure in figures
            if figure.row
        ],
        "queries": {figure.name: figure.query for figure in figures if not figure.row},
        "tables": tables(results, [figure.query for figure in figures]),
        "heads": patterns(results),
        "letters": LETTERS,
        "checkpoints": _checkpoints(results),
        "passages": passages(results),
        "losses": packed_losses(results),
        "moments": {
            row["cell"]: [row["before_tokens"], row["after_tokens"], span(row)]
            for row in results["moments"]
        },
    }


def span(moment: dict[str, Any]) -> str:
    """What lies between the two moments of a cell whose losses are compared."""
    window, training = "the phase window", "from the first quarter of training to its end"
    return window if moment["is_window"] else f"there is no phase window: {training}"


def packed_losses(results: Results) -> dict[str, dict[str, str]]:
    """By cell and sequence the losses of the passages, in twentieths of a nat, as what each token's
    loss changed by since the checkpoint before: 0, -1, 1, -2, … as 0, 1, 2, 3, …"""
    packed: dict[str, dict[str, str]] = {}
    for row in results["passage_losses"]:
        losses = np.array(row["losses"], dtype=np.int64).reshape(len(row["steps"]), -1)
        changes = np.diff(losses, axis=0, prepend=0)
        folded = np.where(changes < 0, -2 * changes - 1, 2 * changes)
        packed.setdefault(row["cell"], {})[str(row["seq"])] = spelled(folded.ravel().tolist())
    return packed


def spelled(counts: Iterable[int]) -> str:
    """Counts in LETTERS."""
    most = len(LETTERS) - 1
    return "".join(LETTERS[most] * (count // most) + LETTERS[count % most] for count in counts)


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
    as the lower triangle, row by row, in hundredths."""
    cells = readings(results, display_tokens, "step", "tokens", "at")
    for cell in cells.values():
        cell["heads"] = {}
    for row in results["circuit_attention"]:
        head = cells[row["cell"]]["heads"].setdefault(f"L{row['layer']}H{row['head']}", {})
        shares = [round(weight / 2.55) for weight in row["weights"]]
        head.setdefault(row["probe"], []).append(spelled(shares))
    return cells


def _checkpoints(results: Results) -> dict[str, list[int]]:
    """Tokens read at the checkpoints of every cell."""
    tokens: dict[str, list[int]] = {}
    for row in results["curves"]:
        tokens.setdefault(row["cell"], []).append(row["tokens"])
    return tokens
