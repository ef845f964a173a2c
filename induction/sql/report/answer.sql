-- Grain: cell, step. Matched ICL and the highest prefix matching of any head over training, of the
-- cells shown in detail. Reads cells, curves_result and heads_result.
select cell, tokens, icl_matched, max(prefix_matching) as prefix_matching
from curves_result
join heads_result using (cell, tokens)
join cells using (cell)
where is_detailed
group by place, cell, tokens, icl_matched
order by place, tokens
