-- Grain: cell, signal, estimator. When every signal changes, and whether ICL changes meanwhile.
-- Reads cells.
with

with_icl as (
    select cell, estimator, if(signal = 'icl', other, signal) as signal, overlap
    from phases_overlaps
    where 'icl' in (signal, other)
)

select panel, seed, is_detailed, phases.*, overlap
from phases
left join with_icl using (cell, estimator, signal)
join cells using (cell)
order by place, seed, signal, estimator
