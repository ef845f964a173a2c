-- Grain: cell, step, layer, head. The circuits of every head by its weights, beside what it does.
-- Reads cells.
select
    cell,
    panel,
    is_first,
    is_detailed,
    step,
    step * $tokens_per_step as tokens,
    layer,
    head,
    format('L{}H{}', layer, head) as name,
    kind,
    own.ov_rank,
    own.ov_diagonal,
    own.ov_above,
    own.qk_rank,
    own.qk_diagonal,
    own.qk_above,
    own.by_position,
    own.previous_token,
    heads.prefix_matching,
    heads.ov_positivity,
    own.inexact,
    own.inexact_position,
    step = max(step) over (partition by cell) as is_last
from head_circuits as own
join heads using (cell, step, layer, head)
join cells using (cell)
order by place, seed, step, layer, head
