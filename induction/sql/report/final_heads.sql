-- Grain: cell, layer, head. What every head is at the last checkpoint. Reads cells.
select
    cell, is_detailed, layer, head,
    format('L{}H{}', layer, head) as name,
    kind, prefix_matching, prefix_matching_gap, same_token, previous_token, copying, copying_share,
    ov_positivity, qk_trace, qk_positivity
from last_rows('heads')
join cells using (cell)
order by place, seed, layer, head
