-- Grain: claim, cell. What sets of heads, their patterns and idealised patterns carry, at the
-- last checkpoint. A share of ICL is 1 - ICL(with the intervention) / ICL(whole model).
-- Reads deeper, interventions, intervention_heads.
with

whole as (
    select cell, step, avg(late - late_short) as icl, avg(mean) as loss
    from interventions
    where intervention = 'none'
    group by cell, step
),

shares as (
    select
        cell, step, intervention, draw,
        1 - avg(late - late_short) / any_value(whole.icl) as share,
        avg(mean) - any_value(whole.loss) as gap
    from interventions
    join whole using (cell, step)
    group by cell, step, intervention, draw
),

at_end as (
    select
        cell,
        max(share) filter (intervention = 'without_induction') as induction,
        avg(share) filter (intervention = 'random_induction') as random_mean,
        max(share) filter (intervention = 'random_induction') as random_most,
        max(share) filter (intervention = 'knockout') as knockout,
        max(share) filter (intervention = 'knockout_random') as knockout_random,
        max(gap) filter (intervention = 'without_induction') as without_induction,
        max(gap) filter (intervention = 'without_previous_token') as without_previous,
        max(gap) filter (intervention = 'ideal_previous') as ideal_previous,
        max(gap) filter (intervention = 'ideal_induction') as ideal_induction,
        max(gap) filter (intervention = 'ideal_trigram') as ideal_trigram
    from last_rows('shares')
    group by cell
),

-- Where there is no induction head, none carries anything.
throughout as (
    select cell, min(if(is_defined, share, 0)) as least
    from intervention_heads
    join deeper using (cell)
    left join shares using (cell, step, intervention)
    where intervention = 'without_induction' and is_phase_change and step >= end_step
    group by cell
),

reasons as (
    select
        cell,
        max(reason) filter (intervention = 'without_induction') as no_induction,
        max(reason) filter (intervention = 'without_previous_token') as no_previous,
        max(reason) filter (intervention = 'random_induction') as no_random
    from last_rows('intervention_heads')
    group by cell
),

carried as (
    select
        cell, seed, family, n_layers, induction, random_mean, random_most, knockout,
        knockout_random,
        1 - ideal_previous / without_previous as recovered_previous,
        1 - ideal_induction / without_induction as recovered_induction,
        1 - ideal_trigram / without_induction as recovered_trigram,
        least, no_induction, no_previous,
        coalesce(nullif(no_induction, ''), no_random) as no_sets
    from deeper
    join at_end using (cell)
    join reasons using (cell)
    left join throughout using (cell)
),

without_mlp as (
    from carried where family = 'attention_only'
),

with_mlp as (
    from carried where family = 'mlp'
)

select claim, cell, seed, value, reason
from without_mlp
cross join lateral (
    values
        ('carry_the_majority', induction, no_induction),
        ('carry_almost_all', induction, no_induction),
        ('carry_throughout', least, 'the phase rule finds no change'),
        ('random_sets_small', random_mean / induction, no_sets),
        ('beats_every_random_set', induction - random_most, no_sets),
        ('knockout_of_the_pattern', knockout / induction, no_induction),
        ('knockout_of_other_keys', knockout_random / knockout, no_induction),
        ('exact_previous_token', recovered_previous, no_previous),
        ('exact_induction', recovered_induction, no_induction),
        ('three_gram_helps', recovered_trigram - recovered_induction, no_induction)
) as claims(claim, value, reason)

union all
select 'mlp_carry_the_majority', cell, seed, induction, no_induction from with_mlp

union all
select
    'mlp_carry_less', bigger.cell, seed, bigger.induction - plain.induction,
    coalesce(nullif(bigger.no_induction, ''), plain.no_induction)
from with_mlp as bigger
join without_mlp as plain using (seed, n_layers)
