-- Grain: cell, step, layer, head. The circuits of every head by its weights, beside what it does.
-- Reads cells.
select
    cell, panel, is_first, is_detailed, step,
    step * $tokens_per_step as tokens,
    layer, head,
    format('L{}H{}', layer, head) as name,
    kind, head_circuits.ov_rank, head_circuits.ov_diagonal, head_circuits.ov_above,
    head_circuits.qk_rank, head_circuits.qk_diagonal, head_circuits.qk_above,
    head_circuits.by_position, head_circuits.previous_token, heads.prefix_matching,
    heads.ov_positivity, head_circuits.inexact, head_circuits.inexact_position,
    step = max(step) over (partition by cell) as is_last
from head_circuits
join heads using (cell, step, layer, head)
join cells using (cell)
order by place, seed, step, layer, head
