-- Grain: cell, layer, head. The heads that are induction heads at the last checkpoint: since when,
-- and what removing each does to ICL then. Reads cells, and the results of final_heads.sql and
-- removals.sql with _result after their names.
-- formed_tokens is the first checkpoint from which on the head stays an induction head.
with

others as (
    select cell, layer, head, max(step) as step
    from heads
    where kind <> 'induction'
    group by cell, layer, head
),

formed as (
    select cell, layer, head, min(heads.step) * $tokens_per_step as formed_tokens
    from heads
    left join others using (cell, layer, head)
    where heads.step > coalesce(others.step, -1)
    group by cell, layer, head
),

carried as (
    select
        cell, layer, head,
        arg_max(delta_icl, mode = $full_mode) as delta_icl,
        arg_max(delta_icl_low, mode = $full_mode) as delta_icl_low,
        arg_max(delta_icl_high, mode = $full_mode) as delta_icl_high
    from removals_result
    where replacement = 'zero'
    group by cell, layer, head
)

select
    cells.panel, cells.seed, cell, final_heads_result.name, prefix_matching, formed_tokens,
    delta_icl, delta_icl_low, delta_icl_high
from final_heads_result
join formed using (cell, layer, head)
join carried using (cell, layer, head)
join cells using (cell)
where kind = 'induction'
order by place, seed, prefix_matching desc, layer, head
