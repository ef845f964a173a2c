-- Grain: cell, step, layer, head, row. Skip-trigrams of one-layer models, of the cells shown in
-- detail. Reads cells.
select cell, step, layer, head, skip_trigrams.row, source, destination, out, effect, seen, pairs,
    lift, example, step = max(step) over (partition by cell) as is_last
from skip_trigrams
join cells using (cell)
where is_detailed
order by place, seed, step, layer, head, skip_trigrams.row
