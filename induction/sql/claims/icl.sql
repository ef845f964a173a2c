-- Grain: claim, cell, draw. Claims about how much in-context learning a model gains, and when.
-- gained is -ICL, so that more is more. At the ends of a window: those of the whole evaluation set;
-- what forms inside it: inside the draw's own.
-- Reads cells, windowed_cells, deeper, one_layer, losses, losses_short, phases_window_draws.
with

asked as (
    select cell, unnest([start_step, end_step, last_step]) as step
    from windowed_cells
    join (select cell, max(step) as last_step from losses_short group by cell) using (cell)
),

late as (
    select cell, step, seq, avg(loss) as late
    from losses
    semi join asked using (cell, step)
    cross join settings
    where pos between late_first and late_last
    group by cell, step, seq
),

short as (
    select cell, step, seq, avg(loss) as late_short
    from losses_short
    semi join asked using (cell, step)
    group by cell, step, seq
),

drawn as (
    select cell, step, draw, sum(weight * (late_short - late)) / sum(weight) as gain
    from late
    join short using (cell, step, seq)
    join draws_of('short') using (cell, seq)
    group by cell, step, draw
),

gains as (
    select
        cell, draw,
        arg_max(gain, step) as gained,
        max(gain) filter (step = start_step) as at_start,
        max(gain) filter (step = end_step) as at_end
    from windowed_cells
    join drawn using (cell)
    group by cell, draw
),

gaining as (
    select
        windowed_cells.*,
        draw, gained,
        in_draw.is_phase_change as changes_in_draw,
        if(windowed_cells.is_phase_change, at_start, null) as at_start,
        if(in_draw.is_phase_change, in_draw.icl_drop / gained, 0) as share_in_window,
        if(windowed_cells.is_phase_change, abs(gained - at_end) / gained, null) as share_after,
        if(windowed_cells.is_phase_change, gained, null) as gained_if_changed
    from windowed_cells
    join gains using (cell)
    join phases_window_draws as in_draw using (cell, draw)
),

deep as (
    from gaining semi join deeper using (cell)
),

flat as (
    from gaining semi join one_layer using (cell)
),

deep_of_seed as (
    select seed, draw, avg(gained) as gained from deep group by seed, draw
)

select claim, cell, seed, draw, value, reason, divisor, 'ICL gained' as divisor_name
from deep
cross join lateral (
    values
        ('icl_forms_in_window', share_in_window, '', gained_if_changed),
        ('little_before', at_start, 'the phase rule finds no change', null),
        ('much_after', gained, '', null),
        ('icl_constant_over_time', share_after, 'the phase rule finds no change', gained_if_changed)
) as claims(claim, value, reason, divisor)

union all
select
    'one_layer_flat', cell, seed, draw, flat.gained / deep_of_seed.gained, '',
    deep_of_seed.gained, 'ICL gained by deeper models'
from flat
join deep_of_seed using (seed, draw)

union all
select
    'smeared_one_layer_changes', smeared.cell, seed, draw, smeared.gained - flat.gained, '',
    null, ''
from gaining as smeared
join flat using (seed, draw)
where smeared.is_main and smeared.family = 'smeared_one_layer'

union all
select 'icl_moves_as_a_whole', cell, seed, draw, share_in_window, '', gained_if_changed, 'ICL gained'
from gaining
where is_main and family in ('smeared', 'smeared_one_layer')

union all
select
    'icl_constant_over_depth', three.cell, seed, draw,
    abs(three.gained - two.gained) / two.gained, '',
    two.gained, 'ICL gained by two layers'
from deep as three
join deep as two using (seed, draw, family)
where family = 'attention_only' and three.n_layers = 3 and two.n_layers = 2

union all
select
    if(ends_with(family, 'one_layer'), 'one_layer_of_another_corpus_flat', 'another_corpus'),
    cell, seed, draw, gained, '', null, ''
from gaining
where corpus <> '' and changes = '' and family <> 'smeared_one_layer'

union all
select 'shuffled_has_no_change', cell, seed, draw, gained, '', null, ''
from gaining
where text = 'shuffled' and shuffle_span = 1

union all
select 'adamw_changes', cell, seed, draw, changes_in_draw::double, '', null, ''
from gaining
where changes = 'optimizer' and optimizer = 'adamw'

union all
select changes || '_changes', cell, seed, draw, changes_in_draw::double, '', null, ''
from gaining
where corpus = '' and changes in ('rotary', 'learned')
    and family in ('attention_only', 'mlp', 'smeared')
