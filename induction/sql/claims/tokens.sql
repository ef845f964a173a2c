-- Grain: claim, cell, draw. What the window does to tokens whose two predecessors stood together
-- before in the context: continued as the last time, continued as never before, and (for
-- comparison) a new pair. What continues as some time before, but not the last time, is neither.
-- Reads deeper, losses, eval.
with

pairs as (
    select
        seq, pos, token,
        lag(token) over w as before,
        lead(token) over w as target
    from eval
    window w as (partition by seq order by pos)
),

continued as (
    select
        seq, pos, target,
        lag(target) over (partition by seq, before, token order by pos) as then_target,
        row_number() over (partition by seq, before, token, target order by pos) > 1 as seen_so
    from pairs
    where before is not null and target is not null
),

kinds as (
    select
        seq, pos, case
            when then_target is null then 'new'
            when then_target = target then 'same'
            when not seen_so then 'other'
        end as kind
    from continued
),

of_sequences as (
    select deeper.cell, before.seq, kind, sum(after.loss - before.loss) as change, count(*) as tokens
    from deeper
    join losses as before on before.cell = deeper.cell and before.step = start_step
    join losses as after
        on after.cell = deeper.cell
        and after.step = end_step
        and after.seq = before.seq
        and after.pos = before.pos
    join kinds on kinds.seq = before.seq and kinds.pos = before.pos
    where is_phase_change
    group by deeper.cell, before.seq, kind
),

drawn as (
    select cell, draw, kind, sum(weight * change) / nullif(sum(weight * tokens), 0) as change
    from of_sequences
    join draws_of('of_sequences') using (cell, seq)
    group by cell, draw, kind
),

per_cell as (
    select
        cell, seed,
        coalesce(draw, 0) as draw,
        max(change) filter (kind = 'same') as same,
        max(change) filter (kind = 'other') as other,
        max(change) filter (kind = 'new') as new,
        if(is_phase_change, '', 'the phase rule finds no change') as reason
    from deeper
    left join drawn using (cell)
    group by all
)

select claim, cell, seed, draw, value, reason
from per_cell
cross join lateral (
    values ('repeats_improve', same - new), ('new_continuations_worsen', other)
) as claims(claim, value)
