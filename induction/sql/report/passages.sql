-- Grain: seq. Three passages of the evaluation set: those that gain most, as the middle one, and
-- least between the moments compared, in the mean over the cells shown in detail.
-- Reads the result of moments.sql.
with

changes as (
    select seq, avg(change) as change
    from loss_changes('losses', 'moments_result')
    group by seq
),

ranked as (
    select
        seq, change,
        row_number() over (order by change, seq) as place,
        count(*) over () as n
    from changes
),

texts as (
    select seq, list(text order by pos) as tokens
    from eval
    join vocabulary using (token)
    group by seq
)

select seq, change, name as document, start, texts.tokens
from ranked
join texts using (seq)
join eval_sequences using (seq)
join documents using (document)
where place in (1, (n + 1) // 2, n)
order by place
