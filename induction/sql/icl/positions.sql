-- Grain: step, pos. The loss curve over the context: one row of the two-dimensional loss map.
select step, pos, avg(loss) as loss
from losses
group by step, pos
order by step, pos
