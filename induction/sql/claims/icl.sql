-- Grain: claim, cell. Claims about how much in-context learning a model gains, and when.
-- gained is -ICL, so that more is more. Reads cells, icl, phases_windows.
with

finals as (
    select cell, arg_max(-icl, step) as gained
    from icl
    group by cell
),

edges as (
    select
        windows.cell,
        any_value(is_phase_change) as is_phase_change,
        any_value(icl_drop) as icl_drop,
        arg_min(-icl, abs(step * $tokens_per_step - start_tokens)) as at_start,
        arg_min(-icl, abs(step * $tokens_per_step - end_tokens)) as at_end
    from phases_windows as windows
    join icl using (cell)
    group by windows.cell
),

every_cell as (
    select *
    from cells
    join finals using (cell)
    join edges using (cell)
),

deeper as (
    select * from every_cell where is_main and n_layers >= 2 and not smeared_keys
),

one_layer as (
    select * from every_cell where is_main and n_layers = 1 and not smeared_keys and not mlp
),

deeper_of_seed as (
    select seed, avg(gained) as gained from deeper group by seed
),

no_window as (
    select 'the phase rule finds no change' as reason
)

select
    'icl_forms_in_window' as claim,
    cell,
    seed,
    case when is_phase_change then icl_drop / gained else 0 end as value,
    '' as reason
from deeper

union all
select
    'little_before',
    cell,
    seed,
    case when is_phase_change then at_start end,
    case when is_phase_change then '' else no_window.reason end
from deeper, no_window

union all
select 'much_after', cell, seed, gained, '' from deeper

union all
select 'one_layer_flat', one_layer.cell, seed, one_layer.gained / deeper_of_seed.gained, ''
from one_layer
join deeper_of_seed using (seed)

union all
select 'smeared_one_layer_changes', own.cell, seed, own.gained - one_layer.gained, ''
from every_cell as own
join one_layer using (seed)
where own.is_main and own.smeared_keys and own.n_layers = 1

union all
select
    'icl_moves_as_a_whole',
    cell,
    seed,
    case when is_phase_change then icl_drop / gained else 0 end,
    ''
from every_cell
where is_main and smeared_keys

union all
select
    'icl_constant_over_depth',
    three.cell,
    seed,
    abs(three.gained - two.gained) / two.gained,
    ''
from deeper as three
join deeper as two using (seed)
where three.n_layers = 3 and two.n_layers = 2 and not three.mlp and not two.mlp

union all
select
    'icl_constant_over_time',
    cell,
    seed,
    case when is_phase_change then abs(gained - at_end) / gained end,
    case when is_phase_change then '' else no_window.reason end
from deeper, no_window

union all
select 'another_corpus', cell, seed, gained, ''
from every_cell
where corpus <> '' and n_layers >= 2 and changes = '' and positions = 'qk_sinusoidal'

union all
select 'one_layer_of_another_corpus_flat', cell, seed, gained, ''
from every_cell
where corpus <> '' and n_layers = 1 and changes = '' and not smeared_keys

union all
select 'shuffled_has_no_change', cell, seed, gained, ''
from every_cell
where text = 'shuffled' and shuffle_span = 1

union all
select 'adamw_changes', cell, seed, is_phase_change::double, ''
from every_cell
where changes = 'optimizer' and optimizer = 'adamw'

union all
select positions || '_changes', cell, seed, is_phase_change::double, ''
from every_cell
where changes = '' and corpus = '' and positions <> 'qk_sinusoidal' and n_layers >= 2
