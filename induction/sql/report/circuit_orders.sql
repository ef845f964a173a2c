-- Grain: cell, order. Mean loss with paths through at most so many heads, at the last checkpoint.
-- Reads cells.
select
    cell, panel, seed, "order",
    avg(mean) as loss,
    lag(avg(mean)) over (partition by cell order by "order") - avg(mean) as gain
from last_rows('path_orders')
join cells using (cell)
group by place, cell, panel, seed, "order"
order by place, seed, "order"
