-- Grain: cell, step. Loss and ICL over training, with intervals. Reads cells.
-- learning is d loss / d ln(tokens): the slope of a straight line through the checkpoints up to
-- reach checkpoints away, null where there are fewer than two of them after the start.
select
    cell, panel, seed,
    step * $tokens_per_step as tokens,
    loss, loss_low, loss_high,
    icl_matched, icl_matched_low, icl_matched_high,
    icl, icl_paper, case
        when count(*) filter (step > 0) over nearby >= 2
            then regr_slope(loss, if(step > 0, ln(step), null)) over nearby
    end as learning
from icl
join cells using (cell)
window nearby as (
    partition by cell order by step rows between $reach preceding and $reach following
)
order by place, seed, step
