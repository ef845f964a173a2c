-- Grain: cell, step, layer, head. The share of the change over the phase window that setting a
-- head's output to zero undoes, -(a·b)/|b|², in the first cell of every panel: b is the change of
-- the loss vector of the whole model over the window, a what the ablation adds to the loss vector.
-- Not defined without a phase change. Reads cells.
with

whole as (
    select cell, step, seq, sampled
    from ablations
    where replacement = 'none'
),

before_and_after as (
    select
        cell, seq,
        max(sampled) filter (step * $tokens_per_step = end_tokens)
            - max(sampled) filter (step * $tokens_per_step = start_tokens) as b
    from whole
    join phases_windows using (cell)
    join cells using (cell)
    where is_phase_change and is_first
    group by cell, seq
),

per_head as (
    select
        cell, step, layer, head,
        -sum((removed.sampled - whole.sampled) * b) / nullif(sum(b * b), 0) as undone
    from ablations as removed
    join whole using (cell, step, seq)
    join before_and_after using (cell, seq)
    where replacement = 'zero' and mode = $pattern_mode
    group by cell, step, layer, head
)

select
    cell,
    step * $tokens_per_step as tokens,
    layer,
    format('L{}H{}', layer, head) as name,
    undone
from per_head
join cells using (cell)
where undone is not null
order by place, step, layer, head
