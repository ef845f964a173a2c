"""What sets of heads and their attention patterns carry at the end, by model: a dot per seed."""

import altair as alt

from induction.report.figures.figure import Section, figure, has_seeds
from induction.report.figures.frame import GREY, Panels, extent, inline, known, layers, seed_palette
from induction.report.rows import Results, Rows

# What is done, in words; in the figure a comma ends a line.
INTERVENTIONS = {
    "without_induction": "induction heads removed",
    "random_induction": "random heads removed, as many as induction heads",
    "without_previous_token": "previous-token heads removed",
    "random_previous_token": "random heads removed, as many as previous-token heads",
    "without_both": "induction and previous-token heads removed",
    "random_both": "random heads removed, as many as of both kinds",
    "knockout": "attention on matches knocked out",
    "knockout_random": "attention on other keys knocked out, as many as matches",
    "ideal_previous": "previous-token heads given the exact pattern",
    "ideal_induction": "induction heads given the exact pattern",
    "ideal_trigram": "induction heads given the exact pattern, matches of three tokens first",
    "ideal_both": "induction and previous-token heads given the exact pattern",
}
DRAWN = (
    "without_induction", "random_induction", "without_previous_token", "knockout",
    "knockout_random",
)  # fmt: skip
HEIGHT, MARGIN = 170, 0.25


@figure(
    "interventions",
    Section.SETS,
    "The share of in-context learning (ICL) that goes with a set of heads at the end of training, "
    "1 minus ICL without them over ICL of the whole model. Large dots have "
    "bootstrap intervals over sequences. "
    "Knocked out: all heads stay, but induction heads may not attend to the tokens after matches "
    "or, as a control, to as many other keys. Intervals are cut at the frame. A model has "
    "no panel if its in-context learning is too uncertain for shares (claims.resolvable).",
    also=(
        (has_seeds, "Every seed whose share can be resolved has a large dot."),
        (
            lambda results: any(_is_random(row) for row in results["interventions"]),
            "Small dots are random sets of as many heads of no kind (neither induction nor "
            "previous-token nor positional) in the same layers.",
        ),
    ),
    keep=lambda row: row["share"] is not None and row["intervention"] in DRAWN,
    is_file=True,
)
def interventions(rows: Rows, results: Results) -> Panels:
    shares = [
        {
            **{key: row[key] for key in ("panel", "seed", "share", "share_low", "share_high")},
            "what": INTERVENTIONS[row["intervention"]],
            "is_random": _is_random(row),
        }
        for row in rows
    ]
    drawn = {row["what"] for row in shares}
    done = [what for name in DRAWN if (what := INTERVENTIONS[name]) in drawn]
    color = seed_palette(shares)
    # The interval of a share of little ICL would leave no room for the shares.
    low, high = extent(shares, "share")
    domain = [min(0, low) - MARGIN, max(1, high) + MARGIN]
    scale = alt.Scale(domain=domain, nice=False)
    # Cut here: what the renderer clips it numbers anew in every run.
    for row in known(shares, "share_low", "share_high"):
        row["share_low"] = max(row["share_low"], domain[0])
        row["share_high"] = min(row["share_high"], domain[1])
    marks = alt.Chart(inline([{"share": 0}, {"share": 1}])).mark_rule(
        color=GREY, strokeDash=[3, 3], strokeWidth=0.8
    )

    def panel(_: str, seeds: Rows) -> alt.LayerChart:
        x = alt.X("share:Q", title="share of in-context learning removed", scale=scale)
        y = alt.Y(
            "what:N",
            title=None,
            scale=alt.Scale(domain=done),
            axis=alt.Axis(labelExpr="split(datum.label, ', ')"),
        )
        offset = alt.YOffset(
            "seed:N", scale=alt.Scale(domain=sorted({row["seed"] for row in shares}))
        )
        random = alt.Chart(inline([row for row in seeds if row["is_random"]]))
        base = alt.Chart(inline([row for row in seeds if not row["is_random"]])).encode(
            y=y, yOffset=offset, color=color
        )
        return layers(
            marks.encode(x=x),
            random.mark_point(filled=True, size=12, opacity=0.5).encode(
                x=x, y=y, yOffset=offset, color=color
            ),
            base.mark_rule(strokeWidth=1).encode(
                x=alt.X("share_low:Q", scale=scale), x2="share_high:Q"
            ),
            base.mark_point(filled=True, size=45, opacity=1).encode(x=x),
        )

    return Panels(shares, "panel", panel, height=HEIGHT, columns=3)


def _is_random(row: dict) -> bool:
    """Whether a row is a random set that was drawn."""
    return row["intervention"] == "random_induction" and row["share"] is not None
