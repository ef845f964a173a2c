-- Grain: claim, cell, draw. What heads are, at the last checkpoint unless said otherwise. Draws
-- weight the random probes; scores read from the weights, and kinds of heads, have draw 0 alone.
-- Reads cells, main_cells, one_layer, deeper, attention_only, capable, settings; heads, probes,
-- compositions, repeats.
with

last_heads as (
    from last_rows('heads')
),

last_steps as (
    select cell, max(step) as last_step from heads group by cell
),

on_probes as (
    select
        cell, step, layer, head, draw,
        sum(weight * prefix_matching) / sum(weight) as prefix_matching,
        sum(weight * same_token) / sum(weight) as same_token,
        sum(weight * first_token) / sum(weight) as first_token
    from probes
    join cells using (cell)
    join last_steps using (cell)
    join draws_of('probes') using (cell, seq)
    where step in (0, last_step) or family = 'one_layer' or text = 'shuffled'
    group by cell, step, layer, head, draw
),

best as (
    select
        cell, draw,
        max(prefix_matching) as ever,
        max(prefix_matching) filter (step = 0) as untrained,
        arg_max(prefix_matching, (step, prefix_matching)) as at_end
    from on_probes
    group by cell, draw
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
        avg((copying > 0)::int) as copying
    from last_heads
    join cells using (cell)
    where kind = 'induction'
    group by cell
),

-- Of pairs of an induction head and another of its model. Of equals, each is above by half.
ranked as (
    select
        cell,
        avg((1 + sign(mine.copying - other.copying)) / 2) as above_others
    from last_heads as mine
    join last_heads as other using (cell)
    where mine.kind = 'induction' and other.kind <> 'induction'
    group by cell
),

attention as (
    select
        cell, draw,
        avg(probed.same_token / probed.prefix_matching) as minus_one,
        avg(probed.first_token) as first_token
    from last_heads
    join on_probes as probed using (cell, step, layer, head)
    where kind = 'induction'
    group by cell, draw
),

correlations as (
    select cell, draw, corr(qk_positivity, probed.prefix_matching) as qk_trace
    from last_heads
    join on_probes as probed using (cell, step, layer, head)
    where layer > 0
    group by cell, draw
),

copying_is_ov as (
    select cell, corr(copying, ov_positivity) as copying from last_heads group by cell
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

repeated as (
    select
        cell, draw,
        sum(weight * loss) filter (repeat = 0) / sum(weight) filter (repeat = 0) as first_loss,
        sum(weight * loss) filter (repeat > 0) / sum(weight) filter (repeat > 0) as later_loss
    from last_rows('repeats')
    join draws_of('repeats') using (cell, seq)
    where probe = 'gap'
    group by cell, draw
)

select claim, cell, seed, draw, value, reason
from deeper
join best using (cell)
left join correlations using (cell, draw)
left join repeated using (cell, draw)
cross join settings
cross join lateral (
    values
        ('induction_heads_form', at_end, ''),
        ('qk_trace_is_prefix_matching', qk_trace, 'heads do not differ'),
        ('random_repeats', first_loss - later_loss, ''),
        ('random_repeats_beat_chance', ln(vocab_size) - later_loss, '')
) as claims(claim, value, reason)

union all
select 'rest_on_first', cell, seed, coalesce(draw, 0), first_token, 'no induction head'
from deeper
left join attention using (cell)

union all
select claim, cell, seed, 0, value, reason
from capable
left join induction using (cell)
left join ranked using (cell)
cross join lateral (
    values
        ('prefix_matching_with_copying', copying, 'no induction head'),
        (
            'copies_more_than_others', above_others,
            if(copying is null, 'no induction head', 'every head is an induction head')
        )
) as claims(claim, value, reason)

union all
select 'minus_one_offset', cell, seed, coalesce(draw, 0), minus_one, 'no induction head'
from capable
left join attention using (cell)

union all
select claim, cell, seed, 0, value, reason
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
select 'copying_is_ov_positivity', cell, seed, 0, copying, 'heads do not differ'
from main_cells
join copying_is_ov using (cell)

union all
select 'untrained', cell, seed, draw, untrained, ''
from main_cells
join best using (cell)

union all
select 'one_layer_no_induction_head', cell, seed, draw, ever, ''
from one_layer
join best using (cell)

union all
select 'periodic_is_flagged', cell, seed, 0, (has_positional and not has_induction)::double, ''
from cells
join kinds using (cell)
where text = 'periodic'

union all
select
    if(shuffle_span = 1, 'shuffled_has_no_induction_head', 'spans_have_no_induction_head'),
    cell, seed, draw, ever, ''
from cells
join best using (cell)
where text = 'shuffled' and shuffle_span >= 1
