-- Grain: claim, cell. What heads are, at the last checkpoint unless said otherwise.
-- Reads cells, heads, compositions, repeats.
with

lasts as (
    select cell, max(step) as step from heads group by cell
),

main as (
    select * from cells where is_main
),

deeper as (
    select * from main where n_layers >= 2 and not smeared_keys
),

last_heads as (
    select heads.* from heads join lasts using (cell, step)
),

best as (
    select
        cell,
        max(prefix_matching) as ever,
        max(prefix_matching) filter (step = 0) as untrained,
        arg_max(prefix_matching, step * 1e6 + prefix_matching) as at_end
    from (select cell, step, max(prefix_matching) as prefix_matching from heads group by cell, step)
    group by cell
),

induction as (
    select
        cell,
        count(*) as n,
        avg((layer = n_layers - 1)::int) as in_last_layer,
        avg((copying > 0)::int) as copying,
        avg(same_token / prefix_matching) as minus_one,
        avg(first_token) as first_token
    from last_heads
    join cells using (cell)
    where kind = 'induction'
    group by cell
),

correlations as (
    select
        cell,
        corr(qk_positivity, prefix_matching) filter (layer > 0) as qk_trace,
        corr(copying, ov_positivity) as copying
    from last_heads
    group by cell
),

composed as (
    select
        compositions.cell,
        k - k_random as k_above,
        greatest(q - q_random, v - v_random) as other_above,
        row_number() over (
            partition by compositions.cell
            order by own.prefix_matching desc, earlier.previous_token desc
        ) as rank
    from compositions
    join lasts using (cell, step)
    join last_heads as own using (cell, step, layer, head)
    join last_heads as earlier
        on earlier.cell = compositions.cell
        and earlier.layer = from_layer
        and earlier.head = from_head
    where own.kind = 'induction' and earlier.kind = 'previous_token'
),

falls as (
    select
        cell,
        avg(loss) filter (repeat = 0) - avg(loss) filter (repeat > 0) as fall
    from repeats
    join lasts using (cell, step)
    where probe = 'gap'
    group by cell
),

listed as (
    select 'one_layer_no_induction_head' as claim, cell, seed, ever as value, '' as why
    from main
    join best using (cell)
    where n_layers = 1 and not smeared_keys and not mlp
    union all
    select 'induction_heads_form', cell, seed, at_end, '' from deeper join best using (cell)
    union all
    select 'qk_trace_is_prefix_matching', cell, seed, qk_trace, 'heads do not differ'
    from deeper
    join correlations using (cell)
    union all
    select 'copying_is_ov_positivity', cell, seed, correlations.copying, 'heads do not differ'
    from main
    join correlations using (cell)
    union all
    select
        'k_composition_dominates',
        deeper.cell,
        seed,
        k_above - other_above,
        'no induction head after a previous-token head'
    from deeper
    left join composed on composed.cell = deeper.cell and rank = 1
    where not mlp
    union all
    select 'random_repeats', cell, seed, fall, '' from deeper join falls using (cell)
    union all
    select 'rest_on_first', deeper.cell, seed, first_token, 'no induction head'
    from deeper
    left join induction using (cell)
    union all
    select 'in_the_last_layer', deeper.cell, seed, in_last_layer, 'no induction head'
    from deeper
    left join induction using (cell)
    where not mlp
    union all
    select 'prefix_matching_with_copying', main.cell, seed, copying, 'no induction head'
    from main
    left join induction using (cell)
    where n_layers >= 2 or smeared_keys
    union all
    select 'minus_one_offset', main.cell, seed, minus_one, 'no induction head'
    from main
    left join induction using (cell)
    where n_layers >= 2 or smeared_keys
    union all
    select 'untrained', cell, seed, untrained, '' from main join best using (cell)
    union all
    select
        'periodic_is_flagged',
        cells.cell,
        seed,
        (count(*) filter (kind = 'positional') > 0
            and count(*) filter (kind = 'induction') = 0)::double,
        ''
    from cells
    join last_heads using (cell)
    where text = 'periodic'
    group by cells.cell, seed
    union all
    select 'shuffled_has_no_induction_head', cell, seed, ever, ''
    from cells
    join best using (cell)
    where text = 'shuffled' and shuffle_span = 1
    union all
    select 'spans_have_no_induction_head', cell, seed, ever, ''
    from cells
    join best using (cell)
    where text = 'shuffled' and shuffle_span > 1
)

select claim, cell, seed, value, if(value is null, why, '') as reason
from listed
