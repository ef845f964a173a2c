"""What sets of heads and their attention patterns carry at the end, by model: a dot per seed."""

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import GREY, Panels, extent, inline, known, layers, seed_palette
from induction.report.rows import Results, Rows

INTERVENTIONS = {
    "without_induction": "without induction heads",
    "random_induction": "without as many of no kind",
    "without_previous_token": "without previous-token heads",
    "knockout": "their matches knocked out",
    "knockout_random": "other keys knocked out",
}
HEIGHT, MARGIN = 170, 0.25


@figure(
    "interventions",
    Section.SETS,
    "The share of in-context learning (ICL) that goes with a set of heads at the end of training, "
    "1 minus ICL without them over ICL of the whole model. Large dots: seeds, with bootstrap "
    "intervals over sequences. Small dots: random sets of as many heads of no kind (neither "
    "induction nor previous-token nor positional) in the same layers, where there are as many. "
    "Knocked out: all heads stay, but induction heads may not attend to the tokens after matches "
    "or, as a control, to as many other keys. Intervals are cut at the frame. A model whose "
    "in-context learning is not clearly above zero has none to share out, and no panel.",
    keep=lambda row: row["share"] is not None and row["intervention"] in INTERVENTIONS,
    is_file=True,
)
def interventions(rows: Rows, results: Results) -> Panels:
    shares = [
        {
            **{key: row[key] for key in ("panel", "seed", "share", "share_low", "share_high")},
            "what": INTERVENTIONS[row["intervention"]],
            "is_random": row["intervention"].startswith("random_"),
        }
        for row in rows
    ]
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
        y = alt.Y("what:N", title=None, scale=alt.Scale(domain=list(INTERVENTIONS.values())))
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
