"""Tables of stage `claims`: the scoreboard, and what each verdict rests on."""

import pyarrow as pa

from induction.tables.contract import Column, Table

CLAIMS = Table(
    "claims",
    "every claim of the paper, and every control: its rule, its statistic, its verdict",
    ("place",),
    (
        Column("place", pa.int16(), "order on the page: that of the paper, then our controls"),
        Column("claim", pa.string(), "a short name, as in params.yaml under claims.rules"),
        Column("kind", pa.string(), "claim (of the paper) or control (ours)"),
        Column("section", pa.string(), "where the paper says it; empty for controls"),
        Column("text", pa.string(), "the claim in our words"),
        Column("statistic", pa.string(), "what the value is, and its unit"),
        Column("rule", pa.string(), "when it holds"),
        Column("seeds", pa.int16(), "seeds that have a value"),
        Column("value", pa.float64(), "mean over seeds; null if there is none", nullable=True),
        Column("low", pa.float64(), "its interval over seeds; null below two", nullable=True),
        Column("high", pa.float64(), "its interval over seeds; null below two", nullable=True),
        Column("verdict", pa.string(), "supported, contradicted, inconclusive, not tested here"),
        Column("reason", pa.string(), "why not tested, why inconclusive; else empty"),
        Column("cells", pa.string(), "the cells used, separated by spaces"),
    ),
)

EVIDENCE = Table(
    "evidence",
    "what each verdict rests on: one value per cell, or the reason why it has none",
    ("claim", "cell"),
    (
        Column("claim", pa.string(), "as in claims"),
        Column("cell", pa.string(), "model and seed"),
        Column("seed", pa.int32(), "of the cell"),
        Column("value", pa.float64(), "as claims.statistic; null if not defined", nullable=True),
        Column("reason", pa.string(), "why it is not defined; else empty"),
    ),
    may_be_empty=True,
)
