-- Grain: cell, step, layer, head, mode. What setting a head's output to zero does to ICL, over
-- training, in the first cell of every panel.
-- delta_icl is ICL without the head minus ICL of the whole model, on the same sequences:
-- positive where the head carries in-context learning. Reads cells.
with

per_head as (
    select cell, place, step, layer, head, mode, avg(late - late_short) as icl
    from ablations
    join cells using (cell)
    where is_first and replacement in ('zero', 'none')
    group by cell, place, step, layer, head, mode
),

whole as (
    select cell, step, icl
    from per_head
    where mode = 'none'
)

select
    per_head.cell,
    per_head.step * $tokens_per_step as tokens,
    per_head.layer,
    format('L{}H{}', per_head.layer, per_head.head) as name,
    per_head.mode,
    per_head.icl - whole.icl as delta_icl
from per_head
join whole using (cell, step)
where per_head.mode <> 'none'
order by per_head.place, per_head.step, per_head.layer, per_head.head, per_head.mode
