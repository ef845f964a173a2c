"""A line per head over training, one cell per panel."""

import altair as alt

from induction.report.figures.figure import LOWEST_SEED, Section, TableRow, figure
from induction.report.figures.frame import (
    LAYER_COLOURS,
    TOKENS,
    Panels,
    colour_of,
    dashed,
    domains,
    in_millions,
    layers,
    of,
    phase_windows,
)
from induction.report.rows import Results, Rows


@figure(
    "heads",
    Section.HEADS,
    "Prefix matching of every head, the mark of an induction head: on random tokens that come "
    "again, the share of its attention on the tokens that followed the current one before. The two "
    "best heads are named, unless they are near the bottom.",
    also=LOWEST_SEED,
    row=TableRow("prefix matching", "prefix_matching", "head"),
    is_file=True,
)
def prefix_matching(rows: Rows, results: Results) -> Panels:
    return _line_per_head(rows, results, "prefix_matching", "prefix matching")


@figure(
    "heads",
    Section.HEADS,
    "The share of every head's attention on the token just before, on held-out text.",
    also=LOWEST_SEED,
    row=TableRow("attention to the previous token", "previous_token", "head"),
)
def previous_token(rows: Rows, results: Results) -> Panels:
    return _line_per_head(rows, results, "previous_token", "previous-token score")


@figure(
    "heads",
    Section.HEADS,
    "The trace of every head's QK circuit with the previous-token heads before it: from the "
    "weights alone, positive where a token looks for the places just after its own earlier ones, "
    "as induction heads do. It does not exist in the first layer. What is dated among the signals "
    "is its positivity, the same without its scale, of the head that ends with the highest prefix "
    "matching alone.",
    also=LOWEST_SEED,
    keep=lambda row: row["qk_trace"] is not None,
    row=TableRow("trace of the QK circuit", "qk_trace", "head", absent="no layer before the first"),
)
def qk_trace(rows: Rows, results: Results) -> Panels:
    return _line_per_head(rows, results, "qk_trace", "trace of the QK circuit", rows)


@figure(
    "heads",
    Section.HEADS,
    "Models with smeared keys: the share of its own key that a position keeps, every head; the "
    "rest is the previous position's key.",
    also=LOWEST_SEED,
    keep=lambda row: row["smear_gate"] is not None,
)
def gates(rows: Rows, results: Results) -> Panels:
    return _line_per_head(rows, results, "smear_gate", "share of the own key kept")


@figure(
    "undone",
    Section.ABLATIONS,
    "The share of the phase change that removing a head undoes, -(a·b)/|b|²: b is by how much the "
    "loss of each token changed over the window, a what it changes by without the head. A model "
    "without a phase change has no such b, and no panel.",
    row=TableRow(
        "share of the change undone without a head",
        "undone",
        "head",
        absent="no phase change to undo",
    ),
)
def undone(rows: Rows, results: Results) -> Panels:
    return _line_per_head(rows, results, "undone", "share of the change undone", rows)


@figure(
    "ablations",
    Section.ABLATIONS,
    "Full ablation: in-context learning without a head, whose output is set to zero, minus that of "
    "the whole model. Above zero, the head carries in-context learning.",
    also=LOWEST_SEED,
    keep=lambda row: row["mode"] == "full",
    row=TableRow(
        "in-context learning that a head carries, nats", "delta_icl", "head", where={"mode": "full"}
    ),
)
def ablation_full(rows: Rows, results: Results) -> Panels:
    return _delta_icl(rows, results, "full")


@figure(
    "ablations",
    Section.ABLATIONS,
    "Pattern-preserving ablation: the same with all later attention patterns held as they were, so "
    "that only what goes on from the head through values is cut.",
    keep=lambda row: row["mode"] == "pattern",
    row=TableRow(
        "in-context learning that a head carries, patterns held, nats",
        "delta_icl",
        "head",
        where={"mode": "pattern"},
    ),
)
def ablation_pattern(rows: Rows, results: Results) -> Panels:
    return _delta_icl(rows, results, "pattern")


def _delta_icl(rows: Rows, results: Results, mode: str) -> Panels:
    """On one scale in both modes."""
    title = f"ICL without the head, minus ICL ({mode}, nats)"
    return _line_per_head(rows, results, "delta_icl", title, results["ablations"])


def _line_per_head(
    rows: Rows, results: Results, field: str, title: str, all_rows: Rows | None = None
) -> Panels:
    """Coloured by layer, the two best heads named. The scale is that of `all_rows`; without them,
    values are shares: 0 to 1."""
    domain = domains(all_rows, "cell", results["windows"], field) if all_rows else {}
    used = sorted({row["layer"] for row in rows})
    # A layer has the same colour in all figures, also where the first layer has no such score.
    color = alt.Color(
        "layer:N",
        scale=alt.Scale(domain=used, range=[colour_of(LAYER_COLOURS, layer) for layer in used]),
        legend=alt.Legend(symbolOpacity=1),
    )
    dashes = dashed("layer", [*range(max(used) + 1)], LAYER_COLOURS)

    def panel(cell: str, heads: Rows) -> alt.LayerChart:
        low, high = domain.get(cell, (0.0, 1.0))
        # Names further down would stand on the axis, and on each other.
        floor, ceiling = low + 0.1 * (high - low), high - 0.1 * (high - low)
        points = [{key: row[key] for key in ("tokens", "layer", "name", field)} for row in heads]
        base = alt.Chart(in_millions(points)).encode(
            x=TOKENS,
            y=alt.Y(f"{field}:Q", title=title, scale=alt.Scale(domain=[low, high], nice=False)),
            color=color,
        )
        last = max(row["tokens"] for row in heads)
        ends = [row for row in points if row["tokens"] == last and row[field] >= floor]
        best = sorted(ends, key=lambda row: -row[field])[:2]
        # The best above its line, the second below, so that close lines keep both names.
        names = [
            alt.Chart(in_millions([row]))
            .mark_text(align="right", dx=-2, dy=9 if row[field] > ceiling else dy, fontSize=9)
            .encode(x=TOKENS, y=f"{field}:Q", text="name:N")
            for row, dy in zip(best, (-6, 9), strict=False)
        ]
        return layers(
            phase_windows(of(results["windows"], "cell", cell)),
            base.mark_line(strokeWidth=1.3).encode(detail="name:N", strokeDash=dashes),
            *names,
        )

    return Panels(rows, "cell", panel)
