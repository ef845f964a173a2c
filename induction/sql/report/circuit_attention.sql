-- Grain: cell, step, probe, layer, head. Attention patterns as lists of their lower triangles, row by
-- row, in 255ths, of the cells shown in detail. Reads cells.
select
    cell, step, probe, layer, head,
    list(weight order by query, key) as weights
from attention
join cells using (cell)
where is_detailed
group by place, seed, cell, step, probe, layer, head
order by place, seed, step, probe, layer, head
