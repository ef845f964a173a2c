"""Loss and ICL over training, a line per seed; loss over training and context, a map per cell."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import altair as alt

from induction.report.figures.figure import Section, TableRow, figure
from induction.report.figures.frame import (
    TOKENS,
    WINDOW,
    Panels,
    domains,
    extent,
    in_millions,
    layers,
    of,
    palette,
    phase_windows,
    seed_palette,
)
from induction.report.rows import Results, Rows

NOT_DRAWN = "not drawn for variations"


def _loss_scale(rows: Rows) -> tuple[str, str, str]:
    low, high = extent(rows, "loss")
    return "viridis", f"{low:.1f} nats", f"{high:.1f}"


@figure(
    "curves",
    Section.ICL,
    "Mean loss over the evaluation set, with its interval. One line per seed. Levels on different "
    "texts cannot be compared.",
    row=TableRow("loss, nats per token", "loss", "seed"),
)
def loss(rows: Rows, results: Results) -> Panels:
    return _curve(rows, results["windows"], "loss", "loss (nats per token)")


@figure(
    "positions",
    Section.ICL,
    "Loss over training and position in the context. Dashed: the phase window. One cell per model: "
    "its lowest seed, on the study's text, trained as the study trains.",
    row=TableRow(
        "loss, nats, by position in the context (tokens read, upwards)",
        "",
        "map",
        scale=_loss_scale,
        absent=NOT_DRAWN,
    ),
)
def loss_map(rows: Rows, results: Results) -> Panels:
    scale = alt.Scale(scheme="viridis", domain=extent(rows, "loss"))
    return _map(rows, results["windows"], "loss", "loss (nats)", scale)


@figure(
    "positions",
    Section.ICL,
    "d loss / d ln(position): blue where more context lowers the loss, red where it raises it; "
    "clipped at ±0.5. Dashed: the phase window. The same cells.",
    row=TableRow(
        "d loss / d ln(position), by position (tokens read, upwards)",
        "",
        "map",
        scale=lambda _: ("redblue", "−0.5: more context helps", "+0.5: it harms"),
        absent=NOT_DRAWN,
    ),
)
def slope_map(rows: Rows, results: Results) -> Panels:
    # The first few positions fall steeply in every model; clipping lets the rest be seen.
    scale = alt.Scale(scheme="redblue", reverse=True, domain=[-0.5, 0.5], domainMid=0, clamp=True)
    return _map(rows, results["windows"], "slope", "d loss / d ln pos", scale)


@figure(
    "curves",
    Section.ICL,
    "In-context learning over training; more of it is lower. Solid: the matched score, the loss of "
    "late tokens with all of their context minus that with little, with its bootstrap interval "
    "over sequences. Dashed: the loss late in the context minus that of other tokens early in it. "
    "Dotted: the same at the paper's two positions. One line per seed. Yellow: the phase window of "
    "each seed. Models of periodic text have scales of their own, here and in the other figures.",
    row=TableRow("matched in-context learning, nats", "icl_matched", "seed"),
    is_file=True,
)
def icl(rows: Rows, results: Results) -> Panels:
    beside = {"icl": [6, 3], "icl_paper": [2, 2]}
    return _curve(rows, results["windows"], "icl_matched", "in-context learning (nats)", beside)


@figure(
    "curves",
    Section.ICL,
    "d loss / d ln(tokens): what a model learns from reading more, lower is more. Fitted over "
    "neighbouring checkpoints. Yellow: the phase window of each seed.",
    keep=lambda row: row["learning"] is not None,
)
def learning(rows: Rows, results: Results) -> Panels:
    windows = results["windows"]
    domain = domains(rows, "panel", windows, "learning")
    color = palette("seed", sorted({row["seed"] for row in rows}), "seed", legend=False)

    def panel(name: str, seeds: Rows) -> alt.LayerChart:
        count = len({row["seed"] for row in seeds})
        scale = alt.Scale(domain=domain[name])
        y = alt.Y("learning:Q", title="d loss / d ln tokens", scale=scale)
        line = alt.Chart(in_millions(seeds)).mark_line(strokeWidth=1.5)
        return layers(
            phase_windows(of(windows, "panel", name), opacity=0.35 / count),
            line.encode(x=TOKENS, y=y, color=color),
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

    def panel(name: str, seeds: Rows) -> alt.LayerChart:
        count = len({row["seed"] for row in seeds})
        scale = alt.Scale(domain=domain[name])
        base = alt.Chart(in_millions(seeds)).encode(x=TOKENS, color=color)
        charts = [
            phase_windows(of(windows, "panel", name), opacity=0.35 / count),
            base.mark_area(opacity=0.25 / count).encode(
                y=alt.Y(f"{field}_low:Q", title=title, scale=scale), y2=f"{field}_high:Q"
            ),
            base.mark_line(strokeWidth=1.5).encode(y=alt.Y(f"{field}:Q", title=title, scale=scale)),
        ]
        for other, dashes in beside.items():
            line = base.mark_line(strokeDash=dashes, strokeWidth=0.8, opacity=0.6)
            charts.append(line.encode(y=f"{other}:Q"))
        return layers(*charts)

    return Panels(rows, "panel", panel)


def _map(rows: Rows, windows: Rows, field: str, title: str, scale: alt.Scale) -> Panels:
    """A panel per cell: training along x, position in the context along y."""
    # The last checkpoint has no width.
    rows = [row for row in rows if row["end_tokens"] > row["tokens"]]
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
