"""The direct path W_E W_U against the bigram table of the training text."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped, UInt16
from torch import Tensor

from induction.config.circuits import CircuitSettings
from induction.interp.circuits.rows import RowsByTable, Vocabulary
from induction.models.transformer import Transformer
from induction.tables import circuits as tables


class Bigrams(NamedTuple):
    """How often each token follows each of the `sources`, and how often it occurs at all."""

    sources: Int[np.ndarray, "source"]
    counts: Int[np.ndarray, "source vocab"]
    unigram: Int[np.ndarray, "vocab"]


class Agreement(NamedTuple):
    """Of the direct path with the bigram table, by the columns of table `direct_path`: means over
    sources, weighted by their counts.

    `kl` [nats] is that of the bigrams from the direct path; `kl_unigram` that from the unigrams,
    which a model without any context would have. `rank_correlation` is Spearman's, over the tokens
    that follow the source. `same_first` is the share of the same likeliest next token.
    """

    kl: float
    kl_unigram: float
    rank_correlation: float
    same_first: float


def count_bigrams(
    stream: UInt16[np.ndarray, "stream"], counts: Int[np.ndarray, "vocab"], sources: int
) -> Bigrams:
    """Bigrams of the `sources` most common tokens, by count, without id 0, end of text."""
    by_count = np.argsort(-counts[1:], kind="stable")[:sources] + 1
    chosen = by_count[counts[by_count] > 0]
    row_of = np.full(len(counts), -1, np.int64)
    row_of[chosen] = np.arange(len(chosen))
    rows = row_of[stream[:-1]]
    codes = rows[rows >= 0] * len(counts) + stream[1:][rows >= 0]
    table = np.bincount(codes, minlength=len(chosen) * len(counts))
    return Bigrams(chosen, table.reshape(len(chosen), -1), counts)


@torch.inference_mode()
def direct_log_probs(
    model: Transformer, sources: Int[np.ndarray, "source"], scale: float
) -> Float[Tensor, "source vocab"]:
    """What the direct path alone predicts after each source: log_softmax(ln_out(W_E) W_U), the
    scale of that LayerNorm its mean over text. Learned positions are left out."""
    embed = model.tok_embed.weight[torch.from_numpy(sources)]
    x = (embed - embed.mean(-1, keepdim=True)) * scale * model.ln_out.weight + model.ln_out.bias
    return model.head(x).double().log_softmax(-1)


def agreement(log_probs: Float[np.ndarray, "source vocab"], bigrams: Bigrams) -> Agreement:
    counts, unigram = bigrams.counts.astype(np.float64), bigrams.unigram / bigrams.unigram.sum()
    totals = counts.sum(1)
    shares = counts / totals[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        kl, kl_unigram = (
            np.where(counts > 0, shares * (np.log(shares) - other), 0).sum(1)
            for other in (log_probs, np.log(unigram))
        )
    correlations = np.array([_spearman(*rows) for rows in zip(log_probs, counts, strict=True)])
    same = log_probs.argmax(1) == counts.argmax(1)
    defined = np.isfinite(correlations)
    correlation = np.average(correlations[defined], weights=totals[defined]) if defined.any() else 0
    means = (np.average(values, weights=totals) for values in (kl, kl_unigram, same))
    kl_mean, kl_unigram_mean, same_first = map(float, means)
    return Agreement(kl_mean, kl_unigram_mean, float(correlation), same_first)


def _spearman(log_probs: np.ndarray, counts: np.ndarray) -> float:
    """Over the tokens with a count; NaN where there are too few or all are alike."""
    follows = counts > 0
    a, b = _ranks(log_probs[follows]), _ranks(counts[follows])
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: Shaped[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """From 1 up; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[place]


def direct_rows(
    model: Transformer, bigrams: Bigrams, scale: float, settings: CircuitSettings, vocab: Vocabulary
) -> RowsByTable:
    """Tables `direct_path` and `direct_tokens`; `scale` is the mean 1/scale of `ln_out`."""
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
