"""Random probes: what they hold and where."""

import numpy as np
import torch

from induction.interp.probes import (
    Probe,
    distinct_tokens,
    gapped_blocks,
    repeated_blocks,
    usable_tokens,
)


def test_blocks_repeat_with_and_without_gaps():
    rng = np.random.default_rng(3)
    usable = np.arange(10, 60)
    tokens = repeated_blocks(rng, usable, 4, block=25, repeats=4)
    assert tokens.shape == (4, 101)
    assert (tokens[:, 0] == 0).all()
    for row in tokens[:, 1:].reshape(4, 4, 25):
        assert len(set(row[0].tolist())) == 25
        assert (row == row[0]).all()
        assert np.isin(row, usable).all()
    gapped, in_block = gapped_blocks(rng, usable, 4, block=25, repeats=4, max_gap=15)
    assert gapped.shape == in_block.shape == (4, 1 + 4 * 40)
    for row, mask in zip(gapped, in_block, strict=True):
        block = row[mask].reshape(4, 25)
        assert (block == block[0]).all()
        assert not np.isin(row[~mask][1:], block[0]).any(), "fillers never repeat the block"
        starts = mask.nonzero()[::25, 0].diff()
        assert len(set(starts.tolist())) > 1, "the distance varies"


def test_usable_tokens_leave_out_the_unseen_and_both_ends():
    counts = np.array([99, 0, 5, 1, 100, 50, 20, 0, 7, 8])
    assert usable_tokens(counts, 0.1).tolist() == [2, 5, 6, 8, 9]
    assert usable_tokens(counts, 0.0).tolist() == [2, 3, 4, 5, 6, 8, 9]


def test_the_copying_probe_has_neither_bos_nor_repeats():
    tokens = distinct_tokens(np.random.default_rng(0), np.arange(10, 60), 4, 25)
    assert tokens.shape == (4, 25)
    for row in tokens:
        assert len(set(row.tolist())) == 25
        assert np.isin(row, np.arange(10, 60)).all()


def test_a_probe_falls_apart_into_its_sequences():
    probe = gapped_blocks(np.random.default_rng(3), np.arange(10, 60), 4, 5, 2, max_gap=3)
    sequences = probe.sequences()
    assert torch.equal(torch.cat([each.tokens for each in sequences]), probe.tokens)
    assert torch.equal(torch.cat([each.in_block for each in sequences]), probe.in_block)
    assert Probe.whole(probe.tokens).in_block.all()
