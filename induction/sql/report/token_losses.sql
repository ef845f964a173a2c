-- Grain: cell, seq, pos. The loss over training of the tokens that gain and lose most, one value
-- per checkpoint. Reads the result of token_changes.sql with _result after its name.
select cell, seq, pos, list(round(loss, 3) order by step) as losses
from losses
semi join token_changes_result using (cell, seq, pos)
-- A filter of one column leaves few rows that are compared by all three.
where seq in (select seq from token_changes_result)
group by cell, seq, pos
order by cell, seq, pos
