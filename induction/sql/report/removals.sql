-- Grain: cell, layer, head, replacement, mode. What the removal of a head does to ICL and to the
-- loss at the last checkpoint, by every replacement of its output. With a bootstrap interval over
-- sequences (draws: draw, seq, weight) for zero; the others have fewer sequences, and none.
with

last_ablations as (
    from last_rows('ablations')
),

deltas as (
    select
        removed.cell, removed.layer, removed.head, removed.replacement, removed.mode, removed.seq,
        (removed.late - removed.early) - (whole.late - whole.early) as delta_icl,
        removed.mean - whole.mean as delta_loss
    from last_ablations as removed
    join last_ablations as whole
        on whole.cell = removed.cell
        and whole.seq = removed.seq
        and whole.replacement = 'none'
    where removed.replacement <> 'none'
),

resampled as (
    select
        cell, layer, head, replacement, mode, draw,
        sum(weight * delta_icl) / sum(weight) as delta_icl
    from deltas
    join draws using (seq)
    where replacement = 'zero'
    group by all
),

intervals as (
    select
        cell, layer, head, replacement, mode,
        quantile_cont(delta_icl, $low) as delta_icl_low,
        quantile_cont(delta_icl, $high) as delta_icl_high
    from resampled
    group by all
),

points as (
    select
        cell, layer, head, replacement, mode,
        avg(delta_icl) as delta_icl,
        avg(delta_loss) as delta_loss
    from deltas
    group by all
)

select
    cell, layer, head,
    format('L{}H{}', layer, head) as name,
    replacement, mode, delta_icl, delta_icl_low, delta_icl_high, delta_loss
from points
left join intervals using (cell, layer, head, replacement, mode)
order by cell, layer, head, replacement, mode
