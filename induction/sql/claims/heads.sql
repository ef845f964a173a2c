-- Grain: claim, cell. What heads are, at the last checkpoint unless said otherwise.
-- Reads cells, main_cells, one_layer, deeper, attention_only, capable; heads, compositions, repeats.
with

last_heads as (
    from last_rows('heads')
),

best as (
    select
        cell,
        max(prefix_matching) as ever,
        max(prefix_matching) filter (step = 0) as untrained,
        arg_max(prefix_matching, (step, prefix_matching)) as at_end
    from heads
    group by cell
),

kinds as (
    select
        cell,
        bool_or(kind = 'induction') as has_induction,
        bool_or(kind = 'positional') as has_positional
    from last_heads
    group by cell
),

induction as (
    select
        cell,
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

-- Of the pair of best induction and best previous-token head.
composed as (
    select
        pairs.cell,
        arg_max(
            k - k_random - greatest(q - q_random, v - v_random),
            (reader.prefix_matching, writer.previous_token)
        ) as k_above_others
    from last_rows('compositions') as pairs
    join last_heads as reader using (cell, layer, head)
    join last_heads as writer
        on writer.cell = pairs.cell
        and writer.layer = from_layer
        and writer.head = from_head
    where reader.kind = 'induction' and writer.kind = 'previous_token'
    group by pairs.cell
),

falls as (
    select cell, avg(loss) filter (repeat = 0) - avg(loss) filter (repeat > 0) as fall
    from last_rows('repeats')
    where probe = 'gap'
    group by cell
)

select claim, cell, seed, value, reason
from deeper
join best using (cell)
join correlations using (cell)
left join induction using (cell)
left join falls using (cell)
cross join lateral (
    values
        ('induction_heads_form', at_end, ''),
        ('qk_trace_is_prefix_matching', qk_trace, 'heads do not differ'),
        ('random_repeats', fall, ''),
        ('rest_on_first', first_token, 'no induction head')
) as claims(claim, value, reason)

union all
select claim, cell, seed, value, 'no induction head'
from capable
left join induction using (cell)
cross join lateral (
    values ('prefix_matching_with_copying', copying), ('minus_one_offset', minus_one)
) as claims(claim, value)

union all
select claim, cell, seed, value, reason
from attention_only
left join composed using (cell)
left join induction using (cell)
cross join lateral (
    values
        (
            'k_composition_dominates', k_above_others,
            'no induction head after a previous-token head'
        ),
        ('in_the_last_layer', in_last_layer, 'no induction head')
) as claims(claim, value, reason)

union all
select claim, cell, seed, value, reason
from main_cells
join best using (cell)
join correlations using (cell)
cross join lateral (
    values
        ('copying_is_ov_positivity', copying, 'heads do not differ'),
        ('untrained', untrained, '')
) as claims(claim, value, reason)

union all
select 'one_layer_no_induction_head', cell, seed, ever, ''
from one_layer
join best using (cell)

union all
select 'periodic_is_flagged', cell, seed, (has_positional and not has_induction)::double, ''
from cells
join kinds using (cell)
where text = 'periodic'

union all
select
    if(shuffle_span = 1, 'shuffled_has_no_induction_head', 'spans_have_no_induction_head'),
    cell, seed, ever, ''
from cells
join best using (cell)
where text = 'shuffled' and shuffle_span >= 1
