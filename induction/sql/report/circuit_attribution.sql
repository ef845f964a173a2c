-- Grain: cell, step, span, layer, part. What every part of the residual stream gives the logits, of
-- the cells shown in detail. Reads cells.
select cell, step, span, layer, part, logit, difference,
    step = max(step) over (partition by cell) as is_last
from attribution
join cells using (cell)
where is_detailed
order by place, seed, step, span, layer, part
