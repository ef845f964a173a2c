"""Loss and ICL over training: one panel per model, one line per seed."""

import altair as alt

from induction.report.figures.frame import (
    TOKENS,
    Panels,
    Rows,
    data,
    domains,
    extent,
    of,
    palette,
    window,
)


def loss(curves: Rows, windows: Rows) -> Panels:
    """Mean loss over the evaluation set, with its interval."""
    return _curve(curves, windows, "loss", "loss (nats per token)")


def icl(curves: Rows, windows: Rows) -> Panels:
    """ICL over windows with its interval; dotted, at the paper's two points."""
    return _curve(curves, windows, "icl", "in-context learning (nats)", extra="icl_paper")


def learning(curves: Rows, windows: Rows) -> Panels:
    """d loss / d ln(tokens): more negative where the model learns faster."""
    domain = domains(curves, "panel", windows, "learning")
    color = palette("seed", sorted({row["seed"] for row in curves}), "seed", legend=False)

    def panel(name: str, own: Rows) -> alt.LayerChart:
        count = len({row["seed"] for row in own})
        scale = alt.Scale(domain=domain[name])
        y = alt.Y("learning:Q", title="d loss / d ln tokens", scale=scale)
        line = alt.Chart(data(own)).mark_line(strokeWidth=1.5).encode(x=TOKENS, y=y, color=color)
        return alt.layer(window(of(windows, "panel", name), opacity=0.35 / count), line)

    return Panels(curves, "panel", panel)


def _curve(rows: Rows, windows: Rows, field: str, title: str, extra: str | None = None) -> Panels:
    fields = [f"{field}_low", f"{field}_high", *([extra] if extra else [])]
    domain = domains(rows, "panel", windows, *fields, reach=extent)
    seeds = sorted({row["seed"] for row in rows})
    color = palette("seed", seeds, "seed", legend=len(seeds) > 1)

    def panel(name: str, own: Rows) -> alt.LayerChart:
        count = len({row["seed"] for row in own})
        scale = alt.Scale(domain=domain[name])
        base = alt.Chart(data(own)).encode(x=TOKENS, color=color)
        layers = [
            window(of(windows, "panel", name), opacity=0.35 / count),
            base.mark_area(opacity=0.25 / count).encode(
                y=alt.Y(f"{field}_low:Q", title=title, scale=scale), y2=f"{field}_high:Q"
            ),
            base.mark_line(strokeWidth=1.5).encode(y=alt.Y(f"{field}:Q", title=title, scale=scale)),
        ]
        if extra:
            dotted = base.mark_line(strokeDash=[2, 2], strokeWidth=0.8, opacity=0.6)
            layers.append(dotted.encode(y=f"{extra}:Q"))
        return alt.layer(*layers)

    return Panels(rows, "panel", panel)
