-- Grain: claim, cell. What single heads carry, by pattern-preserving zero ablation at the last
-- checkpoint, in attention-only models of two and more layers.
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
        cell, seed, kind,
        avg(removed.icl - whole.icl) as delta_icl,
        -sum((removed.sampled - whole.sampled) * b) / nullif(sum(b * b), 0) as undone
    from attention_only
    join removed using (cell)
    join whole using (cell, step, seq)
    join heads using (cell, step, layer, head)
    left join before_and_after using (cell, seq)
    group by cell, seed, layer, head, kind
),

per_cell as (
    select
        cell, seed,
        avg((kind = 'induction')::int) filter (delta_icl >= 0.1) as induction_among_carriers,
        avg((delta_icl < 0)::int) filter (kind <> 'induction') as others_raising,
        max(undone) filter (kind = 'induction') as undone_by_induction,
        max(undone) filter (kind <> 'induction') as undone_by_others
    from per_head
    group by cell, seed
)

select claim, cell, seed, value, reason
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
