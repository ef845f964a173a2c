-- Grain: claim, cell, draw. What single heads carry, by pattern-preserving zero ablation at the
-- last checkpoint, in attention-only models of two and more layers. Kinds of heads are given.
-- Reads attention_only, ablations, heads.
with

whole as (
    select cell, step, seq, late - late_short as icl, sampled
    from ablations
    where mode = 'none'
),

removed as (
    select cell, step, layer, head, seq, late - late_short as icl, sampled
    from last_rows('ablations')
    where replacement = 'zero' and mode = 'pattern'
),

before_and_after as (
    select
        cell, seq,
        max(sampled) filter (step = end_step) - max(sampled) filter (step = start_step) as b
    from attention_only
    join whole using (cell)
    where is_phase_change
    group by cell, seq
),

per_head as (
    select
        cell, seed, draw, kind,
        sum(weight * (removed.icl - whole.icl)) / sum(weight) as delta_icl,
        -sum(weight * (removed.sampled - whole.sampled) * b)
        / nullif(sum(weight * b * b), 0) as undone
    from attention_only
    join removed using (cell)
    join whole using (cell, step, seq)
    join heads using (cell, step, layer, head)
    join draws_of('removed') using (cell, seq)
    left join before_and_after using (cell, seq)
    group by cell, seed, draw, layer, head, kind
),

per_cell as (
    select
        cell, seed, draw,
        avg((kind = 'induction')::int) filter (delta_icl >= 0.1) as induction_among_carriers,
        avg((delta_icl < 0)::int) filter (kind <> 'induction') as others_raising,
        max(undone) filter (kind = 'induction') as undone_by_induction,
        max(undone) filter (kind <> 'induction') as undone_by_others
    from per_head
    group by cell, seed, draw
)

select claim, cell, seed, draw, value, reason
from per_cell
cross join lateral (
    values
        (
            'carriers_are_induction_heads', induction_among_carriers,
            'no head carries 0.1 nats'
        ),
        ('others_raise_icl', others_raising, 'every head is an induction head'),
        (
            'undo_the_change', undone_by_induction - undone_by_others,
            if(undone_by_others is null, 'no window, or no other head', 'no induction head')
        )
) as claims(claim, value, reason)
