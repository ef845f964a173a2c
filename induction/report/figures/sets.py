"""What sets of heads and their patterns carry, at the end: one panel per model, dots are seeds."""

import altair as alt

from induction.report.figures.frame import (
    GREY,
    Panel,
    Panels,
    Rows,
    extent,
    inline,
    known,
    palette,
)

INTERVENTIONS = {
    "without_induction": "without induction heads",
    "random_induction": "without as many others",
    "without_previous_token": "without previous-token heads",
    "knockout": "their matches knocked out",
    "knockout_random": "other keys knocked out",
}
HEIGHT, MARGIN = 170, 0.25


def interventions(shares: Rows) -> Panels:
    """The share of ICL that goes with each; models where none is defined have no panel."""
    rows = [
        {
            **{key: row[key] for key in ("panel", "seed", "share", "share_low", "share_high")},
            "what": INTERVENTIONS[row["intervention"]],
            "is_random": row["intervention"].startswith("random_"),
        }
        for row in known(shares, "share")
        if row["intervention"] in INTERVENTIONS
    ]
    seeds = sorted({row["seed"] for row in rows})
    color = palette("seed", seeds, "seed", legend=len(seeds) > 1)
    # A share of little ICL has an interval that would leave no room for the shares.
    low, high = extent(rows, "share")
    domain = [min(0, low) - MARGIN, max(1, high) + MARGIN]
    scale = alt.Scale(domain=domain, nice=False)
    # By hand: what the renderer clips, it numbers anew in every run.
    for row in known(rows, "share_low", "share_high"):
        row["share_low"] = max(row["share_low"], domain[0])
        row["share_high"] = min(row["share_high"], domain[1])
    marks = alt.Chart(inline([{"share": 0}, {"share": 1}])).mark_rule(
        color=GREY, strokeDash=[3, 3], strokeWidth=0.8
    )

    def panel(_: str, own: Rows) -> Panel:
        x = alt.X("share:Q", title="share of in-context learning removed", scale=scale)
        y = alt.Y("what:N", title=None, scale=alt.Scale(domain=list(INTERVENTIONS.values())))
        offset = alt.YOffset("seed:N", scale=alt.Scale(domain=seeds))
        drawn = [row for row in own if not row["is_random"]]
        random = alt.Chart(inline([row for row in own if row["is_random"]]))
        base = alt.Chart(inline(drawn)).encode(y=y, yOffset=offset, color=color)
        return alt.layer(
            marks.encode(x=x),
            random.mark_point(filled=True, size=12, opacity=0.5).encode(
                x=x, y=y, yOffset=offset, color=color
            ),
            base.mark_rule(strokeWidth=1).encode(
                x=alt.X("share_low:Q", scale=scale), x2="share_high:Q"
            ),
            base.mark_point(filled=True, size=45, opacity=1).encode(x=x),
        )

    return Panels(rows, "panel", panel, height=HEIGHT, columns=3)
