-- Grain: cell, seq, pos. The tokens of the evaluation set whose loss falls and rises most between
-- the moments compared, in the cells shown in detail: $shown of each, one per sequence so that they
-- differ, with the $context tokens before them.
-- Reads the result of moments.sql with _result after its name.
with

before_ as materialized (
    select cell, seq, pos, loss
    from losses
    semi join (select cell, before as step from moments_result) using (cell, step)
),

after_ as materialized (
    select cell, seq, pos, loss
    from losses
    semi join (select cell, after as step from moments_result) using (cell, step)
),

changes as materialized (
    select
        cell,
        seq,
        pos,
        before_.loss as before,
        after_.loss as after,
        after_.loss - before_.loss as change
    from before_
    join after_ using (cell, seq, pos)
),

firsts as (
    select cell, seq, unnest([arg_min(pos, (change, pos)), arg_max(pos, (change, -pos))]) as pos
    from changes
    group by cell, seq
),

ranked as (
    select
        *,
        row_number() over (partition by cell order by change, seq, pos) as fallen,
        row_number() over (partition by cell order by change desc, seq, pos) as risen
    from (select distinct * from firsts)
    join changes using (cell, seq, pos)
),

kept as materialized (
    select *
    from ranked
    where (fallen <= $shown and change < 0) or (risen <= $shown and change > 0)
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
    cell,
    seq,
    pos,
    before,
    after,
    change,
    name as document,
    contexts.tokens
from kept
join contexts using (cell, seq, pos)
join eval_sequences using (seq)
join documents using (document)
order by cell, change, seq, pos
