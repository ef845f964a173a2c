-- Grain: seq, step. Each sequence's losses as the signals need them, to be resampled.
select
    seq, step,
    avg(loss) as loss,
    avg(loss) filter (pos between $early_first and $early_last)
        - avg(loss) filter (pos between $late_first and $late_last) as icl
from losses
group by seq, step
order by seq, step
