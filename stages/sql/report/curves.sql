-- Grain: cell, step. Loss and ICL over training, with intervals.
select
    cell,
    step * $tokens_per_step as tokens,
    loss, loss_low, loss_high,
    icl, icl_low, icl_high,
    icl_paper
from icl
order by cell, step
