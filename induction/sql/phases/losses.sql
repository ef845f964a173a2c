-- Grain: seq, step. Each sequence's losses as the signals need them, to be resampled: icl is what a
-- long context gives over a short one, the matched score turned so that it rises.
with

short as (
    select seq, step, avg(loss) as late_short from losses_short group by seq, step
),

whole as (
    select
        seq, step,
        avg(loss) as loss,
        avg(loss) filter (pos between $late_first and $late_last) as late
    from losses
    group by seq, step
)

select seq, step, loss, late_short - late as icl
from whole
join short using (seq, step)
order by seq, step
