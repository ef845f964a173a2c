-- Grain: cell, step, layer, head, mode. What removing a head does: to ICL and to the loss.
-- delta_icl is ICL without the head minus ICL of the whole model, on the same sequences:
-- positive where the head carries in-context learning.
with

per_head as (
    select cell, step, layer, head, mode, avg(late - early) as icl, avg(mean) as loss
    from ablations
    group by cell, step, layer, head, mode
),

whole as (
    select cell, step, icl, loss
    from per_head
    where mode = 'none'
)

select
    per_head.cell,
    per_head.step * $tokens_per_step as tokens,
    per_head.layer,
    format('L{}H{}', per_head.layer, per_head.head) as name,
    per_head.mode,
    per_head.icl - whole.icl as delta_icl,
    per_head.loss - whole.loss as delta_loss
from per_head
join whole using (cell, step)
where per_head.mode <> 'none'
order by per_head.cell, per_head.step, per_head.layer, per_head.head, per_head.mode
