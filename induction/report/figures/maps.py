"""Loss over training and context, and its slope along the context: one cell per panel."""

import altair as alt

from induction.report.figures.frame import TOKENS, WINDOW, Panels, Rows, data, extent, of


def loss_map(positions: Rows, windows: Rows) -> Panels:
    """Loss over training (x) and position in the context (y)."""
    scale = alt.Scale(scheme="viridis", domain=extent(positions, "loss"))
    return _map(positions, windows, "loss", "loss (nats)", scale)


def slope_map(positions: Rows, windows: Rows) -> Panels:
    """d loss / d ln(position): negative (blue) where more context still lowers the loss."""
    # The first few positions fall steeply in every model; clipping lets the rest be seen.
    scale = alt.Scale(scheme="redblue", reverse=True, domain=[-0.5, 0.5], domainMid=0, clamp=True)
    return _map(positions, windows, "slope", "d loss / d ln pos", scale)


def _map(rows: Rows, windows: Rows, field: str, title: str, scale: alt.Scale) -> Panels:
    rows = [row for row in rows if row["end_tokens"] > row["tokens"]]

    def panel(cell: str, own: Rows) -> alt.LayerChart:
        rectangles = alt.Chart(data(own)).mark_rect()
        edges = [
            {"tokens": row[edge]}
            for row in of(windows, "cell", cell)
            if row["is_phase_change"]
            for edge in ("start_tokens", "end_tokens")
        ]
        return alt.layer(
            rectangles.encode(
                x=TOKENS,
                x2="end_tokens:Q",
                y=alt.Y(
                    "first_read:Q",
                    title="position (tokens read)",
                    scale=alt.Scale(type="log", domain=extent(rows, "first_read", "end_read")),
                ),
                y2="end_read:Q",
                color=alt.Color(f"{field}:Q", title=title, scale=scale),
            ),
            alt.Chart(data(edges)).mark_rule(color=WINDOW, strokeDash=[4, 3]).encode(x=TOKENS),
        )

    return Panels(rows, "cell", panel)
