-- Grain: cell, step, row. The likeliest next tokens of the direct path and of the text, as lists, of
-- the cells shown in detail. Reads cells.
select
    cell, step, direct_tokens.row,
    any_value(source) as source,
    list(out order by direct_tokens.place) as by_path,
    list(probability order by direct_tokens.place) as probability,
    list(text_out order by direct_tokens.place) as by_text,
    list(text_share order by direct_tokens.place) as share
from direct_tokens
join cells using (cell)
where is_detailed
group by cells.place, seed, cell, step, direct_tokens.row
order by cells.place, seed, step, direct_tokens.row
