-- Grain: cell, seq, pos. The loss over training of the tokens that gain and lose most, one value
-- per checkpoint. Reads the result of token_changes.sql with _result after its name.
select cell, seq, pos, list(round(loss, 3) order by step) as losses
from losses
semi join token_changes_result using (cell, seq, pos)
group by cell, seq, pos
order by cell, seq, pos
