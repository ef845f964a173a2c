-- Grain: cell, step. The direct path against the bigrams of the training text. Reads cells.
select
    cell, panel, seed, is_first,
    step * $tokens_per_step as tokens,
    step, direct_path.kl, kl_unigram, rank_correlation, same_first, inexact
from direct_path
join cells using (cell)
order by place, seed, step
