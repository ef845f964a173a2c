-- Grain: cell, seq, pos. The tokens of the evaluation set whose loss falls and rises most between
-- the moments compared, in the cells shown in detail: $shown of each, one per sequence so that they
-- differ, with the $context tokens before them.
-- Reads the result of moments.sql.
with

changes as materialized (
    from loss_changes('losses', 'moments_result')
),

extremes as (
    select cell, seq, arg_min(pos, (change, pos)) as pos, true as falls
    from changes
    group by cell, seq
    union all
    select cell, seq, arg_max(pos, (change, -pos)) as pos, false as falls
    from changes
    group by cell, seq
),

ranked as (
    select
        *,
        row_number() over (
            partition by cell, falls order by if(falls, change, -change), seq, pos
        ) as place
    from extremes
    join changes using (cell, seq, pos)
    where if(falls, change < 0, change > 0)
),

kept as materialized (
    select *
    from ranked
    where place <= $shown
),

contexts as materialized (
    select cell, seq, kept.pos, list(text order by eval.pos) as tokens
    from kept
    join eval using (seq)
    join vocabulary using (token)
    where eval.pos between kept.pos - $context + 1 and kept.pos + 1
    group by cell, seq, kept.pos
)

select
    cell, seq, pos, before, after, change,
    name as document,
    contexts.tokens
from kept
join contexts using (cell, seq, pos)
join eval_sequences using (seq)
join documents using (document)
order by cell, change, seq, pos
