-- Grain: cell, step, layer, head. Head scores over training, of the first cell of every panel.
-- Reads cells.
select
    cell,
    step * $tokens_per_step as tokens,
    layer,
    format('L{}H{}', layer, head) as name,
    prefix_matching, previous_token, qk_trace, smear_gate
from heads
join cells using (cell)
where is_first
order by place, step, layer, head
