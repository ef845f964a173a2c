-- Grain: cell, step, layer, head, from_layer, from_head, receiver_input. The evidence for each edge
-- into a head's keys, and what ICL loses without it [nats], with a bootstrap interval over sequences
-- (cut_draws: draw, seq, weight), relative to ICL of the whole model where that has an interval
-- below zero. Edges into queries and values only of the last checkpoint's circuit. Reads cells.
with

whole as (
    select cell, step, seq, late - early as icl
    from paths
    where path = 'whole'
),

changes as (
    select
        cell, step, layer, head, from_layer, from_head, receiver_input, seq,
        edge_ablations.late - edge_ablations.early - whole.icl as icl_lost,
        whole.icl
    from edge_ablations
    join whole using (cell, step, seq)
),

points as (
    select
        cell, step, layer, head, from_layer, from_head, receiver_input,
        avg(icl_lost) as icl_lost,
        -sum(icl_lost) / nullif(sum(icl), 0) as share
    from changes
    group by all
),

resampled as (
    select
        cell, step, layer, head, from_layer, from_head, receiver_input, draw,
        sum(weight * icl_lost) / sum(weight) as icl_lost,
        -sum(weight * icl_lost) / nullif(sum(weight * icl), 0) as share,
        sum(weight * icl) / sum(weight) as icl
    from changes
    join cut_draws using (seq)
    -- Intervals where they are looked at: of edges that do something.
    semi join (select * from points where abs(icl_lost) >= $least)
    using (cell, step, layer, head, from_layer, from_head, receiver_input)
    group by all
),

intervals as (
    select
        cell, step, layer, head, from_layer, from_head, receiver_input,
        quantile_cont(icl_lost, $low) as icl_lost_low,
        quantile_cont(icl_lost, $high) as icl_lost_high,
        quantile_cont(share, $low) as share_low,
        quantile_cont(share, $high) as share_high,
        quantile_cont(icl, $high) < 0 as is_shared
    from resampled
    group by all
)

select
    cell, panel, seed, is_first, is_detailed, step,
    step * $tokens_per_step as tokens,
    layer, head, from_layer, from_head, receiver_input,
    if(from_layer < 0, 'smear', format('L{}H{}', from_layer, from_head)) as sender,
    format('L{}H{}', layer, head) as receiver,
    sender || '>' || receiver as edge,
    k_diagonal, k_above, by_position, edges.previous_token, edges.ov_positivity,
    edges.prefix_matching,
    compositions.k as k_composition,
    compositions.k_random, compositions.k_high,
    compositions.q as q_composition,
    compositions.q_high,
    compositions.v as v_composition,
    compositions.v_high, points.icl_lost, icl_lost_low, icl_lost_high,
    if(is_shared, share, null) as share,
    if(is_shared, share_low, null) as share_low,
    if(is_shared, share_high, null) as share_high,
    is_circuit,
    step = max(step) over (partition by cell) as is_last
from points
join edges using (cell, step, layer, head, from_layer, from_head)
join cells using (cell)
left join intervals using (cell, step, layer, head, from_layer, from_head, receiver_input)
left join compositions using (cell, step, layer, head, from_layer, from_head)
order by place, seed, step, layer, head, from_layer, from_head, receiver_input
