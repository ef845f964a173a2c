-- Grain: cell, layer, head. What every head is at the last checkpoint. Reads cells.
with

lasts as (
    select cell, max(step) as step
    from heads
    group by cell
)

select
    cell,
    is_detailed,
    layer,
    head,
    format('L{}H{}', layer, head) as name,
    kind,
    prefix_matching,
    prefix_matching_gap,
    same_token,
    previous_token,
    copying,
    ov_positivity,
    qk_trace,
    qk_positivity
from heads
join lasts using (cell, step)
join cells using (cell)
order by place, seed, layer, head
