-- Grain: cell, step, layer, head, row, role. Bugs of skip-trigrams, of the cells shown in detail.
-- Reads cells.
select cell, step, layer, head, skip_trigram_bugs.row, role, source, destination, out, effect, seen,
    pairs, lift, step = max(step) over (partition by cell) as is_last
from skip_trigram_bugs
join cells using (cell)
where is_detailed
order by place, seed, step, layer, head, skip_trigram_bugs.row, role
