-- Grain: cell. The phase window of every cell, with the panel it is drawn in. Reads cells.
select panel, seed, is_periodic, phases_windows.*
from phases_windows
join cells using (cell)
order by place, seed
