"""The direct path against bigrams: counts, agreement, and the model without its heads."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from induction.interp.circuits import bigrams, residual

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


def test_bigrams_are_counted():
    stream = np.array([0, 1, 2, 1, 2, 3, 1, 1], np.uint16)
    counted = bigrams.count_bigrams(stream, np.bincount(stream, minlength=5), 2)
    assert counted.sources.tolist() == [1, 2], "most common first, no end of text"
    assert counted.counts.tolist() == [[0, 1, 2, 0, 0], [0, 1, 0, 1, 0]]


def test_a_model_of_the_bigrams_agrees_with_them():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 50, (6, 9))
    unigram = counts.sum(0)
    counted = bigrams.Bigrams(np.arange(6), counts, unigram)
    exact = np.log(counts / counts.sum(1, keepdims=True))
    got = bigrams.agreement(exact, counted)
    assert got.kl == pytest.approx(0, abs=1e-12)
    assert got.rank_correlation == pytest.approx(1)
    assert got.same_first == 1
    assert got.kl_unigram > 0.05
    flat = np.log(np.tile(unigram / unigram.sum(), (6, 1)))
    assert bigrams.agreement(flat, counted).kl == pytest.approx(got.kl_unigram)
    assert bigrams.agreement(-exact, counted).rank_correlation == pytest.approx(-1)


def test_rank_correlations_are_scipy_s_with_ties_too():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, (1, 40))
    log_probs = np.log(rng.integers(1, 6, (1, 40)) / 6)
    counted = bigrams.Bigrams(np.arange(1), counts, counts.sum(0) + 1)
    follows = counts[0] > 0
    expected = spearmanr(log_probs[0][follows], counts[0][follows]).statistic
    assert bigrams.agreement(log_probs, counted).rank_correlation == pytest.approx(expected)


def test_the_direct_path_is_the_model_without_its_heads(any_model, tokens):
    model = any_model
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".attn.o." in name or "mlp" in name or name == "pos.weight":
                weight.zero_()
    inputs = tokens[:1, :1]
    scale = residual.decompose(model, inputs).scales[-1].item()
    got = bigrams.direct_log_probs(model, inputs[0].numpy(), scale)
    with torch.no_grad():
        wanted = model(inputs)[0].double().log_softmax(-1)
    torch.testing.assert_close(got, wanted, **CLOSE)
