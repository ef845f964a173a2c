"""The figures of the report: one panel per cell, training tokens along x, the window shaded.

Every function takes rows (dictionaries, as the SQL files return them) and gives an SVG string.
Colours are those of Okabe and Ito, which colour-blind readers can tell apart.
"""

from collections.abc import Callable

import altair as alt
import vl_convert

Rows = list[dict]

LAYERS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
WINDOW = "#F0E442"
INK = "#222222"
COLUMNS = 5
WIDTH, HEIGHT = 190, 150
MILLION = 1e6

TOKENS = alt.X("tokens:Q", title="training tokens (millions)", scale=alt.Scale(nice=False))


def _svg(chart: alt.TopLevelMixin) -> str:
    # A label for assistive technology on each of thousands of rectangles helps nobody, and is
    # most of the file; the caption says what a figure shows.
    spec = chart.configure_view(stroke="#cccccc").configure_axis(
        grid=False, labelFontSize=10, titleFontSize=10, titleFontWeight="normal"
    )
    spec.config.aria = False
    return vl_convert.vegalite_to_svg(spec.to_json(), vl_version=alt.SCHEMA_VERSION[1:4])


def _data(rows: Rows) -> alt.Data:
    """Rows with every token count in millions."""
    keys = ("tokens", "end_tokens")
    return alt.Data(
        values=[
            {k: v / MILLION if k in keys and v is not None else v for k, v in row.items()}
            for row in rows
        ]
    )


def _by_cell(rows: Rows) -> dict[str, Rows]:
    cells: dict[str, Rows] = {}
    for row in rows:
        cells.setdefault(row["cell"], []).append(row)
    return cells


def _extent(rows: Rows, *fields: str) -> list[float]:
    values = [row[field] for row in rows for field in fields if row[field] is not None]
    return [min(values), max(values)]


def _padded(rows: Rows, field: str) -> alt.Scale:
    low, high = _extent(rows, field)
    pad = 0.05 * (high - low)
    return alt.Scale(domain=[low - pad, high + pad], nice=False)


def _window(cell: str, phases: Rows) -> alt.Chart:
    """A band from the start to the end of the cell's phase window, if it has one."""
    rows = [
        {"start": row["start_tokens"] / MILLION, "end": row["end_tokens"] / MILLION}
        for row in phases
        if row["cell"] == cell and row["is_phase_change"]
    ]
    band = alt.Chart(alt.Data(values=rows)).mark_rect(color=WINDOW, opacity=0.35)
    return band.encode(x=alt.X("start:Q"), x2="end:Q")


def _panels(rows: Rows, panel: Callable[[str, Rows], alt.LayerChart]) -> str:
    charts = [
        panel(cell, own).properties(title=cell, width=WIDTH, height=HEIGHT)
        for cell, own in _by_cell(rows).items()
    ]
    return _svg(alt.concat(*charts, columns=COLUMNS).resolve_scale(color="shared"))


def _curve(rows: Rows, phases: Rows, field: str, title: str, extra: str | None = None) -> str:
    domain = _extent(rows, f"{field}_low", f"{field}_high", *([extra] if extra else []))
    y = alt.Y(f"{field}:Q", title=title, scale=alt.Scale(domain=domain))

    def panel(cell: str, own: Rows) -> alt.LayerChart:
        base = alt.Chart(_data(own)).encode(x=TOKENS)
        layers = [
            _window(cell, phases),
            base.mark_area(color=LAYERS[0], opacity=0.25).encode(
                y=alt.Y(f"{field}_low:Q", title=title, scale=alt.Scale(domain=domain)),
                y2=f"{field}_high:Q",
            ),
            base.mark_line(color=LAYERS[0]).encode(y=y),
        ]
        if extra:
            dotted = base.mark_line(color=INK, strokeDash=[2, 2], strokeWidth=0.8, opacity=0.6)
            layers.append(dotted.encode(y=f"{extra}:Q"))
        return alt.layer(*layers)

    return _panels(rows, panel)


def loss(curves: Rows, phases: Rows) -> str:
    """Mean loss over the evaluation set, with its interval."""
    return _curve(curves, phases, "loss", "loss (nats per token)")


def icl(curves: Rows, phases: Rows) -> str:
    """ICL over windows with its interval; dotted, at the paper's two points."""
    return _curve(curves, phases, "icl", "in-context learning (nats)", extra="icl_paper")


