-- Grain: cell, step, layer, head, from_layer, from_head, receiver_input. The evidence for each edge
-- into a head's keys, and what ICL loses without it [nats], with a bootstrap interval over sequences
-- (cut_draws: draw, seq, weight), relative to ICL of the whole model where that is clearly below
-- zero. Edges into queries and values only of the last checkpoint's circuit. Reads cells.
with

whole as (
    select cell, step, seq, late - late_short as icl
    from paths
    where path = 'whole'
),

changes as (
    select
        cell, step, layer, head, from_layer, from_head, receiver_input, seq,
        edge_ablations.late - edge_ablations.late_short - whole.icl as part,
        -whole.icl as whole
    from edge_ablations
    join whole using (cell, step, seq)
),

points as (
    select
        * exclude (seq, part, whole),
        avg(part) as icl_lost,
        sum(part) / nullif(sum(whole), 0) as share,
        avg(whole) as whole
    from changes
    group by all
),

-- Intervals where they are looked at: of edges that do something.
at_work as (
    from changes
    semi join (from points where abs(icl_lost) >= $least)
    using (cell, step, layer, head, from_layer, from_head, receiver_input)
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
    compositions.v_high, points.icl_lost,
    part_low as icl_lost_low,
    part_high as icl_lost_high,
    not_resolvable(points.whole, whole_low, whole_high, $resolvable) = '' as is_resolvable,
    if(is_resolvable, share, null) as share,
    if(is_resolvable, share_low, null) as share_low,
    if(is_resolvable, share_high, null) as share_high,
    is_circuit,
    step = max(step) over (partition by cell) as is_last
from points
join edges using (cell, step, layer, head, from_layer, from_head)
join cells using (cell)
left join intervals('at_work', 'cut_draws', $low, $high)
    using (cell, step, layer, head, from_layer, from_head, receiver_input)
left join compositions using (cell, step, layer, head, from_layer, from_head)
order by place, seed, step, layer, head, from_layer, from_head, receiver_input
