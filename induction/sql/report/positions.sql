-- Grain: cell, step, bin. The loss map over training and context, and its slope along the context,
-- of the cells shown in detail. Reads cells.
-- Positions are binned evenly in ln(tokens read). The slope is that of a straight line through
-- the bins up to reach bins away: nats per unit of ln(position), negative where more context
-- still helps. The paper states no scheme; over 256 sequences the difference of neighbouring
-- bins alone is mostly noise.
with

sizes as (
    select max(pos) + 1 as n_pos
    from icl_positions
),

binned as (
    select
        cell, place, step,
        least(floor(ln(pos + 1) / ln(n_pos) * $bins), $bins - 1) as bin,
        pos + 1 as tokens_read,
        loss
    from icl_positions
    join cells using (cell)
    cross join sizes
    where is_detailed
),

means as (
    select
        cell, place, step, bin,
        min(tokens_read) as first_read,
        max(tokens_read) + 1 as end_read,
        avg(ln(tokens_read)) as ln_read,
        avg(loss) as loss
    from binned
    group by cell, place, step, bin
)

select
    cell,
    step * $tokens_per_step as tokens,
    lead(step, 1, step) over same_bin * $tokens_per_step as end_tokens,
    first_read, end_read, loss,
    regr_slope(loss, ln_read) over nearby as slope
from means
window
    nearby as (
        partition by cell, step order by bin rows between $reach preceding and $reach following
    ),
    same_bin as (partition by cell, bin order by step)
order by place, step, bin
