-- Grain: cell, seq. Every loss of the passages shown, in twentieths of a nat, of the cells shown
-- in detail: for each checkpoint in order those of all positions in order.
-- Reads the results of moments.sql and passages.sql with _result after their names.
select
    cell, seq,
    list(distinct step order by step) as steps,
    list(least(round(20 * loss), 32767)::smallint order by step, pos) as losses
from losses
join moments_result using (cell)
join passages_result using (seq)
group by cell, seq
order by cell, seq
