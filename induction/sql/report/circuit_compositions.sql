-- Grain: cell, step, layer, head, from_layer, from_head, receiver_input. Q-, K- and V-composition
-- over training, above the mean of random orientations, of the cells shown in detail. Reads cells.
with

scores as (
    unpivot (
        select cell, step, layer, head, from_layer, from_head,
            q - q_random as q, k - k_random as k, v - v_random as v
        from compositions
    )
    on q, k, v
    into name receiver_input value above
)

select
    cell,
    step * $tokens_per_step as tokens,
    format('L{}H{}>L{}H{}', from_layer, from_head, layer, head) as edge,
    receiver_input, above
from scores
join cells using (cell)
where is_detailed
order by place, seed, layer, head, from_layer, from_head, receiver_input, step