def _map(rows: Rows, phases: Rows, field: str, title: str, scale: alt.Scale) -> str:
    rows = [row for row in rows if row["end_tokens"] > row["tokens"]]

    def panel(cell: str, own: Rows) -> alt.LayerChart:
        # A stroke of the fill's own colour closes the hairlines between neighbours.
        rectangles = alt.Chart(_data(own)).mark_rect(strokeWidth=0.6)
        edges = [
            {"tokens": row[edge]}
            for row in phases
            if row["cell"] == cell and row["is_phase_change"]
            for edge in ("start_tokens", "end_tokens")
        ]
        return alt.layer(
            rectangles.encode(
                x=TOKENS,
                x2="end_tokens:Q",
                y=alt.Y(
                    "first_read:Q",
                    title="position (tokens read)",
                    scale=alt.Scale(type="log", domain=_extent(rows, "first_read", "end_read")),
                ),
                y2="end_read:Q",
                color=alt.Color(f"{field}:Q", title=title, scale=scale),
                stroke=alt.Stroke(f"{field}:Q", title=title, scale=scale),
            ),
            alt.Chart(_data(edges)).mark_rule(color=WINDOW, strokeDash=[4, 3]).encode(x=TOKENS),
        )

    return _panels(rows, panel)


def loss_map(positions: Rows, phases: Rows) -> str:
    """Loss over training (x) and position in the context (y)."""
    scale = alt.Scale(scheme="viridis", domain=_extent(positions, "loss"))
    return _map(positions, phases, "loss", "loss (nats)", scale)


def slope_map(positions: Rows, phases: Rows) -> str:
    """d loss / d ln(position): negative (blue) where more context still lowers the loss."""
    # The first few positions fall steeply in every model; clipping lets the rest be seen.
    scale = alt.Scale(scheme="redblue", reverse=True, domain=[-0.5, 0.5], domainMid=0, clamp=True)
    return _map(positions, phases, "slope", "d loss / d ln pos", scale)


def _per_head(rows: Rows, phases: Rows, field: str, title: str, domain: list[float]) -> str:
    layers = sorted({row["layer"] for row in rows})
    color = alt.Color(
        "layer:N",
        title="layer",
        scale=alt.Scale(domain=layers, range=[LAYERS[i % len(LAYERS)] for i in layers]),
    )

    def panel(cell: str, own: Rows) -> alt.LayerChart:
        base = alt.Chart(_data(own)).encode(
            x=TOKENS,
            y=alt.Y(f"{field}:Q", title=title, scale=alt.Scale(domain=domain)),
            color=color,
        )
        last = max(row["tokens"] for row in own)
        tops = sorted((row for row in own if row["tokens"] == last), key=lambda r: -r[field])[:2]
        # The best above its line, the second below, so that close lines keep both names.
        names = [
            alt.Chart(_data([top]))
            .mark_text(align="right", dx=-2, dy=dy, fontSize=9)
            .encode(x=TOKENS, y=f"{field}:Q", text="name:N", color=color)
            for top, dy in zip(tops, (-6, 9), strict=False)
        ]
        return alt.layer(
            _window(cell, phases),
            base.mark_line(strokeWidth=1.3).encode(detail="name:N"),
            *names,
        )

    return _panels(rows, panel)


def prefix_matching(heads: Rows, phases: Rows) -> str:
    """Prefix matching of every head; the two best are named."""
    return _per_head(heads, phases, "prefix_matching", "prefix matching", [0.0, 1.0])


def previous_token(heads: Rows, phases: Rows) -> str:
    """Attention to the previous token, of every head; the two best are named."""
    return _per_head(heads, phases, "previous_token", "previous-token score", [0.0, 1.0])


def delta_icl(ablations: Rows, phases: Rows, mode: str) -> str:
    """Change of ICL when a head is removed: above zero, the head carries in-context learning."""
    domain = _extent(ablations, "delta_icl")
    rows = [row for row in ablations if row["mode"] == mode]
    return _per_head(rows, phases, "delta_icl", f"ΔICL without the head ({mode})", domain)


def trajectories(paths: Rows) -> str:
    """The path of each cell in the joint plane; in orange the part inside its phase window."""
    share = [100 * paths[0][name] for name in ("pc1_share", "pc2_share")]
    x = alt.X("pc1:Q", title=f"PC1 ({share[0]:.0f} %)", scale=_padded(paths, "pc1"))
    y = alt.Y("pc2:Q", title=f"PC2 ({share[1]:.0f} %)", scale=_padded(paths, "pc2"))
    everything = alt.Chart(_data(paths)).mark_line(color="#dddddd", strokeWidth=1)
    others = everything.encode(x=x, y=y, detail="cell:N", order="tokens:Q")

    def panel(_: str, own: Rows) -> alt.LayerChart:
        inside = [row for row in own if row["is_in_window"]]
        line = alt.Chart(_data(own)).mark_line(color=LAYERS[0], point={"size": 8})
        window = alt.Chart(_data(inside)).mark_line(color=LAYERS[1], strokeWidth=3)
        end = alt.Chart(_data(own[-1:])).mark_point(
            shape="square", filled=True, color=INK, size=40, opacity=1
        )
        return alt.layer(
            others,
            *(chart.encode(x=x, y=y, order="tokens:Q") for chart in (line, window, end)),
        )

    return _panels(paths, panel)
