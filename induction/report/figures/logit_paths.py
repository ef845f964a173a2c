"""What paths through the model give the logits: parts, orders, bigrams and skip-trigrams."""

import altair as alt

from induction.report.figures.figure import Section, figure
from induction.report.figures.frame import (
    GREY,
    TOKENS,
    Panels,
    extent,
    in_millions,
    inline,
    layers,
    palette,
    seed_palette,
)
from induction.report.formatting import part_name, with_visible_spaces
from induction.report.rows import Results, Rows

SPANS = {"text_late": "text, late", "random_again": "random, repeated"}
TRIGRAMS_PER_HEAD = 8


@figure(
    "circuit_attribution",
    Section.CIRCUITS,
    "Direct logit attribution: what the token itself, each head, each MLP and the bias of the last "
    "LayerNorm give the right token's logit, above the mean logit. On text late in the context and "
    "on random blocks from their second repeat on. End of training.",
    keep=lambda row: row["is_last"] and row["span"] in SPANS,
)
def circuit_parts(rows: Rows, results: Results) -> Panels:
    bars = [
        {
            "cell": row["cell"],
            "part": part_name(row["layer"], row["part"]),
            "span": SPANS[row["span"]],
            "logit": row["logit"],
        }
        for row in rows
    ]

    def panel(_: str, parts: Rows) -> alt.Chart:
        order = list(dict.fromkeys(row["part"] for row in parts))
        bar = alt.Chart(inline(parts)).mark_bar()
        return bar.encode(
            y=alt.Y("part:N", title=None, sort=order),
            yOffset=alt.YOffset("span:N", sort=list(SPANS.values())),
            x=alt.X("logit:Q", title="right token's logit above the mean (nats)"),
            color=palette("span", list(SPANS.values()), "on"),
        )

    return Panels(bars, "cell", panel, height=alt.Step(9), columns=4)


@figure(
    "circuit_orders",
    Section.CIRCUITS,
    "What paths through exactly so many heads in a row take off the loss, with attention patterns "
    "held: 1 counts heads that read tokens, 2 heads that read heads through their values "
    "(V-composition). End of training, a dot per seed.",
    keep=lambda row: row["gain"] is not None,
)
def circuit_orders(rows: Rows, results: Results) -> Panels:
    zero = alt.Chart(inline([{"gain": 0}])).mark_rule(color=GREY, strokeDash=[3, 3])

    def panel(_: str, seeds: Rows) -> alt.LayerChart:
        dots = alt.Chart(inline(seeds)).mark_point(filled=True, size=36, opacity=0.8)
        return layers(
            zero.encode(y="gain:Q"),
            dots.encode(
                x=alt.X("order:O", title="heads in a row", axis=alt.Axis(labelAngle=0)),
                y=alt.Y("gain:Q", title="off the loss (nats)"),
                color=seed_palette(rows),
            ),
        )

    return Panels(rows, "panel", panel)


@figure(
    "circuit_direct",
    Section.CIRCUITS,
    "The direct path W_E W_U as a table of bigrams: its KL divergence from that of the training "
    "text, mean over the most common tokens. Dashed: from single-token frequencies. One line per "
    "seed.",
)
def circuit_direct(rows: Rows, results: Results) -> Panels:
    scale = alt.Scale(domain=[0, extent(rows, "kl")[1]])

    def panel(_: str, seeds: Rows) -> alt.LayerChart:
        base = alt.Chart(in_millions(seeds)).encode(x=TOKENS)
        y = alt.Y("kl:Q", title="KL from the bigrams (nats)", scale=scale)
        line = base.mark_line(strokeWidth=1.3, point=alt.OverlayMarkDef(size=14))
        unigram = base.mark_line(strokeDash=[4, 3], strokeWidth=1, color=GREY)
        return layers(
            unigram.encode(y=alt.Y("kl_unigram:Q", scale=scale)),
            line.encode(y=y, color=seed_palette(rows)),
        )

    return Panels(rows, "panel", panel)


@figure(
    "circuit_trigrams",
    Section.CIRCUITS,
    "Skip-trigrams of one-layer models, source … destination → out: attention by the QK circuit "
    "times what the OV circuit raises. Colour: how much likelier the text has the out with the "
    "source than without. ␣ is a space, ↵ a line end. End of training.",
    keep=lambda row: row["is_last"] and row["row"] < TRIGRAMS_PER_HEAD,
)
def circuit_trigrams(rows: Rows, results: Results) -> Panels:
    """One panel per head."""
    bars = [
        {
            "head": f"{row['cell']} L{row['layer']}H{row['head']}",
            "trigram": "{} … {} → {}".format(
                *(with_visible_spaces(row[key]) for key in ("source", "destination", "out"))
            ),
            "effect": row["effect"],
            "lift": row["lift"],
        }
        for row in rows
    ]
    color = alt.Color(
        "lift:Q",
        title="ln lift in the text",
        scale=alt.Scale(scheme="viridis", domain=extent(bars, "lift")),
    )

    def panel(_: str, trigrams: Rows) -> alt.Chart:
        order = [row["trigram"] for row in trigrams]
        y = alt.Y("trigram:N", title=None, sort=order, axis=alt.Axis(labelLimit=150))
        x = alt.X("effect:Q", title="attention × raise (nats)")
        return alt.Chart(inline(trigrams)).mark_bar().encode(x=x, y=y, color=color)

    return Panels(bars, "head", panel, height=130, columns=4)
