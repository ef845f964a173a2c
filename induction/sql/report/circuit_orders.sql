-- Grain: cell, order. Mean loss with paths through at most so many heads, at the last checkpoint.
-- Reads cells.
with

lasts as (
    select cell, max(step) as step from path_orders group by cell
)

select
    cell,
    panel,
    seed,
    "order",
    avg(mean) as loss,
    lag(avg(mean)) over (partition by cell order by "order") - avg(mean) as gain
from path_orders
join lasts using (cell, step)
join cells using (cell)
group by place, cell, panel, seed, "order"
order by place, seed, "order"
