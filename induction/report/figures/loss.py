"""Loss and ICL over training, a line per seed; loss over training and context, a map per cell."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import altair as alt

from induction.report.figures.figure import (
    LOWEST_SEED,
    Section,
    TableRow,
    figure,
    has_other_text,
    has_periodic_text,
    has_seeds,
)
from induction.report.figures.frame import (
    COLOURS,
    SEED_COLOURS,
    TOKENS,
    WINDOW,
    Panels,
    dashed,
    deepening,
    domains,
    extent,
    in_millions,
    layers,
    of,
    phase_windows,
    seed_palette,
    seeds_of,
)
from induction.report.rows import Results, Rows

NOT_DRAWN = "not drawn for variations"
SHADES = 24  # of a map, from its lowest value to its highest


def _loss_scale(rows: Rows) -> tuple[str, str, str]:
    low, high = extent(rows, "loss")
    return "viridis", f"{low:.1f} nats", f"{high:.1f}"


@figure(
    "curves",
    Section.ICL,
    "In-context learning over training; lower is more. Solid: the matched score, the loss of late "
    "tokens with all of their context minus the loss of the same tokens with little of it, with "
    "its bootstrap interval over sequences. Dashed: the usual score, the loss late in the context "
    "minus that of other tokens early in it. Dotted: the same at the two single positions that the "
    "paper takes. Yellow: the phase window.",
    also=(
        (has_seeds, "Every seed has a line and a window."),
        (
            has_periodic_text,
            "Models of periodic text have scales of their own, here and in the other figures.",
        ),
    ),
    row=TableRow("in-context learning, nats", "icl_matched", "seed"),
    is_file=True,
)
def icl(rows: Rows, results: Results) -> Panels:
    beside = {"icl": [6, 3], "icl_paper": [2, 2]}
    return _curve(rows, results["windows"], "icl_matched", "in-context learning (nats)", beside)


@figure(
    "curves",
    Section.ICL,
    "Mean loss on held-out text, the cross-entropy per token, with its bootstrap interval over "
    "sequences.",
    also=(
        (has_seeds, "Every seed has a line."),
        (has_other_text, "Models of different texts cannot be compared by it."),
    ),
    row=TableRow("loss, nats per token", "loss", "seed"),
)
def loss(rows: Rows, results: Results) -> Panels:
    return _curve(rows, results["windows"], "loss", "loss (nats per token)")


@figure(
    "positions",
    Section.ICL,
    "Loss over training (to the right) and position in the context (upwards: how many tokens the "
    "model has read, on a logarithmic scale). Dashed lines: start and end of the phase window.",
    also=LOWEST_SEED,
    row=TableRow("loss by position in the context", "", "map", scale=_loss_scale, absent=NOT_DRAWN),
)
def loss_map(rows: Rows, results: Results) -> Panels:
    domain = extent(rows, "loss")
    scale = alt.Scale(scheme="viridis", domain=domain)
    return _map(_runs(rows, "loss", *domain), results["windows"], "loss", "loss (nats)", scale)


@figure(
    "positions",
    Section.ICL,
    "What more context is worth, by position: how steeply the loss falls from one position to the "
    "next (its slope over the natural logarithm of the position, in nats, cut off at ±0.5). Blue: "
    "later tokens are predicted better; orange: worse. Dashed lines: the phase window. Cells and "
    "axes are those of the map of the loss.",
    row=TableRow(
        "what more context is worth, by position",
        "",
        "map",
        scale=lambda _: ("blueorange", "−0.5: more context helps", "+0.5: it harms"),
        absent=NOT_DRAWN,
    ),
)
def slope_map(rows: Rows, results: Results) -> Panels:
    # The first few positions fall steeply in every model; clipping lets the rest be seen.
    runs, scale = _runs(rows, "slope", -0.5, 0.5), deepening(*COLOURS[:2], most=0.5)
    return _map(runs, results["windows"], "slope", "slope of the loss", scale)


@figure(
    "curves",
    Section.ICL,
    "How fast a model learns from reading more: the slope of its loss over the natural logarithm "
    "of the training tokens, fitted over neighbouring checkpoints. Lower is faster. Yellow: the "
    "phase window.",
    also=((has_seeds, "Every seed has a line and a window."),),
    keep=lambda row: row["learning"] is not None,
)
def learning(rows: Rows, results: Results) -> Panels:
    windows = results["windows"]
    domain = domains(rows, "panel", windows, "learning")
    color = seed_palette(rows)
    dashes = dashed("seed", seeds_of(rows), SEED_COLOURS)

    def panel(name: str, seeds: Rows) -> alt.LayerChart:
        count = len(seeds_of(seeds))
        scale = alt.Scale(domain=domain[name])
        y = alt.Y("learning:Q", title="slope over ln tokens (nats)", scale=scale)
        line = alt.Chart(in_millions(seeds)).mark_line(strokeWidth=1.5)
        return layers(
            phase_windows(of(windows, "panel", name), opacity=0.35 / count),
            line.encode(x=TOKENS, y=y, color=color, strokeDash=dashes),
        )

    return Panels(rows, "panel", panel)


def _curve(
    rows: Rows,
    windows: Rows,
    field: str,
    title: str,
    beside: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> Panels:
    """A panel per model, a line per seed with its interval; fields `beside` it have dashes."""
    fields = [f"{field}_low", f"{field}_high", *beside]
    domain = domains(rows, "panel", windows, *fields, domain=extent)
    color = seed_palette(rows)
    dashes = dashed("seed", seeds_of(rows), SEED_COLOURS)

    def panel(name: str, seeds: Rows) -> alt.LayerChart:
        count = len(seeds_of(seeds))
        scale = alt.Scale(domain=domain[name])
        base = alt.Chart(in_millions(seeds)).encode(x=TOKENS, color=color)
        charts = [
            phase_windows(of(windows, "panel", name), opacity=0.35 / count),
            base.mark_area(opacity=0.25 / count).encode(
                y=alt.Y(f"{field}_low:Q", title=title, scale=scale), y2=f"{field}_high:Q"
            ),
            base.mark_line(strokeWidth=1.5).encode(
                y=alt.Y(f"{field}:Q", title=title, scale=scale), strokeDash=dashes
            ),
        ]
        for other, pattern in beside.items():
            line = base.mark_line(strokeDash=pattern, strokeWidth=0.8, opacity=0.6)
            charts.append(line.encode(y=f"{other}:Q"))
        return layers(*charts)

    return Panels(rows, "panel", panel)


def _map(rows: Rows, windows: Rows, field: str, title: str, scale: alt.Scale) -> Panels:
    """A panel per cell: training along x, position in the context along y."""
    reach = alt.Scale(type="log", domain=extent(rows, "first_read", "end_read"))

    def panel(cell: str, bins: Rows) -> alt.LayerChart:
        edges = [
            {"tokens": row[edge]}
            for row in of(windows, "cell", cell)
            if row["is_phase_change"]
            for edge in ("start_tokens", "end_tokens")
        ]
        y = alt.Y("first_read:Q", title="position (tokens read)", scale=reach)
        color = alt.Color(f"{field}:Q", title=title, scale=scale)
        rectangles = alt.Chart(in_millions(bins)).mark_rect()
        rules = alt.Chart(in_millions(edges)).mark_rule(color=WINDOW, strokeDash=[4, 3])
        return layers(
            rectangles.encode(x=TOKENS, x2="end_tokens:Q", y=y, y2="end_read:Q", color=color),
            rules.encode(x=TOKENS),
        )

    return Panels(rows, "cell", panel)


def _runs(rows: Rows, field: str, low: float, high: float) -> Rows:
    """Values from `low` to `high` in SHADES steps, and neighbours in time that have the same as one
    rectangle: most of a map stands still."""
    runs: dict[tuple[str, int], Rows] = {}
    for row in rows:
        if row["end_tokens"] == row["tokens"]:
            continue  # the last checkpoint has no width
        share = (min(max(row[field], low), high) - low) / ((high - low) or 1)
        value = low + (high - low) * round(SHADES * share) / SHADES
        of_bin = runs.setdefault((row["cell"], row["first_read"]), [])
        if of_bin and of_bin[-1][field] == value:
            of_bin[-1]["end_tokens"] = row["end_tokens"]
        else:
            of_bin.append(row | {field: value})
    return [run for of_bin in runs.values() for run in of_bin]
