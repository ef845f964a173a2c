-- Grain: cell, layer, head, replacement, mode. What the removal of a head does to ICL and to the
-- loss at the last checkpoint, by every replacement of its output. With a bootstrap interval over
-- sequences (draws: draw, seq, weight) for zero; the others have fewer sequences, and none.
with

deltas as (
    select
        removed.cell, removed.layer, removed.head, removed.replacement, removed.mode, removed.seq,
        (removed.late - removed.late_short) - (whole.late - whole.late_short) as part,
        whole.late - whole.late_short as whole,
        removed.mean - whole.mean as delta_loss
    from last_rows('ablations') as removed
    join last_rows('ablations') as whole using (cell, seq)
    where whole.replacement = 'none' and removed.replacement <> 'none'
),

zeroed as (
    select * exclude (delta_loss) from deltas where replacement = 'zero'
),

points as (
    select
        cell, layer, head, replacement, mode,
        avg(part) as delta_icl,
        avg(delta_loss) as delta_loss
    from deltas
    group by all
)

select
    cell, layer, head,
    format('L{}H{}', layer, head) as name,
    replacement, mode, delta_icl,
    part_low as delta_icl_low,
    part_high as delta_icl_high,
    delta_loss
from points
left join intervals('zeroed', 'draws', $low, $high)
    using (cell, layer, head, replacement, mode)
order by cell, layer, head, replacement, mode
