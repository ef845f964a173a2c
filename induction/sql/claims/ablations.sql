-- Grain: claim, cell. What single heads carry, by pattern-preserving zero ablation at the last
-- checkpoint, in attention-only models of two and more layers.
-- Reads cells, ablations, heads, phases_windows.
with

asked as (
    select cells.cell, cells.seed, is_phase_change, start_tokens, end_tokens
    from cells
    join phases_windows as windows using (cell)
    where is_main and n_layers >= 2 and not smeared_keys and not mlp
),

whole as (
    select cell, step, seq, late - early as icl, sampled
    from ablations
    where mode = 'none'
),

lasts as (
    select cell, max(step) as step from ablations group by cell
),

before_and_after as (
    select
        asked.cell,
        seq,
        max(sampled) filter (step * $tokens_per_step = end_tokens)
            - max(sampled) filter (step * $tokens_per_step = start_tokens) as b
    from asked
    join whole using (cell)
    where is_phase_change
    group by asked.cell, seq
),

per_head as (
    select
        asked.cell,
        asked.seed,
        kind,
        avg(removed.late - removed.early - whole.icl) as delta_icl,
        -sum((removed.sampled - whole.sampled) * b) / nullif(sum(b * b), 0) as undone
    from asked
    join lasts using (cell)
    join ablations as removed using (cell, step)
    join whole using (cell, step, seq)
    join heads using (cell, step, layer, head)
    left join before_and_after using (cell, seq)
    where removed.replacement = 'zero' and removed.mode = 'pattern'
    group by asked.cell, asked.seed, layer, head, kind
),

counted as (
    select
        cell,
        seed,
        avg((kind = 'induction')::int) filter (delta_icl >= 0.1) as induction_among_carriers,
        avg((delta_icl < 0)::int) filter (kind <> 'induction') as others_raising,
        max(undone) filter (kind = 'induction') as undone_by_induction,
        max(undone) filter (kind <> 'induction') as undone_by_others
    from per_head
    group by cell, seed
)

select
    'carriers_are_induction_heads' as claim,
    cell,
    seed,
    induction_among_carriers as value,
    if(induction_among_carriers is null, 'no head carries 0.1 nats', '') as reason
from counted

union all
select
    'others_raise_icl',
    cell,
    seed,
    others_raising,
    if(others_raising is null, 'every head is an induction head', '')
from counted

union all
select
    'undo_the_change',
    cell,
    seed,
    undone_by_induction - undone_by_others,
    case
        when undone_by_induction is not null and undone_by_others is not null then ''
        when undone_by_others is null then 'no window, or no other head'
        else 'no induction head'
    end
from counted
