-- Grain: cell, step. The checkpoints whose weights were read, and the circuit of each. Reads cells.
select
    cell, panel, seed, is_first, is_detailed, step,
    step * $tokens_per_step as tokens,
    "at", sum_error, circuit, reason,
    step = max(step) over (partition by cell) as is_last
from readings
join cells using (cell)
order by place, seed, step
