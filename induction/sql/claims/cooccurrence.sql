-- Grain: claim, cell. Claims about when signals change, and whether together.
-- A signal that does not change overlaps with nothing; one that has no curve is not defined.
-- Reads cells, deeper, main_cells, settings, phases, phases_overlaps.
with

estimators as (
    select distinct estimator from phases
),

claimed(claim, signal) as (
    values
        ('prefix_matching_in_window', 'prefix_matching'),
        ('loss_bump_in_window', 'loss_bump'),
        ('pca_turns_in_window', 'pca_turn'),
        ('qk_trace_in_window', 'qk_trace')
),

overlaps_with_icl as (
    select cell, estimator, if(signal = 'icl', other, signal) as signal, overlap
    from phases_overlaps
    where 'icl' in (signal, other)
),

icl_changes as (
    select cell, start_tokens, middle_tokens, end_tokens, reason
    from phases
    where signal = 'icl' and estimator = 'levels'
)

select
    claim, cell, seed,
    case when count(rise) = count(*) then avg(coalesce(overlap, false)::int) end as value,
    any_value(reason) filter (rise is null) as reason
from deeper
cross join estimators
cross join claimed
left join phases using (cell, estimator, signal)
left join overlaps_with_icl using (cell, estimator, signal)
group by claim, cell, seed

union all
select 'window_is_narrow', cell, seed, (end_tokens - start_tokens) / training_tokens, reason
from deeper
join icl_changes using (cell)
cross join settings

union all
select
    'smeared_two_layers_earlier', smeared.cell, seed,
    early.middle_tokens - late.middle_tokens,
    coalesce(nullif(early.reason, ''), late.reason)
from main_cells as smeared
join attention_only as plain using (seed, n_layers)
join icl_changes as early on early.cell = smeared.cell
join icl_changes as late on late.cell = plain.cell
where smeared.family = 'smeared' and n_layers = 2

union all
select
    'not_the_warmup', shifted.cell, seed,
    (late.middle_tokens - early.middle_tokens)
    / ((shifted.warmup_steps - plain.warmup_steps) * tokens_per_step),
    coalesce(nullif(late.reason, ''), early.reason)
from cells as shifted
join deeper as plain using (seed, model)
join icl_changes as late on late.cell = shifted.cell
join icl_changes as early on early.cell = plain.cell
cross join settings
where shifted.changes = 'warmup_steps' and shifted.warmup_steps <> plain.warmup_steps
