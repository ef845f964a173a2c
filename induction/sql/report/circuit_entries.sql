-- Grain: cell, step, layer, head, circuit, row. The largest entries of the token circuits, their
-- columns as lists, of the cells shown in detail. Reads cells.
select
    cell, step, layer, head, circuit, entries.row,
    any_value(token) as token,
    list(other order by entries.place) as others,
    list(value order by entries.place) as nats
from entries
join cells using (cell)
where is_detailed
group by cells.place, seed, cell, step, layer, head, circuit, entries.row
order by cells.place, seed, step, layer, head, circuit, entries.row
