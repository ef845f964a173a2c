-- Grain: claim, cell. The rows of a query of claims (statistics), with the draws as a list, from
-- draw 0 on. Ratios say what they are divided by, others have nulls there.
select
    claim, cell, seed,
    list(value order by draw) as values,
    any_value(reason) filter (draw = 0) as reason,
    list(divisor order by draw) as divisors,
    any_value(divisor_name) as divisor_name
from (
    from statistics
    union all by name
    select null::double as divisor, '' as divisor_name where false
)
group by claim, cell, seed
order by claim, cell
