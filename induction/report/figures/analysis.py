"""The paper's model analysis table (Model Analysis Table): models as columns, measures as rows.

Every panel is a picture of its own, and all have one frame: a training step lies at the same place
in each, so that a page may draw one line through all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from induction.report.figures import curves, heads, maps, paths
from induction.report.figures.frame import (
    MILLION,
    Panels,
    Rows,
    extent,
    known,
    of,
    rendered,
    spread,
    themed,
)

# Pixels of a panel, and around it for its axes.
FRAME = {"left": 42, "right": 8, "top": 6, "bottom": 32, "width": 176, "height": 112}
APART = "not drawn for variations"
SMALL = {"labelFontSize": 9, "titleFontSize": 9}


@dataclass(frozen=True)
class Measure:
    """A row of the table. `query` and `where` are the rows it draws, `value` their column that a
    reader asks for at a step; `lines` names what a line is."""

    name: str
    title: str
    query: str
    value: str
    panels: Callable[[], Panels]
    rows: Rows
    lines: str
    where: dict[str, str] = field(default_factory=dict)
    scale: tuple[str, str, str] | None = None
    absent: str = "not for this model"


def measures(found: dict[str, Rows]) -> list[Measure]:
    """The rows of the table that this run has, in the order of the paper's; previous-token scores
    and full ablations are ours."""
    windows, own = found["windows"], found["heads"]
    curve, positions, removals = found["curves"], found["positions"], found["ablations"]
    traces = known(own, "qk_trace")
    path = [row for row in found["trajectories"] if row["is_detailed"]]
    low, high = extent(positions, "loss") if positions else (0, 0)
    every = [
        Measure(
            "pca", "PCA of the loss vectors", "trajectories", "pc1",
            lambda: paths.trajectories(found["trajectories"]), path, "path",
            absent=APART,
        ),
        Measure(
            "loss", "loss, nats per token", "curves", "loss",
            lambda: curves.loss(curve, windows), curve, "seed",
        ),
        Measure(
            "loss_map", "loss, nats, by position in the context (tokens read, upwards)",
            "positions", "",
            lambda: maps.loss_map(positions, windows), positions, "map",
            absent=APART, scale=("viridis", f"{low:.1f} nats", f"{high:.1f}"),
        ),
        Measure(
            "slope_map", "d loss / d ln(position), by position (tokens read, upwards)",
            "positions", "",
            lambda: maps.slope_map(positions, windows), positions, "map",
            absent=APART, scale=("redblue", "−0.5: more context helps", "+0.5: it harms"),
        ),
        Measure(
            "icl", "in-context learning, nats", "curves", "icl",
            lambda: curves.icl(curve, windows), curve, "seed",
        ),
        Measure(
            "prefix_matching", "prefix matching", "heads", "prefix_matching",
            lambda: heads.prefix_matching(own, windows), own, "head",
        ),
        Measure(
            "previous_token", "attention to the previous token", "heads", "previous_token",
            lambda: heads.previous_token(own, windows), own, "head",
        ),
        Measure(
            "qk_trace", "trace of the QK circuit", "heads", "qk_trace",
            lambda: heads.qk_trace(own, windows), traces, "head",
            absent="no layer before the first",
        ),
        Measure(
            "undone", "ablation → before and after", "undone", "undone",
            lambda: heads.undone(found["undone"], windows), found["undone"], "head",
            absent="no window: nothing to undo",
        ),
        *(
            Measure(
                f"ablation_{mode}", f"ablation → ICL, {what}, nats", "ablations", "delta_icl",
                lambda mode=mode: heads.delta_icl(removals, windows, mode),
                of(removals, "mode", mode), "head", where={"mode": mode},
            )
            for mode, what in (("pattern", "patterns held"), ("full", "full"))
        ),
    ]  # fmt: skip
    return [own for own in every if own.rows]


def pictures(panels: Panels, tokens: int) -> dict[str, str]:
    """Each panel as SVG in FRAME, by its name; all axes of training end at `tokens`."""
    return {name: rendered(_framed(themed(chart), tokens)) for name, chart in panels.charts()}


def plane(trajectories: Rows) -> dict[str, list[float]]:
    """The domain of the PCA panels, by axis."""
    return {name: spread(trajectories, name) for name in ("pc1", "pc2")}


def _framed(spec: dict, tokens: int) -> dict:
    sides = {side: FRAME[side] for side in ("left", "right", "top", "bottom")}
    spec |= {"width": FRAME["width"], "height": FRAME["height"]}
    spec |= {"autosize": "none", "padding": sides}
    spec["config"]["axis"] |= SMALL
    spec["config"]["legend"] = {"disable": True}
    _set_axes(spec, tokens / MILLION)
    return spec


def _set_axes(spec: dict, end: float) -> None:
    """One axis of training for all panels; the row's title says what is on the other."""
    for layer in spec.get("layer", []):
        _set_axes(layer, end)
    encoding = spec.get("encoding", {})
    if encoding.get("x", {}).get("field") in ("tokens", "start"):
        x = encoding["x"]
        x["scale"] = x.get("scale", {}) | {"domain": [0, end], "nice": False}
        if "y" in encoding:
            encoding["y"]["title"] = None
