-- Grain: cell, step, span, after. The logit lens, of the cells shown in detail. Reads cells.
select cell, step, span, "after", loss, accuracy, kl
from lens
join cells using (cell)
where is_detailed
order by place, seed, step, span, "after"
