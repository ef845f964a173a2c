-- Grain: claim, cell. Claims about how much in-context learning a model gains, and when.
-- gained is -ICL, so that more is more. Reads windowed_cells, deeper, one_layer, icl.
with

gains as (
    select
        cell,
        arg_max(-icl_matched, step) as gained,
        max(-icl_matched) filter (step = start_step) as at_start,
        max(-icl_matched) filter (step = end_step) as at_end
    from windowed_cells
    join icl using (cell)
    group by cell
),

gaining as (
    select
        windowed_cells.*,
        gained,
        if(is_phase_change, at_start, null) as at_start,
        if(is_phase_change, icl_drop / gained, 0) as share_in_window,
        if(is_phase_change, abs(gained - at_end) / gained, null) as share_after
    from windowed_cells
    join gains using (cell)
),

deep as (
    from gaining semi join deeper using (cell)
),

flat as (
    from gaining semi join one_layer using (cell)
),

deep_of_seed as (
    select seed, avg(gained) as gained from deep group by seed
)

select claim, cell, seed, value, reason
from deep
cross join lateral (
    values
        ('icl_forms_in_window', share_in_window, ''),
        ('little_before', at_start, 'the phase rule finds no change'),
        ('much_after', gained, ''),
        ('icl_constant_over_time', share_after, 'the phase rule finds no change')
) as claims(claim, value, reason)

union all
select 'one_layer_flat', cell, seed, flat.gained / deep_of_seed.gained, ''
from flat
join deep_of_seed using (seed)

union all
select 'smeared_one_layer_changes', smeared.cell, seed, smeared.gained - flat.gained, ''
from gaining as smeared
join flat using (seed)
where smeared.is_main and smeared.family = 'smeared_one_layer'

union all
select 'icl_moves_as_a_whole', cell, seed, share_in_window, ''
from gaining
where is_main and family in ('smeared', 'smeared_one_layer')

union all
select
    'icl_constant_over_depth', three.cell, seed,
    abs(three.gained - two.gained) / two.gained,
    ''
from deep as three
join deep as two using (seed, family)
where family = 'attention_only' and three.n_layers = 3 and two.n_layers = 2

union all
select
    if(ends_with(family, 'one_layer'), 'one_layer_of_another_corpus_flat', 'another_corpus'),
    cell, seed, gained, ''
from gaining
where corpus <> '' and changes = '' and family <> 'smeared_one_layer'

union all
select 'shuffled_has_no_change', cell, seed, gained, ''
from gaining
where text = 'shuffled' and shuffle_span = 1

union all
select 'adamw_changes', cell, seed, is_phase_change::double, ''
from gaining
where changes = 'optimizer' and optimizer = 'adamw'

union all
select changes || '_changes', cell, seed, is_phase_change::double, ''
from gaining
where corpus = '' and changes in ('rotary', 'learned')
    and family in ('attention_only', 'mlp', 'smeared')
