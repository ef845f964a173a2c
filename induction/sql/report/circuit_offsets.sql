-- Grain: cell, step, layer, head. Attention by distance, of the position circuit and measured, a list
-- each, of the cells shown in detail. Reads cells.
select
    cell, step, layer, head,
    list(by_position order by "offset") as by_position,
    list(measured order by "offset") as measured,
    step = max(step) over (partition by cell) as is_last
from offsets
join cells using (cell)
where is_detailed
group by place, seed, cell, step, layer, head
order by place, seed, step, layer, head
