-- Grain: cell, seq. The mean losses of every evaluation sequence at the last checkpoint, over all
-- positions and where ICL is read: what a paired bootstrap of two reports resamples.
with

short as (
    select cell, step, seq, avg(loss) as late_short
    from losses_short
    group by cell, step, seq
)

select
    cell, seq,
    avg(loss) as loss,
    avg(loss) filter (pos between $early_first and $early_last) as early,
    avg(loss) filter (pos between $late_first and $late_last) as late,
    any_value(late_short) as late_short,
    avg(loss) filter (pos = $early_point) as early_point,
    avg(loss) filter (pos = $late_point) as late_point
from losses
semi join last_rows('icl') using (cell, step)
join short using (cell, step, seq)
group by cell, seq
order by cell, seq
