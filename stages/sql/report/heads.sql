-- Grain: cell, step, layer, head. Head scores over training.
select
    cell,
    step * $tokens_per_step as tokens,
    layer,
    format('L{}H{}', layer, head) as name,
    prefix_matching,
    prefix_matching_gap,
    same_token,
    previous_token
from heads
order by cell, step, layer, head
