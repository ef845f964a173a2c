-- Grain: claim, cell. What sets of heads, their patterns and idealised patterns carry, at the
-- last checkpoint. A share of ICL is 1 - ICL(with the intervention) / ICL(whole model).
-- Reads cells, interventions, intervention_heads, phases_windows.
with

deeper as (
    select * from cells where is_main and n_layers >= 2 and not smeared_keys
),

whole as (
    select cell, step, avg(late - early) as icl, avg(mean) as loss
    from interventions
    where intervention = 'none'
    group by cell, step
),

shares as (
    select
        cell,
        step,
        intervention,
        draw,
        1 - avg(late - early) / any_value(whole.icl) as share,
        avg(mean) as loss,
        any_value(whole.loss) as loss_whole
    from interventions
    join whole using (cell, step)
    group by cell, step, intervention, draw
),

lasts as (
    select cell, max(step) as step from interventions group by cell
),

at_end as (
    select
        cell,
        max(share) filter (intervention = 'without_induction') as induction,
        avg(share) filter (intervention = 'random_induction') as random_mean,
        max(share) filter (intervention = 'random_induction') as random_most,
        max(share) filter (intervention = 'knockout') as knockout,
        max(share) filter (intervention = 'knockout_random') as knockout_random,
        max(loss_whole) as loss_whole,
        max(loss) filter (intervention = 'without_induction') as without_induction,
        max(loss) filter (intervention = 'without_previous_token') as without_previous,
        max(loss) filter (intervention = 'ideal_previous') as ideal_previous,
        max(loss) filter (intervention = 'ideal_induction') as ideal_induction,
        max(loss) filter (intervention = 'ideal_trigram') as ideal_trigram
    from shares
    join lasts using (cell, step)
    group by cell
),

-- Where there is no induction head, none carries anything.
throughout as (
    select intervention_heads.cell, min(case when is_defined then share else 0 end) as least
    from intervention_heads
    join phases_windows as windows using (cell)
    left join shares using (cell, step, intervention)
    where intervention = 'without_induction'
        and is_phase_change
        and step * $tokens_per_step >= end_tokens
    group by intervention_heads.cell
),

whys as (
    select
        cell,
        max(reason) filter (intervention = 'without_induction') as induction,
        max(reason) filter (intervention = 'without_previous_token') as previous,
        max(reason) filter (intervention = 'random_induction') as random
    from intervention_heads
    join lasts using (cell, step)
    group by cell
),

recovered as (
    select
        cell,
        1 - (ideal_previous - loss_whole) / (without_previous - loss_whole) as previous,
        1 - (ideal_induction - loss_whole) / (without_induction - loss_whole) as induction,
        1 - (ideal_trigram - loss_whole) / (without_induction - loss_whole) as trigram
    from at_end
),

found as (
    select
        deeper.cell,
        deeper.seed,
        deeper.n_layers,
        deeper.mlp,
        at_end.* exclude (cell),
        least,
        recovered.previous as recovered_previous,
        recovered.induction as recovered_induction,
        recovered.trigram as recovered_trigram,
        whys.induction as why_induction,
        whys.previous as why_previous,
        whys.random as why_random
    from deeper
    join at_end using (cell)
    join recovered using (cell)
    join whys using (cell)
    left join throughout using (cell)
),

attention_only as (
    select * from found where not mlp
),

listed as (
    select 'carry_the_majority' as claim, cell, seed, induction as value, why_induction as why
    from attention_only
    union all
    select 'carry_almost_all', cell, seed, induction, why_induction from attention_only
    union all
    select
        'carry_throughout',
        cell,
        seed,
        least,
        'the phase rule finds no change'
    from attention_only
    union all
    select 'mlp_carry_the_majority', cell, seed, induction, why_induction from found where mlp
    union all
    select
        'mlp_carry_less',
        own.cell,
        own.seed,
        own.induction - plain.induction,
        coalesce(nullif(own.why_induction, ''), plain.why_induction)
    from found as own
    join attention_only as plain using (seed, n_layers)
    where own.mlp
    union all
    select 'random_sets_small', cell, seed, random_mean / induction,
        coalesce(nullif(why_induction, ''), why_random)
    from attention_only
    union all
    select 'beats_every_random_set', cell, seed, induction - random_most,
        coalesce(nullif(why_induction, ''), why_random)
    from attention_only
    union all
    select 'knockout_of_the_pattern', cell, seed, knockout / induction, why_induction
    from attention_only
    union all
    select 'knockout_of_other_keys', cell, seed, knockout_random / knockout, why_induction
    from attention_only
    union all
    select 'exact_previous_token', cell, seed, recovered_previous, why_previous
    from attention_only
    union all
    select 'exact_induction', cell, seed, recovered_induction, why_induction
    from attention_only
    union all
    select 'three_gram_helps', cell, seed, recovered_trigram - recovered_induction, why_induction
    from attention_only
)

select claim, cell, seed, value, if(value is null, why, '') as reason
from listed
