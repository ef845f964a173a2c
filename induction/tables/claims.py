"""Tables of stage `claims`: the scoreboard, and what each verdict rests on."""

from induction.tables.columns import CELL, float64, int16, int32, text
from induction.tables.contract import Table

_JUDGED = (
    int16("seeds", "seeds that have a value"),
    float64("value", "mean over seeds; null if there is none", nullable=True),
    float64("low", "its interval over seeds and sequences; null without either", nullable=True),
    float64("high", "its interval over seeds and sequences; null without either", nullable=True),
    float64("seeds_low", "its interval over seeds alone, Student's; null below two", nullable=True),
    float64(
        "seeds_high", "its interval over seeds alone, Student's; null below two", nullable=True
    ),
    float64(
        "text_low",
        "its interval over sequences alone, bootstrap; null if it has no such error",
        nullable=True,
    ),
    float64(
        "text_high",
        "its interval over sequences alone, bootstrap; null if it has no such error",
        nullable=True,
    ),
    text("verdict", "supported, contradicted, inconclusive, not tested here"),
    text("reason", "why not tested, why inconclusive; else empty"),
    text("decides", "what would decide it, a sentence or two; empty unless it is inconclusive"),
    text("cells", "the cells used, separated by spaces"),
)

CLAIMS = Table(
    "claims",
    "every claim of the paper, and every control: its rule, its statistic, its verdict",
    (int16("place", "order on the page: that of the paper, then our controls"),),
    (
        text("claim", "a short name, as in params.yaml under claims.rules"),
        text("kind", "claim (of the paper) or control (ours)"),
        text("section", "where the paper says it; empty for controls"),
        text("text", "the claim in our words"),
        text("statistic", "what the value is, and its unit"),
        text("unit", "share, points (of a share), nats, degrees, tokens, number; empty without"),
        text("reading", "the statistic as a sentence, {} where its value stands; empty without"),
        text("rule", "when it holds"),
        text("side", "at least or at most: where the claim holds; empty without a rule"),
        float64("bound", "of the rule, in the unit; null without a rule", nullable=True),
        int16("seeds_asked", "the fewest seeds by which the rule decides; 0 without a rule"),
        *_JUDGED,
    ),
)

CLAIMS_BY_FAMILY = Table(
    "claims_by_family",
    "the claims about models with and without MLPs, judged on either alone by the same rule",
    (int16("place", "as in claims"), text("family", "attention_only or mlp")),
    (text("claim", "as in claims"), *_JUDGED),
    may_be_empty=True,
)

EVIDENCE = Table(
    "evidence",
    "what each verdict rests on: one value per cell, or the reason why it has none",
    (text("claim", "as in claims"), CELL),
    (
        int32("seed", "of the cell"),
        float64("value", "as claims.statistic; null if not defined", nullable=True),
        float64("low", "its interval over sequences; null if it has no such error", nullable=True),
        float64("high", "its interval over sequences; null if it has no such error", nullable=True),
        text("reason", "why it is not defined; else empty"),
    ),
    may_be_empty=True,
)
