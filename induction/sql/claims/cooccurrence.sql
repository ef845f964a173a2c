-- Grain: claim, cell. Claims about when signals change, and whether together.
-- A signal that does not change overlaps with nothing; one that has no curve is not defined.
-- Reads cells, phases, phases_overlaps.
with

deeper as (
    select * from cells where is_main and n_layers >= 2 and not smeared_keys
),

estimators as (
    select distinct estimator from phases
),

pairs as (
    select cell, estimator, signal, other, overlap from phases_overlaps
    union all
    select cell, estimator, other, signal, overlap from phases_overlaps
),

claimed(claim, signal) as (
    values
        ('prefix_matching_in_window', 'prefix_matching'),
        ('loss_bump_in_window', 'loss_bump'),
        ('pca_turns_in_window', 'pca_turn'),
        ('qk_trace_in_window', 'qk_trace')
),

icl_changes as (
    select cell, estimator, is_defined, start_tokens, middle_tokens, end_tokens, reason
    from phases
    where signal = 'icl'
)

select
    claim,
    deeper.cell,
    deeper.seed,
    case
        when count(own.rise) = count(*) then avg(coalesce(pairs.overlap, false)::int)
    end as value,
    coalesce(any_value(own.reason) filter (own.rise is null), '') as reason
from deeper
cross join estimators
cross join claimed
left join phases as own
    on own.cell = deeper.cell
    and own.estimator = estimators.estimator
    and own.signal = claimed.signal
left join pairs
    on pairs.cell = deeper.cell
    and pairs.estimator = estimators.estimator
    and pairs.signal = claimed.signal
    and pairs.other = 'icl'
group by claim, deeper.cell, deeper.seed

union all
select
    'window_is_narrow',
    cell,
    seed,
    case when is_defined then (end_tokens - start_tokens) / $tokens end,
    icl_changes.reason
from deeper
join icl_changes using (cell)
where estimator = 'levels'

union all
select
    'smeared_two_layers_earlier',
    smeared.cell,
    smeared.seed,
    case when early.is_defined and late.is_defined then early.middle_tokens - late.middle_tokens end,
    case when early.is_defined then late.reason else early.reason end
from cells as smeared
join deeper as plain
    on plain.seed = smeared.seed and plain.n_layers = 2 and not plain.mlp
join icl_changes as early on early.cell = smeared.cell and early.estimator = 'levels'
join icl_changes as late on late.cell = plain.cell and late.estimator = 'levels'
where smeared.is_main and smeared.smeared_keys and smeared.n_layers = 2

union all
select
    'not_the_warmup',
    shifted.cell,
    shifted.seed,
    case when late.is_defined and early.is_defined then
        (late.middle_tokens - early.middle_tokens)
        / ((shifted.warmup_steps - plain.warmup_steps) * $tokens_per_step)
    end,
    case when late.is_defined then early.reason else late.reason end
from cells as shifted
join deeper as plain on plain.seed = shifted.seed and plain.model = shifted.model
join icl_changes as late on late.cell = shifted.cell and late.estimator = 'levels'
join icl_changes as early on early.cell = plain.cell and early.estimator = 'levels'
where shifted.changes = 'warmup_steps' and shifted.warmup_steps <> plain.warmup_steps
