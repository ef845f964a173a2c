-- Grain: claim, cell. What the window does to tokens whose two predecessors stood together
-- before in the context: continued as the last time, continued as never before, and (for
-- comparison) a new pair. What continues as some time before, but not the last time, is neither.
-- Reads cells, phases_windows, losses, eval.
with

pairs as (
    select
        seq,
        pos,
        token,
        lag(token) over w as before,
        lead(token) over w as target
    from eval
    window w as (partition by seq order by pos)
),

continued as (
    select
        seq,
        pos,
        target,
        lag(target) over (partition by seq, before, token order by pos) as then_target,
        row_number() over (partition by seq, before, token, target order by pos) > 1 as seen_so
    from pairs
    where before is not null and target is not null
),

kinds as (
    select
        seq,
        pos,
        case
            when then_target is null then 'new'
            when then_target = target then 'same'
            when not seen_so then 'other'
        end as kind
    from continued
),

edges as (
    select cells.cell, cells.seed, is_phase_change, start_tokens, end_tokens
    from cells
    join phases_windows as windows using (cell)
    where is_main and n_layers >= 2 and not smeared_keys
),

changes as (
    select edges.cell, edges.seed, kind, avg(after.loss - before.loss) as change
    from edges
    join losses as before
        on before.cell = edges.cell and before.step * $tokens_per_step = start_tokens
    join losses as after
        on after.cell = edges.cell
        and after.step * $tokens_per_step = end_tokens
        and after.seq = before.seq
        and after.pos = before.pos
    join kinds on kinds.seq = before.seq and kinds.pos = before.pos
    where is_phase_change
    group by edges.cell, edges.seed, kind
),

asked as (
    select
        cell,
        seed,
        max(change) filter (kind = 'same') as same,
        max(change) filter (kind = 'other') as other,
        max(change) filter (kind = 'new') as new
    from changes
    group by cell, seed
)

select 'repeats_improve' as claim, cell, seed, same - new as value, '' as reason from asked
union all
select 'new_continuations_worsen', cell, seed, other, '' from asked
union all
select claim, cell, seed, null, 'the phase rule finds no change'
from edges, (values ('repeats_improve'), ('new_continuations_worsen')) as named(claim)
where not is_phase_change
