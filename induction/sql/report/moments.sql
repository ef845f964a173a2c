-- Grain: cell. Between which two checkpoints the tokens of a cell shown in detail are compared:
-- the window's start and end, or without a change the first quarter and the end. Only cells on the
-- study's own text: others have evaluation sets of their own. Reads cells.
with

moments as (
    select
        cell, place,
        coalesce(
            max(step) filter ("at" = 'start'),
            max(step) filter ("at" = '25 %'),
            min(step)
        ) as before,
        coalesce(max(step) filter ("at" = 'end'), max(step)) as after,
        bool_or("at" = 'start') as is_window
    from readings
    join cells using (cell)
    where is_detailed and corpus = ''
    group by place, cell
)

select
    cell, before, after,
    before * $tokens_per_step as before_tokens,
    after * $tokens_per_step as after_tokens,
    is_window
from moments
order by place
