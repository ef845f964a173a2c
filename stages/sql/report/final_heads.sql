-- Grain: cell, layer, head, mode. Every head at the last checkpoint: its scores, and what its
-- removal does to ICL, with a bootstrap interval over sequences (draws: draw, seq, weight).
with

last_steps as (
    select cell, max(step) as step
    from ablations
    group by cell
),

last_rows as (
    select ablations.*
    from ablations
    join last_steps using (cell, step)
),

deltas as (
    select
        removed.cell,
        removed.step,
        removed.layer,
        removed.head,
        removed.mode,
        removed.seq,
        (removed.late - removed.early) - (whole.late - whole.early) as delta_icl,
        removed.mean - whole.mean as delta_loss
    from last_rows as removed
    join last_rows as whole
        on whole.cell = removed.cell
        and whole.seq = removed.seq
        and whole.mode = 'none'
    where removed.mode <> 'none'
),

resampled as (
    select cell, layer, head, mode, draw, sum(weight * delta_icl) / sum(weight) as delta_icl
    from deltas
    join draws using (seq)
    group by cell, layer, head, mode, draw
),

intervals as (
    select
        cell,
        layer,
        head,
        mode,
        quantile_cont(delta_icl, $low) as delta_icl_low,
        quantile_cont(delta_icl, $high) as delta_icl_high
    from resampled
    group by cell, layer, head, mode
),

points as (
    select
        cell,
        step,
        layer,
        head,
        mode,
        avg(delta_icl) as delta_icl,
        avg(delta_loss) as delta_loss
    from deltas
    group by cell, step, layer, head, mode
)

select
    cell,
    layer,
    head,
    format('L{}H{}', layer, head) as name,
    prefix_matching,
    prefix_matching_gap,
    same_token,
    previous_token,
    mode,
    delta_icl,
    delta_icl_low,
    delta_icl_high,
    delta_loss
from points
join intervals using (cell, layer, head, mode)
join heads using (cell, step, layer, head)
order by cell, layer, head, mode
