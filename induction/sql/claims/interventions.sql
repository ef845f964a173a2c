-- Grain: claim, cell, draw. What sets of heads, their patterns and idealised patterns carry, at the
-- last checkpoint. A share of ICL is 1 - ICL(with the intervention) / ICL(whole model).
-- Reads deeper, interventions, intervention_heads.
with

paired as (
    select
        edited.cell, edited.step, edited.intervention,
        edited.draw as set_number,
        edited.seq,
        (edited.late - edited.late_short) - (whole.late - whole.late_short) as lost,
        whole.late_short - whole.late as gain,
        edited.mean - whole.mean as gap
    from interventions as edited
    join interventions as whole using (cell, step, seq)
    semi join deeper using (cell)
    where whole.intervention = 'none'
        and edited.intervention in (
            'without_induction', 'without_previous_token', 'random_induction', 'knockout',
            'knockout_random', 'ideal_previous', 'ideal_induction', 'ideal_trigram'
        )
        and (
            edited.intervention = 'without_induction'
            or step = (select max(step) from interventions where cell = edited.cell)
        )
),

-- What goes with an intervention, of the gain in nats that is ICL, and in nats of loss.
carried as (
    select
        cell, step, draw, intervention, set_number,
        sum(weight * lost) / sum(weight) as lost,
        sum(weight * gain) / sum(weight) as gain,
        sum(weight * gap) / sum(weight) as gap
    from paired
    join draws_of('paired') using (cell, seq)
    group by all
),

at_end as (
    select
        cell, draw,
        max(gain) as gain,
        max(lost) filter (intervention = 'without_induction') as induction,
        avg(lost) filter (intervention = 'random_induction') as random_mean,
        max(lost) filter (intervention = 'random_induction') as random_most,
        max(lost) filter (intervention = 'knockout') as knockout,
        max(lost) filter (intervention = 'knockout_random') as knockout_random,
        max(gap) filter (intervention = 'without_induction') as without_induction,
        max(gap) filter (intervention = 'without_previous_token') as without_previous,
        max(gap) filter (intervention = 'ideal_previous') as ideal_previous,
        max(gap) filter (intervention = 'ideal_induction') as ideal_induction,
        max(gap) filter (intervention = 'ideal_trigram') as ideal_trigram
    from carried
    semi join last_rows('interventions') using (cell, step)
    group by cell, draw
),

-- Where there is no induction head, none carries anything, and there is nothing to divide by.
throughout as (
    select
        cell, draw,
        min(if(is_defined, lost / gain, 0)) as least,
        min(gain) as least_gain
    from intervention_heads
    join deeper using (cell)
    cross join (select distinct draw from draws) as every_draw
    left join carried using (cell, step, intervention, draw)
    where intervention = 'without_induction' and is_phase_change and step >= end_step
    group by cell, draw
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

per_cell as (
    select
        deeper.*,
        every_draw.draw,
        no_induction, no_previous,
        coalesce(nullif(no_induction, ''), no_random) as no_sets,
        at_end.* exclude (cell, draw),
        1 - ideal_previous / without_previous as recovered_previous,
        1 - ideal_induction / without_induction as recovered_induction,
        1 - ideal_trigram / without_induction as recovered_trigram,
        least, least_gain
    from deeper
    join reasons using (cell)
    cross join (select distinct draw from draws) as every_draw
    left join at_end using (cell, draw)
    left join throughout using (cell, draw)
),

without_mlp as (
    from per_cell where family = 'attention_only'
),

with_mlp as (
    from per_cell where family = 'mlp'
)

select claim, cell, seed, draw, value, reason, divisor, divisor_name
from without_mlp
cross join lateral (
    values
        ('carry_the_majority', induction / gain, no_induction, gain, 'ICL gained'),
        ('carry_almost_all', induction / gain, no_induction, gain, 'ICL gained'),
        (
            'carry_throughout', least, 'the phase rule finds no change', least_gain,
            'ICL gained by a checkpoint'
        ),
        (
            'random_sets_small', random_mean / induction, no_sets, induction,
            'ICL that goes with induction heads'
        ),
        ('beats_every_random_set', (induction - random_most) / gain, no_sets, gain, 'ICL gained'),
        (
            'knockout_of_the_pattern', knockout / induction, no_induction, induction,
            'ICL that goes with induction heads'
        ),
        (
            'knockout_of_other_keys', knockout_random / knockout, no_induction, knockout,
            'ICL that goes with the pattern'
        ),
        (
            'exact_previous_token', recovered_previous, no_previous, without_previous,
            'the loss gap of their removal'
        ),
        (
            'exact_induction', recovered_induction, no_induction, without_induction,
            'the loss gap of their removal'
        ),
        (
            'three_gram_helps', recovered_trigram - recovered_induction, no_induction,
            without_induction, 'the loss gap of their removal'
        )
) as claims(claim, value, reason, divisor, divisor_name)

union all
select 'mlp_carry_the_majority', cell, seed, draw, induction / gain, no_induction, gain, 'ICL gained'
from with_mlp

union all
select
    'mlp_carry_less', bigger.cell, seed, draw,
    bigger.induction / bigger.gain - plain.induction / plain.gain,
    coalesce(nullif(bigger.no_induction, ''), plain.no_induction),
    least(bigger.gain, plain.gain), 'ICL gained by the model with less'
from with_mlp as bigger
join without_mlp as plain using (seed, n_layers, draw)
