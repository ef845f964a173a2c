-- Grain: cell, probe. The tokens of the probes of the attention patterns, of the cells shown in
-- detail. Reads cells.
select cell, probe, list(token order by pos) as tokens
from shown
join cells using (cell)
where is_detailed
group by place, seed, cell, probe
order by place, seed, probe
