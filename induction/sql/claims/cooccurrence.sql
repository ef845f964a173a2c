-- Grain: claim, cell, draw. Claims about when signals change, and whether together.
-- A signal that does not change overlaps with nothing; one that has no curve is not defined.
-- Reads cells, deeper, main_cells, settings, phases, phases_date_draws, draws.
with

estimators as (
    select distinct estimator from phases
),

every_draw as (
    select distinct draw from draws
),

claimed(claim, signal) as (
    values
        ('prefix_matching_in_window', 'prefix_matching'),
        ('loss_bump_in_window', 'loss_bump'),
        ('pca_turns_in_window', 'pca_turn'),
        ('qk_trace_in_window', 'qk_trace')
),

overlaps_with_icl as (
    select
        cell, estimator, draw, other.signal,
        icl.start_tokens <= other.end_tokens and other.start_tokens <= icl.end_tokens as overlap
    from phases_date_draws as icl
    join phases_date_draws as other using (cell, estimator, draw)
    where icl.signal = 'icl'
),

icl_changes as (
    select
        cell, reason,
        coalesce(draw, 0) as draw,
        dates.start_tokens, dates.middle_tokens, dates.end_tokens
    from phases
    left join phases_date_draws as dates using (cell, signal, estimator)
    where signal = 'icl' and estimator = 'levels'
)

select
    claim, cell, seed, draw,
    case when count(rise) = count(*) then avg(coalesce(overlap, false)::int) end as value,
    any_value(reason) filter (rise is null) as reason
from deeper
cross join estimators
cross join every_draw
cross join claimed
left join phases using (cell, estimator, signal)
left join overlaps_with_icl using (cell, estimator, draw, signal)
group by claim, cell, seed, draw

union all
select 'window_is_narrow', cell, seed, draw, (end_tokens - start_tokens) / training_tokens, reason
from deeper
join icl_changes using (cell)
cross join settings

union all
select
    'smeared_two_layers_earlier', smeared.cell, seed, late.draw,
    early.middle_tokens - late.middle_tokens,
    coalesce(nullif(early.reason, ''), late.reason)
from main_cells as smeared
join attention_only as plain using (seed, n_layers)
join icl_changes as early on early.cell = smeared.cell
join icl_changes as late on late.cell = plain.cell and late.draw = early.draw
where smeared.family = 'smeared' and n_layers = 2

union all
select
    'not_the_warmup', shifted.cell, seed, late.draw,
    (late.middle_tokens - early.middle_tokens)
    / ((shifted.warmup_steps - plain.warmup_steps) * tokens_per_step),
    coalesce(nullif(late.reason, ''), early.reason)
from cells as shifted
join deeper as plain using (seed, model)
join icl_changes as late on late.cell = shifted.cell
join icl_changes as early on early.cell = plain.cell and early.draw = late.draw
cross join settings
where shifted.changes = 'warmup_steps' and shifted.warmup_steps <> plain.warmup_steps
