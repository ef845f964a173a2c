-- Grain: panel, probe, block, repeat. The loss of random blocks each time they come round, at the
-- last checkpoint, mean over probes and a panel's seeds. Reads cells.
select panel, probe, block, repeat, avg(loss) as loss
from last_rows('repeats')
join cells using (cell)
group by place, panel, probe, block, repeat
order by place, probe, block, repeat
