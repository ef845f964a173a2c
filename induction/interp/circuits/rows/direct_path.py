"""Tables `direct_path` and `direct_tokens`."""

import numpy as np

from induction.config.circuits import CircuitSettings
from induction.interp.circuits.bigrams import Bigrams, agreement, direct_log_probs
from induction.interp.circuits.rows.columns import RowsByTable
from induction.interp.circuits.vocabulary import Vocabulary
from induction.models.transformer import Transformer
from induction.tables import circuits as tables


def direct_rows(
    model: Transformer, bigrams: Bigrams, scale: float, settings: CircuitSettings, vocab: Vocabulary
) -> RowsByTable:
    """`scale` is the mean 1/scale of `ln_out` over text."""
    log_probs = direct_log_probs(model, bigrams.sources, scale).numpy()
    inexact = "the scale of ln_out is its mean"
    if model.arch.positions == "learned":
        inexact += "; learned positions are left out"
    rows = []
    for row, source in enumerate(bigrams.sources[: settings.entries]):
        shares = bigrams.counts[row] / bigrams.counts[row].sum()
        by_path, by_text = (
            np.argsort(-values, kind="stable")[: settings.columns]
            for values in (log_probs[row], shares)
        )
        rows += [
            {
                "row": row,
                "place": place,
                "source": vocab.texts[source],
                "out": vocab.texts[out],
                "probability": float(np.exp(log_probs[row, out])),
                "in_text": shares[out],
                "text_out": vocab.texts[text_out],
                "text_share": shares[text_out],
            }
            for place, (out, text_out) in enumerate(zip(by_path, by_text, strict=True))
        ]
    return {
        tables.DIRECT_PATH: [agreement(log_probs, bigrams)._asdict() | {"inexact": inexact}],
        tables.DIRECT_TOKENS: rows,
    }
